"""What an engine wrote, counted by an independent read_committed consumer that looks at ids alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer, IsolationLevel, KafkaError, Message, TopicPartition
from confluent_kafka.admin import OffsetSpec

from benchmarks.topics import REQUEST_SECONDS, SILENT, admin
from benchmarks.work import KEYS

READ_SECONDS: Final = 120.0
_BATCH: Final = 10_000


class _Id(msgspec.Struct):
    id: str


_decode = msgspec.json.Decoder(_Id).decode


@dataclass(frozen=True)
class Audit:
    """What `events` commands led to.

    Attributes:
        outputs: records that a read_committed reader sees.
        missing: expected events that are not there.
        doubled: records beyond the first of their id.
        strange: records that no command led to.
        changelog_keys: different keys in the changelog.
    """

    events: int
    outputs: int
    missing: int
    doubled: int
    strange: int
    changelog_keys: int

    @property
    def is_exact(self) -> bool:
        """Whether each command led to exactly one event, and each ticket's state is kept."""
        wrong = self.missing or self.doubled or self.strange
        return not wrong and self.changelog_keys == min(KEYS, self.events)


def audit(bootstrap: str, events_topic: str, changelog: str, events: int) -> Audit:
    """Read both topics to their ends as of now, and count.

    Raises:
        TimeoutError: they were not read in time.
    """
    tally = Tally(events)
    for message in read_committed(bootstrap, events_topic):
        tally.take(_decode(message.value() or b"{}").id)
    keys = {message.key() for message in read_committed(bootstrap, changelog)}
    return tally.audit(len(keys))


class Tally:
    """Counts the ids of output events against the commands of `benchmarks.work.commands`."""

    def __init__(self, events: int) -> None:
        self._counts = bytearray(events)
        self._outputs = self._strange = self._doubled = 0

    def take(self, event_id: str) -> None:
        """Count one record by its id, `<ticket>:<sequence>`; ticket k gets commands k, k + `KEYS`, k + 2 `KEYS`."""
        self._outputs += 1
        ticket, _, sequence = event_id.removeprefix("T-").partition(":")
        number = int(ticket) + (int(sequence) - 1) * KEYS
        if number >= len(self._counts):
            self._strange += 1
        elif self._counts[number]:
            self._doubled += 1
        else:
            self._counts[number] = 1

    def audit(self, changelog_keys: int) -> Audit:
        """Return what was counted."""
        return Audit(
            events=len(self._counts),
            outputs=self._outputs,
            missing=self._counts.count(0),
            doubled=self._doubled,
            strange=self._strange,
            changelog_keys=changelog_keys,
        )


def read_committed(bootstrap: str, topic: str) -> Iterator[Message]:
    """Yield every committed record of a topic, up to its end as of now.

    Raises:
        TimeoutError: the end was not reached in time.
    """
    partitions = admin(bootstrap).list_topics(topic, timeout=REQUEST_SECONDS).topics[topic].partitions
    spec: dict[TopicPartition, Any] = {TopicPartition(topic, number): OffsetSpec.latest() for number in partitions}
    futures = admin(bootstrap).list_offsets(
        spec, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=REQUEST_SECONDS
    )
    ends = {place.partition: future.result(timeout=REQUEST_SECONDS).offset for place, future in futures.items()}
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"audit-{topic}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        },
        logger=SILENT,
    )
    try:
        consumer.assign([TopicPartition(topic, number, 0) for number in ends])
        yield from _read(consumer, ends)
    finally:
        consumer.close()


def _read(consumer: Consumer, ends: dict[int, int]) -> Iterator[Message]:
    # An end may lie behind control records, which no reader sees: the end of the partition says that it is reached.
    unread = {number for number, end in ends.items() if end}
    deadline = time.monotonic() + READ_SECONDS
    while unread:
        if time.monotonic() > deadline:
            raise TimeoutError(f"partitions {sorted(unread)} were not read to their ends in time")
        for message in consumer.consume(_BATCH, 0.5):
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public name
                unread.discard(message.partition() or 0)
            elif not error.retriable():
                raise RuntimeError(error)
