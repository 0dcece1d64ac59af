"""A processor in the simulation: the real engine on the in-memory log, crashing where it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Final

from services._runtime.engine.batch import Batch
from services._runtime.engine.engine import Engine
from services._runtime.engine.records import Record
from services._runtime.engine.topology import Topology
from tests.simulation.log import Log

TIMERS_PER_BATCH: Final = 50


class Fault(Enum):
    """What may befall a batch, by the step at which it does."""

    NONE = "none"
    ABORTED = "the transaction is aborted, the process lives"
    CRASH_BEFORE_COMMIT = "kill -9 before the commit"
    CRASH_AFTER_COMMIT = "kill -9 after the commit, before memory knows of it"
    CRASH_BEFORE_EFFECTS = "kill -9 after the commit, before its effects are handed over"


class Machine:
    """One topology over all partitions, with the memory of one process."""

    def __init__(self, topology: Topology[Any], log: Log) -> None:
        self.topology = topology
        self._log = log
        self.engine = self._restored()

    def runnable(self, now: datetime) -> list[int]:
        """Return the partitions that have something to do: records to read, or timers that may fire."""
        return [each for each in range(self._log.partitions) if self._lag(each) or self._due(each, now)]

    def next_due_at(self) -> datetime | None:
        """When the earliest timer of any partition is due."""
        dues = [state.next_due_at() for state in self.engine.partitions.values()]
        return min((due for due in dues if due is not None), default=None)

    def run(self, partition: int, most: int, now: datetime, fault: Fault) -> Sequence[Any]:
        """Decide one batch of a partition under a fault; return the effects that were handed over."""
        records = self._records(partition, most)
        batch: Batch[Any] = self.engine.begin(now)
        self.engine.process(batch, records)
        if len(records) == self._lag(partition) and self._due(partition, now):
            self.engine.fire(batch, partition, now, TIMERS_PER_BATCH)
        if fault is Fault.ABORTED:
            self.engine.abort(batch)
            return ()
        if fault is Fault.CRASH_BEFORE_COMMIT:
            self.crash()
            return ()
        self._commit(batch, records)
        if fault is Fault.CRASH_AFTER_COMMIT:
            self.crash()
            return ()
        self.engine.commit(batch)
        if fault is Fault.CRASH_BEFORE_EFFECTS:
            self.crash()
            return ()
        return batch.effects

    def crash(self) -> None:
        """Lose all memory; another process restores it from the changelog."""
        self.engine = self._restored()

    def _commit(self, batch: Batch[Any], records: Sequence[Record]) -> None:
        self._log.append(batch.outputs)
        self._log.append(self.engine.changelog(batch))
        for record in records:
            self._log.committed[self.topology.name, record.topic, record.partition] = record.offset + 1

    def _records(self, partition: int, most: int) -> list[Record]:
        records: list[Record] = []
        for topic in self.topology.inputs:
            start = self._log.committed[self.topology.name, topic.name, partition]
            stored = self._log.read(topic.name, partition, start, most - len(records))
            records += [
                Record(topic.name, partition, start + number, each.key, each.value)
                for number, each in enumerate(stored)
            ]
        return records

    def _lag(self, partition: int) -> int:
        name = self.topology.name
        return sum(
            self._log.end(topic.name, partition) - self._log.committed[name, topic.name, partition]
            for topic in self.topology.inputs
        )

    def _due(self, partition: int, now: datetime) -> bool:
        due_at = self.engine.partitions[partition].next_due_at()
        return due_at is not None and due_at <= now

    def _restored(self) -> Engine[Any]:
        engine: Engine[Any] = Engine(self.topology)
        for partition in range(self._log.partitions):
            state = engine.new_partition(partition)
            changelog = self.topology.changelog.name
            for stored in self._log.read(changelog, partition, 0, self._log.end(changelog, partition)):
                state.restore(stored.key.decode(), stored.value)
            state.finish_restore()
            engine.partitions[partition] = state
        return engine
