"""`python -m services dlq list|show|redrive|discard`: look at what was set aside and send it again.

A dead letter is open until it is redriven or discarded. Redrive reads its record whole from the source topic and sends
it, oldest first, to the retry topic of the processor that set it aside: there it passes the parked key, and no other
reader of the source sees it twice. When none of a key's dead letters is open any more, the key is free. Discarding
sends an empty record instead, and so does the redrive of a timer that raised: it fires again once its key is free. What
fails again is a new dead letter in the old one's place, and so is what was sent from behind it in the line of its key.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas import envelope
from schemas.dead_letters import DeadLettered, DeadLetterResolved, Resolution
from schemas.topics import DEAD_LETTERS, RETRIES, SERVICES
from services._runtime.clock import Clock, SystemClock
from services._runtime.engine.dead_letters import NO_OFFSET, NO_TENANT
from services._runtime.kafka.clients import (
    CLIENT_LOG,
    PLACE_HEADER,
    REQUEST_SECONDS,
    admin_config,
    producer_config,
    reader_config,
)
from services._runtime.processor.restore import end_offsets
from services._runtime.settings import RuntimeSettings

CLIENT_ID: Final = "dead-letters"
READ_SECONDS: Final = 60.0
COMMIT_SECONDS: Final = 30.0
LETTERS_PER_TRANSACTION: Final = 100
PAGE_RECORDS: Final = 1_000
WAIT_SECONDS: Final = 0.2
HEADERS: Final[list[tuple[str, str | bytes | None]]] = [envelope.CONTENT_TYPE_HEADER]


class Letter(NamedTuple):
    """A dead letter with the id of its event, where it lies in the dead-letter topic, and where its record is from.

    `source` is the first letter of the same record: one that failed again came by the retry topic, which keeps it for a
    shorter time.
    """

    event_id: str
    partition: int
    offset: int
    data: DeadLettered
    source: DeadLettered

    @property
    def place(self) -> int:
        """Its place in the line of its key: where the first letter of its record stands."""
        return self.data.first_offset if self.data.first_offset is not None else self.offset


class SourceGoneError(Exception):
    """The source topic no longer holds a record: its retention has passed."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `dlq` to the command line."""
    commands = subparsers.add_parser("dlq", help="dead letters: what could not be processed").add_subparsers(
        required=True
    )
    for name, run, meaning in (
        ("list", _run_list, "one line for each dead letter, oldest first"),
        ("show", _run_show, "everything about the dead letters of one key"),
        ("redrive", _run_redrive, "send records again, from their source, oldest first"),
        ("discard", _run_discard, "let a key go on without its dead letters"),
    ):
        parser = commands.add_parser(name, help=meaning)
        parser.add_argument("service", choices=SERVICES)
        parser.add_argument("--key", required=name in {"show", "discard"}, help="only this key's (a ticket id, mostly)")
        parser.set_defaults(run=run)


def open_letters(settings: RuntimeSettings, service: str, clock: Clock, key: str | None = None) -> list[Letter]:
    """Return the open dead letters of a service, oldest first, optionally of one key only.

    Raises:
        KafkaException, MissingTopicError: the brokers did not answer, the topics are not there.
        TimeoutError: the topic could not be read to its end in time.
    """
    found: dict[str, tuple[int, Letter]] = {}
    first: dict[tuple[int, int], DeadLettered] = {}
    resolved: set[str] = set()
    for message in _read_whole(settings, DEAD_LETTERS[service].name, clock):
        head = envelope.decode_head(message.value())
        data = envelope.decode_data(head.type, head.data, envelope.scope_of(head))
        if isinstance(data, DeadLetterResolved):
            resolved.add(data.letter_id)
        elif key is None or data.key == key:
            partition, offset = message.partition(), message.offset()
            source = data if data.first_offset is None else first.get((partition, data.first_offset), data)
            first[partition, offset] = data
            found[head.id] = (message.timestamp()[1], Letter(head.id, partition, offset, data, source))
    return _in_line([each for letter_id, each in found.items() if letter_id not in resolved])


def _in_line(written: list[tuple[int, Letter]]) -> list[Letter]:
    """Letters with the time they were written at, oldest first; those of a partition by their place in line.

    A key's letters are on one partition. One that failed again stands behind what came after it, and goes before.
    """
    by_partition: defaultdict[int, list[tuple[int, Letter]]] = defaultdict(list)
    for each in sorted(written, key=lambda each: (each[1].place, each[1].offset)):
        by_partition[each[1].partition].append(each)
    timed: list[tuple[int, int, Letter]] = []
    for partition, line in by_partition.items():
        times = accumulate((at for at, _ in line), max)
        timed += [(at, partition, letter) for at, (_, letter) in zip(times, line, strict=True)]
    return [letter for _, _, letter in sorted(timed, key=lambda each: each[:2])]


