"""A Kafka in memory: topics, groups, transactions, and the processes that talk to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from schemas.partition import partition_of
from tests.simulation.broker.groups import Group
from tests.simulation.broker.partition_log import Headers, PartitionLog, Stored
from tests.simulation.broker.timeline import Timeline
from tests.simulation.broker.transactions import TransactionCoordinator

RECORD_BYTES_MAX: Final = 1_000_000


class Process(Protocol):
    """Who makes a call. The cluster asks it at each call what befalls it there, and tells it of news.

    `member` is its consumer that is in a group, `engine` what it decides with, `life` counts its deaths.
    """

    member: Any
    engine: Any
    life: int

    def point(self, name: str) -> None:
        """Before or after a call: returns, raises what the client would raise, or dies."""

    def busy(self) -> None:
        """Something came of a call: the process will want to look again."""

    def tell(self) -> None:
        """There may be something to read, or a rebalance."""

    def idle(self, seconds: float) -> None:
        """Nothing came of a poll, which may take so long."""

    def committed(self) -> None:
        """A transaction of this process was decided: committed."""


class Listener(Protocol):
    """A consumer, as far as the cluster talks to it."""

    def news(self, topic: str, partition: int) -> None:
        """There may be more to read."""


class Cluster:
    """All brokers as one. `current` is the process whose call it is now; None for the world outside."""

    def __init__(self, time: Timeline, topics: Iterable[str], partitions: int) -> None:
        self.time = time
        self.partitions = partitions
        self.topics = {
            topic: [PartitionLog(topic, number, self._moved) for number in range(partitions)] for topic in topics
        }
        self.transactions = TransactionCoordinator(time)
        self.groups: dict[str, Group] = {}
        self.current: Process | None = None
        self.refuses: Callable[[str, bytes | None], bool] = lambda *_: False
        self._listeners: dict[str, dict[Listener, None]] = {}

    def point(self, name: str) -> None:
        """Let happen to the calling process what is to happen here."""
        if self.current is not None:
            self.current.point(name)

    def busy(self) -> None:
        """Note that a call led to something."""
        if self.current is not None:
            self.current.busy()

    def group(self, name: str) -> Group:
        """Return a group, made when first asked for."""
        group = self.groups.get(name)
        if group is None:
            group = self.groups[name] = Group(name, self.time, self.partitions)
        return group

    def listen(self, topics: Iterable[str], listener: Listener) -> None:
        """Tell a consumer of what is new in topics, from now on."""
        for topic in topics:
            self._listeners.setdefault(topic, {})[listener] = None

    def ignore(self, topics: Iterable[str], listener: Listener) -> None:
        """Undo `listen`."""
        for topic in topics:
            self._listeners.get(topic, {}).pop(listener, None)

    def send(self, topic: str, key: bytes, value: bytes | None, headers: Headers | None = None) -> None:
        """Write a record outside any transaction, as gateways do."""
        log = self.topics[topic][partition_of(key, self.partitions)]
        log.append(key, value, headers or [], None, self.time.now)

    def committed(self, topic: str) -> Iterable[Stored]:
        """Yield what a read_committed reader sees of a topic, partition by partition."""
        for log in self.topics[topic]:
            yield from log.committed()

    def _moved(self, topic: str, partition: int) -> None:
        for listener in list(self._listeners.get(topic, ())):
            listener.news(topic, partition)
