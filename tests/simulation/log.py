"""A Kafka for the simulation: topics of partitions of records, and who has read how far. Nothing is ever lost here."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from schemas.partition import partition_of
from services._runtime.engine.records import Output


class Stored(NamedTuple):
    """One record as it lies in a partition."""

    key: bytes
    value: bytes | None


class Log:
    """All topics. Records are appended by committed transactions only, so every reader is read_committed."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self._topics: defaultdict[str, list[list[Stored]]] = defaultdict(lambda: [[] for _ in range(partitions)])
        self.committed: defaultdict[tuple[str, str, int], int] = defaultdict(int)

    def append(self, outputs: Iterable[Output]) -> None:
        """Append records; without a partition the key decides."""
        for output in outputs:
            partition = output.partition
            if partition is None:
                partition = partition_of(output.key, self.partitions)
            self._topics[output.topic][partition].append(Stored(output.key, output.value))

    def read(self, topic: str, partition: int, start: int, most: int) -> list[Stored]:
        """Return up to `most` records of a partition from an offset."""
        return self._topics[topic][partition][start : start + most]

    def end(self, topic: str, partition: int) -> int:
        """Return the offset after the last record."""
        return len(self._topics[topic][partition])

    def events(self, topic: str) -> Iterator[dict[str, Any]]:
        """Yield every event of a topic as plain JSON, partition by partition."""
        for partition in self._topics[topic]:
            for stored in partition:
                if stored.value is not None:
                    yield json.loads(stored.value)

    def topics(self) -> list[str]:
        """Return the names of topics that hold anything."""
        return sorted(self._topics)
