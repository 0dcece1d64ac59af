"""Decides again, without any fault, what was committed, and compares: with the log, with the states, with the rules.

The journal says which records and timers each committed batch held. Here they are decided by one engine that lives
through everything, in the order of the commits. What it writes must be what is in the log, what it holds must be what
the machines hold, and each step must have been allowed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from services._runtime.engine.batch import Batch
from services._runtime.engine.engine import Engine
from services._runtime.engine.records import Output, Record
from services._runtime.engine.state import DueTimer
from services._runtime.engine.topology import Timer, Topology
from tests.simulation.broker.cluster import Cluster
from tests.simulation.broker.consumer import BATCH_RECORDS_BOUND
from tests.simulation.broker.partition_log import Stored
from tests.simulation.journal import Committed, Condemned, Fired, Journal, Took

BATCH_TIMERS_BOUND: Final = 5_000

Place = tuple[str, int]


class JudgingEngine(Engine[Any]):
    """An engine that fires the timers it is told to, if they may fire."""

    def fire_these(self, batch: Batch[Any], partition: int, timers: Iterable[DueTimer]) -> Iterator[str]:
        """Fire timers as a machine did; yield what is wrong with them. Which they are is no concern of the heap's here:
        when a parked key's timers come back to it depends on how long a process has been alive.
        """
        part = self._part(batch, partition)
        last = datetime.min.replace(tzinfo=UTC)
        for due in timers:
            entry = part.entry(due.key)
            if entry is None or Timer(due.kind, due.due_at, due.generation) not in entry.timers:
                yield f"{due} fired, which had been replaced or had fired before"
                continue
            if part.parked_count(due.key):
                yield f"{due} fired while its key was parked"
            if due.due_at > batch.now:
                yield f"{due} fired early"
            if due.due_at < last:
                yield f"{due} fired after a later one"
            last = due.due_at
            part.fired.append(due)
            self._fire_one(batch, part, due, entry)


class Replay:
    """One processor's committed batches decided again. `engine` holds the states, `written` what was to be written."""

    def __init__(self, cluster: Cluster, topology: Topology[Any], journal: Journal) -> None:
        self.topology = topology
        self.engine = JudgingEngine(topology)
        self.written: Counter[Output] = Counter()
        self.lines: list[str] = []
        for partition in range(cluster.partitions):
            self.engine.partitions[partition] = self.engine.new_partition(partition)
        self._inputs: dict[Place, list[Stored]] = {
            (topic.name, partition): list(cluster.topics[topic.name][partition].committed())
            for topic in topology.sources
            for partition in range(cluster.partitions)
        }
        self._read: defaultdict[Place, int] = defaultdict(int)
        for batch in journal.batches[topology.name]:
            self._decide(batch)
        self.lines += [
            f"{topology.name}: {len(stored) - self._read[place]} records of {place} were never taken"
            for place, stored in self._inputs.items()
            if len(stored) != self._read[place]
        ]

    def _decide(self, committed: Committed) -> None:
        batch = self.engine.begin(committed.now)
        for deed in committed.deeds:
            match deed:
                case Took(records):
                    self._take(batch, committed, records)
                case Fired(partition, timers):
                    self._fire(batch, committed, partition, timers)
                case Condemned(record, error):
                    self._follow(committed, record.topic, record.partition, record.offset)
                    self.engine.condemn(batch, record, error)
        self.engine.conclude(batch)
        self.written.update(batch.outputs)
        self.engine.commit(batch)

    def _take(self, batch: Batch[Any], committed: Committed, records: tuple[Record, ...]) -> None:
        for record in records:
            self._follow(committed, record.topic, record.partition, record.offset)
        if len(records) > BATCH_RECORDS_BOUND:
            self._complain(committed, f"a batch of {len(records)} records")
        self.engine.process(batch, records)

    def _follow(self, committed: Committed, topic: str, partition: int, offset: int) -> None:
        """Each visible record once, in order."""
        place = topic, partition
        stored = self._inputs[place]
        expected = stored[self._read[place]].offset if self._read[place] < len(stored) else None
        if expected != offset:
            self._complain(committed, f"took {topic}/{partition}/{offset} where {expected} was next")
        self._read[place] += 1

    def _fire(self, batch: Batch[Any], committed: Committed, partition: int, timers: tuple[DueTimer, ...]) -> None:
        if len(timers) > BATCH_TIMERS_BOUND:
            self._complain(committed, f"a batch of {len(timers)} timers")
        for complaint in self.engine.fire_these(batch, partition, timers):
            self._complain(committed, complaint)
        for due in timers:
            self._judge(committed, partition, due)

    def _judge(self, committed: Committed, partition: int, due: DueTimer) -> None:
        """All that had been written before the timer came due, by the most advanced clock there was, is read.

        What was written at that very instant may have come after the brokers were asked, for here a turn takes no time.
        """
        for topic in self.topology.sources:
            place = topic.name, partition
            stored, read = self._inputs[place], self._read[place]
            if read < len(stored) and stored[read].at < due.due_at - committed.ahead:
                self._complain(committed, f"{due} fired before {place}/{stored[read].offset} was read")

    def _complain(self, committed: Committed, text: str) -> None:
        self.lines.append(f"{committed.machine} at {committed.now}: {text}")
