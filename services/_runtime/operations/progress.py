"""How far each processor is, from what Kafka holds of its group: no processor is asked, so a dead one is seen too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.topics import CHANGELOGS, DEAD_LETTERS, DIRECTORY, NOTES, RETRIES, TOPICS
from services._runtime.clock import Clock
from services._runtime.kafka.clients import CLIENT_LOG, REQUEST_SECONDS, admin_config, reader_config
from services._runtime.processor.restore import end_offsets
from services._runtime.settings import KafkaSettings

CLIENT_ID: Final = "operator"
PROCESSORS: Final = tuple(RETRIES)
READ_SECONDS: Final = 10.0
NOT_READ: Final = frozenset(topic.name for topic in (*CHANGELOGS.values(), *DEAD_LETTERS.values(), *DIRECTORY.values()))


@dataclass(frozen=True, slots=True)
class Member:
    """A process of a group: its client id, which is its writer's transactional id, where it runs, what it holds."""

    client_id: str
    host: str
    partitions: int


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """What of one input partition is still to be read. `waiting_since` is when the oldest such record was written."""

    topic: str
    partition: int
    committed: int
    end: int
    waiting_since: datetime | None = None

    @property
    def records(self) -> int:
        """Records to read; marks of transactions count as such."""
        return self.end - self.committed


@dataclass(frozen=True, slots=True)
class Progress:
    """One processor. `lags` has the partitions of its inputs, empty while it never committed."""

    processor: str
    state: str
    members: Sequence[Member]
    lags: Sequence[PartitionLag]

    @property
    def records(self) -> int:
        """Records to read, of all partitions."""
        return sum(lag.records for lag in self.lags)

    @property
    def waiting_since(self) -> datetime | None:
        """When the oldest record that is not read was written."""
        return min((lag.waiting_since for lag in self.lags if lag.waiting_since is not None), default=None)


def progress_of(settings: KafkaSettings, clock: Clock, processors: Iterable[str] = PROCESSORS) -> list[Progress]:
    """How far these processors are.

    Raises:
        KafkaException: the brokers did not answer.
    """
    admin = AdminClient(admin_config(settings, CLIENT_ID), logger=CLIENT_LOG)
    there = admin.list_topics(timeout=REQUEST_SECONDS).topics
    inputs = [
        TopicPartition(topic.name, partition)
        for topic in TOPICS
        if topic.name in there and topic.name not in NOT_READ and topic is not NOTES
        for partition in there[topic.name].partitions
    ]
    ends = end_offsets(admin, inputs)
    firsts = end_offsets(admin, inputs, earliest=True)
    return [_progress(settings, clock, admin, processor, ends, firsts) for processor in processors]


def _progress(
    settings: KafkaSettings,
    clock: Clock,
    admin: AdminClient,
    processor: str,
    ends: Mapping[tuple[str, int], int],
    firsts: Mapping[tuple[str, int], int],
) -> Progress:
    described = admin.describe_consumer_groups([processor], request_timeout=REQUEST_SECONDS)[processor].result()
    members = [
        Member(member.client_id, member.host.lstrip("/"), len(member.assignment.topic_partitions))
        for member in described.members
    ]
    committed = _committed(settings, processor, ends)
    read = {topic for topic, _ in committed}
    lags = [
        # What was never committed is read from the beginning; a commit that retention has passed too.
        PartitionLag(topic, partition, max(committed.get((topic, partition), 0), firsts[topic, partition]), end)
        for (topic, partition), end in sorted(ends.items())
        if topic in read
    ]
    return Progress(processor, described.state.name.lower(), members, _dated(settings, clock, lags))


def _committed(settings: KafkaSettings, group: str, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """What the group committed; by a consumer that is no member of it, see `processor.fencing.last_writers`."""
    config = reader_config(settings, CLIENT_ID) | {"group.id": group, "isolation.level": "read_uncommitted"}
    asking = Consumer(config, logger=CLIENT_LOG)
    try:
        answered = asking.committed([TopicPartition(*place) for place in places], timeout=REQUEST_SECONDS)
        return {(each.topic, each.partition): each.offset for each in answered if each.offset >= 0}
    finally:
        asking.close()


def _dated(settings: KafkaSettings, clock: Clock, lags: Sequence[PartitionLag]) -> list[PartitionLag]:
    """The same with `waiting_since`, where a committed record waits and could be read in time."""
    waiting = {(lag.topic, lag.partition): lag for lag in lags if lag.records > 0}
    since: dict[tuple[str, int], datetime] = {}
    consumer = Consumer(reader_config(settings, CLIENT_ID), logger=CLIENT_LOG)
    deadline = clock.monotonic_seconds() + READ_SECONDS
    try:
        left = {place: TopicPartition(*place, lag.committed) for place, lag in waiting.items()}
        consumer.assign(list(left.values()))
        while left and clock.monotonic_seconds() < deadline:
            for message in consumer.consume(len(left), 0.2):
                place = (message.topic() or "", message.partition() or 0)
                found = left.pop(place, None)
                if found is not None:
                    consumer.incremental_unassign([found])
                    if message.error() is None:
                        since[place] = datetime.fromtimestamp(message.timestamp()[1] / 1_000, UTC)
    except KafkaException:
        pass  # the figures stand without their ages
    finally:
        consumer.close()
    return [
        PartitionLag(lag.topic, lag.partition, lag.committed, lag.end, since.get((lag.topic, lag.partition)))
        for lag in lags
    ]
