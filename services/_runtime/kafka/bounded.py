"""Read what a topic holds now, and no more: committed records, partition by partition, for tools that look back.

Joins no group and commits nothing. Memory is bounded by what the client prefetches, however long the topic is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from services._runtime.engine.records import Record
from services._runtime.kafka.clients import CLIENT_LOG, REQUEST_SECONDS, admin_config, reader_config
from services._runtime.settings import KafkaSettings

PAGE_RECORDS: Final = 5_000
PAGE_SECONDS: Final = 0.5
SILENT_PAGES_MAX: Final = 60
"""So many pages without a word of the partition, and it counts as unreachable."""


class Slice(NamedTuple):
    """A part of a partition: offsets `start` to `end` exclusive."""

    topic: str
    partition: int
    start: int
    end: int


class TopicUnreadableError(Exception):
    """The topic is not there, or its partition stopped answering. The message says which."""


class BrokersSilentError(Exception):
    """The brokers did not answer, or refused for good."""


def slices_of(settings: KafkaSettings, client_id: str, topic: str, since: datetime | None = None) -> list[Slice]:
    """What each partition holds at this moment, those without anything left out.

    Args:
        settings: where Kafka is.
        client_id: how the brokers' logs call us.
        topic: its name.
        since: leave out what brokers stamped before it. That stamp is not the time of the fact, only a hint where to
            begin: give it a margin.

    Raises:
        TopicUnreadableError: there is no such topic.
        BrokersSilentError: the brokers did not answer.
    """
    try:
        return _slices_of(AdminClient(admin_config(settings, client_id), logger=CLIENT_LOG), topic, since)
    except KafkaException as error:
        raise BrokersSilentError(f"{settings.kafka_bootstrap}: {error.args[0].str()}") from error


def _slices_of(admin: AdminClient, topic: str, since: datetime | None) -> list[Slice]:
    described = admin.list_topics(topic, timeout=REQUEST_SECONDS).topics[topic]
    if described.error is not None:
        raise TopicUnreadableError(f"{topic}: {described.error.str()}")
    first = OffsetSpec.earliest() if since is None else OffsetSpec.for_timestamp(int(since.timestamp() * 1_000))
    starts = _offsets(admin, topic, list(described.partitions), first)
    ends = _offsets(admin, topic, list(described.partitions), OffsetSpec.latest())
    # A start below zero: nothing is that young.
    return [
        Slice(topic, partition, starts[partition], end)
        for partition, end in sorted(ends.items())
        if 0 <= starts[partition] < end
    ]


def read(settings: KafkaSettings, client_id: str, part: Slice) -> Iterator[Record]:
    """The committed records of a slice, in order.

    Raises:
        TopicUnreadableError: the partition went silent before its end.
        BrokersSilentError: reading failed for good.
    """
    consumer = Consumer(reader_config(settings, client_id), logger=CLIENT_LOG)
    try:
        consumer.assign([TopicPartition(part.topic, part.partition, part.start)])
        silent_pages = 0
        while silent_pages < SILENT_PAGES_MAX:
            page = consumer.consume(PAGE_RECORDS, PAGE_SECONDS)
            silent_pages = 0 if page else silent_pages + 1
            for message in page:
                offset = message.offset() or 0
                if not _is_end(message) and offset < part.end:
                    yield Record(part.topic, part.partition, offset, message.key() or b"", message.value())
                    offset += 1
                if offset >= part.end:
                    return
        raise TopicUnreadableError(f"{part.topic}/{part.partition} went silent before its end")
    finally:
        consumer.close()


def _offsets(admin: AdminClient, topic: str, partitions: list[int], spec: OffsetSpec) -> dict[int, int]:
    wanted = {TopicPartition(topic, partition): spec for partition in partitions}
    futures = admin.list_offsets(wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=REQUEST_SECONDS)
    return {place.partition: future.result(timeout=REQUEST_SECONDS).offset for place, future in futures.items()}


def _is_end(message: Message) -> bool:
    """Whether it says that the end was reached, not a record; raises BrokersSilentError for what can't be helped."""
    error = message.error()
    if error is None:
        return False
    if error.code() != KafkaError._PARTITION_EOF and not error.retriable():  # noqa: SLF001 - the public name for it
        raise BrokersSilentError(error.str())
    return True
