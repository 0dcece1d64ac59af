"""The router's logs, out of Kafka (bounded by their ends as of now) or out of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import msgspec

from schemas.routing_turns import TurnTaken
from schemas.topics import RETRIES, ROUTING_TURNS, ROUTING_WORK, TICKET_ASSIGNMENTS
from services._runtime.engine.records import Record
from services._runtime.kafka.bounded import read, slices_of
from services._runtime.settings import KafkaSettings
from services.router.adapters.replay.journal import Said, said_in, turns_in
from services.router.adapters.replay.player import Told
from services.router.domain.reasons import LogTooLongError

CLIENT_ID: Final = "router-replay"
RETRIED: Final = RETRIES["router.pools"].name


class LogFileError(ValueError):
    """A line of a file is no record; the message says which."""


class Logs(Protocol):
    """What the router was told, and what it said."""

    def work(self, partition: int | None = None) -> Iterator[Record]:
        """`routing.work`, of one partition or of all, each from its oldest record on."""
        ...

    def retried(self, partition: int) -> Iterator[Record]:
        """`router.pools.retry` of a partition: what operators sent again after it had failed, from the oldest on."""
        ...

    def said(self) -> Iterator[Said]:
        """All of `ticket.assignments` that there is."""
        ...

    def turns(self, partition: int) -> Iterator[TurnTaken]:
        """`routing.turns` of a partition, from the oldest on."""
        ...


class KafkaLogs:
    """The topics themselves; reads committed records, joins no group and commits nothing.

    Its methods raise `TopicUnreadableError` and `BrokersSilentError` as `bounded` says, and `LogTooLongError` where a
    log has more than `records_max` records (None: however many).
    """

    def __init__(self, settings: KafkaSettings, records_max: int | None = None) -> None:
        self._settings = settings
        self._records_max = records_max

    def work(self, partition: int | None = None) -> Iterator[Record]:
        """See `Logs`."""
        return self._records(ROUTING_WORK.name, partition)

    def retried(self, partition: int) -> Iterator[Record]:
        """See `Logs`."""
        return map(redriven, self._records(RETRIED, partition))

    def said(self) -> Iterator[Said]:
        """See `Logs`."""
        return said_in(record.value for record in self._records(TICKET_ASSIGNMENTS.name))

    def turns(self, partition: int) -> Iterator[TurnTaken]:
        """See `Logs`."""
        return turns_in(record.value for record in self._records(ROUTING_TURNS.name, partition))

    def _records(self, topic: str, partition: int | None = None) -> Iterator[Record]:
        found = slices_of(self._settings, CLIENT_ID, topic)
        parts = [each for each in found if partition in (None, each.partition)]
        count = sum(part.end - part.start for part in parts)
        if self._records_max is not None and count > self._records_max:
            raise LogTooLongError(f"{parts[0].topic} holds {count} records, more than {self._records_max}")
        return (record for part in parts for record in read(self._settings, CLIENT_ID, part))


class _Line(msgspec.Struct, frozen=True):
    """A record as a line of a file."""

    topic: str
    partition: int
    offset: int
    key: str
    value: msgspec.Raw


class FileLogs:
    """A file of JSON lines: `{"topic", "partition", "offset", "key", "value"}`, the value an event as it travels."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._decode = msgspec.json.Decoder(_Line).decode

    def work(self, partition: int | None = None) -> Iterator[Record]:
        """See `Logs`. Raises LogFileError, OSError."""
        return self._records(ROUTING_WORK.name, partition)

    def retried(self, partition: int) -> Iterator[Record]:
        """See `Logs`. Raises LogFileError, OSError."""
        return map(redriven, self._records(RETRIED, partition))

    def said(self) -> Iterator[Said]:
        """See `Logs`. Raises LogFileError, OSError."""
        return said_in(record.value for record in self._records(TICKET_ASSIGNMENTS.name))

    def turns(self, partition: int) -> Iterator[TurnTaken]:
        """See `Logs`. Raises LogFileError, OSError."""
        return turns_in(record.value for record in self._records(ROUTING_TURNS.name, partition))

    def _records(self, topic: str, partition: int | None = None) -> Iterator[Record]:
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    found = self._decode(line)
                except msgspec.DecodeError as error:
                    raise LogFileError(f"{self._path.name}:{number}: {error}") from error
                if found.topic == topic and partition in (None, found.partition):
                    value = bytes(found.value)
                    given = None if value == b"null" else value
                    yield Record(topic, found.partition, found.offset, found.key.encode(), given)


def told_to(pool: str, logs: Logs, partition: int) -> Told:
    """All that a pool was told, out of its partition of the logs."""
    return Told(pool, {ROUTING_WORK.name: logs.work(partition), RETRIED: logs.retried(partition)})


def redriven(record: Record) -> Record:
    """A record of the retry topic as the router had it. Its place in line matters only where keys are parked."""
    return Record(record.topic, record.partition, record.offset, record.key, record.value, redriven=True)


def partition_in(position: str) -> int:
    """The partition of a position, `routing.work/3/17` or `timer/3/<key>/<kind>`."""
    return int(position.split("/", 2)[1])
