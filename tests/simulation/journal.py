"""What was decided and committed, in the order of the commits, as noted by an engine that looks over its shoulder."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from services._runtime.engine.batch import Batch
from services._runtime.engine.engine import Engine
from services._runtime.engine.records import Record
from services._runtime.engine.state import DueTimer
from services._runtime.engine.topology import Topology
from tests.simulation.sights import Sight

LATE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Took:
    """Records were decided, in this order."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Fired:
    """These timers were fired, in this order."""

    partition: int
    timers: tuple[DueTimer, ...]


@dataclass(frozen=True, slots=True)
class Condemned:
    """A record was set aside because the broker refused what came of it."""

    record: Record
    error: Exception


Deed: TypeAlias = Took | Fired | Condemned


@dataclass(frozen=True, slots=True)
class Committed:
    """One committed batch. `ahead` is the most that the clock of its machine has ever been ahead of the world."""

    machine: str
    now: datetime
    ahead: timedelta
    deeds: tuple[Deed, ...]


class Journal:
    """Committed batches by processor."""

    def __init__(self) -> None:
        self.batches: defaultdict[str, list[Committed]] = defaultdict(list)

    def note(self, processor: str, committed: Committed) -> None:
        """Add a batch whose commit was decided just now."""
        self.batches[processor].append(committed)

    def records(self) -> dict[tuple[str, str], int]:
        """How many records were taken, by processor and topic."""
        return Counter(
            (processor, record.topic)
            for processor, batches in self.batches.items()
            for batch in batches
            for deed in batch.deeds
            if isinstance(deed, Took)
            for record in deed.records
        )


class RecordingEngine(Engine[Any]):
    """The engine, keeping what was asked of it for the batch at hand, and telling what it sees."""

    def __init__(self, topology: Topology[Any], seen: Counter[Sight]) -> None:
        super().__init__(topology)
        self._seen = seen
        self.now: datetime | None = None
        self.deeds: list[Deed] = []

    def begin(self, now: datetime) -> Batch[Any]:
        """See `Engine`."""
        self.now = now
        self.deeds = []
        return super().begin(now)

    def process(self, batch: Batch[Any], records: Sequence[Record]) -> None:
        """See `Engine`."""
        taken = tuple(records)
        self.deeds.append(Took(taken))
        # Those that are committed are taken off again once the world has come to rest.
        self._seen[Sight.DECIDED_AGAIN] += len(taken)
        super().process(batch, taken)

    def fire(self, batch: Batch[Any], partition: int, until: datetime, limit: int) -> None:
        """See `Engine`."""
        fired = batch.partitions[partition].fired if partition in batch.partitions else []
        before = len(fired)
        super().fire(batch, partition, until, limit)
        self.deeds.append(Fired(partition, tuple(batch.partitions[partition].fired[before:])))

    def commit(self, batch: Batch[Any]) -> None:
        """See `Engine`."""
        super().commit(batch)
        self._seen[Sight.FIRED_LATE] += sum(seconds > LATE_SECONDS for seconds in batch.lateness_seconds)

    def condemn(self, batch: Batch[Any], record: Record, error: Exception) -> None:
        """See `Engine`."""
        self.deeds.append(Condemned(record, error))
        super().condemn(batch, record, error)