def resolve(
    settings: RuntimeSettings, service: str, chosen: Sequence[Letter], clock: Clock, resolution: Resolution
) -> int:
    """Send the records of dead letters again (or empty ones in their place), in the order given, and note that.

    Records and notes are one transaction, so that a key counts each of its dead letters once: a command that is
    interrupted leaves whole letters open, which it sends when it is run again. One that runs at the same time is
    fenced; what it has settled is left alone. Returns how many were settled.

    Raises:
        SourceGoneError: a record has left its source topic; nothing was sent.
        KafkaException: the brokers did not answer, or another run took over: run it again.
        MissingTopicError, TimeoutError: as `open_letters`.
    """
    producer = Producer(producer_config(settings, f"{CLIENT_ID}-{service}"), logger=CLIENT_LOG)
    try:
        producer.init_transactions(REQUEST_SECONDS)
        still_open = {letter.event_id for letter in open_letters(settings, service, clock)}
        letters = [letter for letter in chosen if letter.event_id in still_open]
        records = [_record(settings, letter, resolution) for letter in letters]
        for first in range(0, len(letters), LETTERS_PER_TRANSACTION):
            portion = slice(first, first + LETTERS_PER_TRANSACTION)
            producer.begin_transaction()
            for letter, value in zip(letters[portion], records[portion], strict=True):
                _send(producer, letter, value)
                note = _note(letter, resolution, clock)
                producer.produce(DEAD_LETTERS[service].name, key=letter.data.key.encode(), value=note, headers=HEADERS)
            producer.commit_transaction(COMMIT_SECONDS)
        return len(letters)
    finally:
        producer.close()


def _send(producer: Producer, letter: Letter, value: bytes | None) -> None:
    """Send a record to the processor that set it aside, and to no other reader of its source."""
    retries = RETRIES.get(letter.data.processor)
    if retries is None:
        # The directory's: no key waits for it, and every start reads the topic anew.
        return
    producer.produce(
        retries.name,
        key=letter.data.key.encode(),
        value=value,
        partition=letter.data.source_partition,
        headers=[(PLACE_HEADER, str(letter.place).encode())],
    )


def _note(letter: Letter, resolution: Resolution, clock: Clock) -> bytes:
    data = DeadLetterResolved.new(letter_id=letter.event_id, key=letter.data.key, resolution=resolution)
    return envelope.encode(
        type_name=DeadLetterResolved.type_name,
        event_id=f"{letter.event_id}/{resolution.value}",
        source="/aftercare/operator",
        time=clock.now(),
        subject=letter.data.key or letter.event_id,
        tenant=NO_TENANT,
        data=data,
    )


def _record(settings: RuntimeSettings, letter: Letter, resolution: Resolution) -> bytes | None:
    """The value to send: the source's, or none where only the key is to be freed."""
    if resolution is Resolution.DISCARDED or letter.source.source_offset == NO_OFFSET:
        return None
    return _source_value(settings, letter.source)


def _source_value(settings: RuntimeSettings, data: DeadLettered) -> bytes | None:
    consumer = Consumer(reader_config(settings, CLIENT_ID), logger=CLIENT_LOG)
    try:
        consumer.assign([TopicPartition(data.source_topic, data.source_partition, data.source_offset)])
        message = consumer.poll(REQUEST_SECONDS)
        if message is None or message.error() is not None or message.offset() != data.source_offset:
            place = f"{data.source_topic}/{data.source_partition}/{data.source_offset}"
            raise SourceGoneError(f"{place} is no longer there: discard it, or send it anew at the gateway")
        return message.value()
    finally:
        consumer.close()


def _read_whole(settings: RuntimeSettings, topic: str, clock: Clock) -> Iterator[Any]:
    """Yield every committed record of a topic up to its end as of now."""
    admin = AdminClient(admin_config(settings, CLIENT_ID), logger=CLIENT_LOG)
    partitions = admin.list_topics(topic, timeout=REQUEST_SECONDS).topics[topic].partitions
    places = [TopicPartition(topic, each) for each in partitions]
    left = {partition: end for (_, partition), end in end_offsets(admin, places).items() if end > 0}
    consumer = Consumer(reader_config(settings, CLIENT_ID), logger=CLIENT_LOG)
    consumer.assign([TopicPartition(topic, each, 0) for each in left])
    deadline = clock.monotonic_seconds() + READ_SECONDS
    try:
        while left:
            if clock.monotonic_seconds() > deadline:
                raise TimeoutError(f"{topic} could not be read within {READ_SECONDS:.0f} s")
            for message in consumer.consume(PAGE_RECORDS, WAIT_SECONDS):
                error = message.error()
                partition, position = message.partition() or 0, message.offset() or 0
                if error is None:
                    position += 1
                    yield message
                elif error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public name for it
                    raise KafkaException(error)
                if position >= left.get(partition, position + 1):
                    left.pop(partition)
    finally:
        consumer.close()


def _chosen(arguments: argparse.Namespace) -> list[Letter]:
    return open_letters(RuntimeSettings(), arguments.service, SystemClock(), arguments.key)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _run_list(arguments: argparse.Namespace) -> int:
    for letter in _chosen(arguments):
        data = letter.data
        place = f"{data.source_topic}/{data.source_partition}/{data.source_offset}"
        _say(f"{data.reason.value:<16} {data.key:<24} {place:<40} {data.error} {data.message}".rstrip())
    return 0


def _run_show(arguments: argparse.Namespace) -> int:
    for letter in _chosen(arguments):
        data = letter.data
        _say(f"{letter.event_id}\n  processor {data.processor}, {data.reason.value}, {data.error}: {data.message}")
        _say(f"  body, {data.body_bytes} bytes: {data.body}")
        _say("\n".join(f"  {line}" for line in data.stack.splitlines()))
    return 0


def _run_redrive(arguments: argparse.Namespace) -> int:
    return _resolve(arguments, Resolution.REDRIVEN)


def _run_discard(arguments: argparse.Namespace) -> int:
    return _resolve(arguments, Resolution.DISCARDED)


def _resolve(arguments: argparse.Namespace, resolution: Resolution) -> int:
    try:
        number = resolve(RuntimeSettings(), arguments.service, _chosen(arguments), SystemClock(), resolution)
    except (SourceGoneError, TimeoutError, KafkaException) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    _say(f"{number} {resolution.value}")
    return 0
