"""What one transaction holds besides the input offsets: a `Batch`, and in it a `PartitionBatch` for each partition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from schemas.dead_letters import Reason
from services._runtime.engine.records import Output, Record
from services._runtime.engine.state import NOWHERE, DueTimer, Entry, PartitionState
from services._runtime.engine.topology import Change, Timer

S = TypeVar("S")

_ABSENT: Final[Any] = object()


class PartitionBatch(Generic[S]):
    """One partition's part of a batch: its changes above the committed state. Handlers see it as their `Context`.

    `key` and `place` are the input that is decided now. `records` are those taken so far, where the topology wants to
    know (`on_batch`), and `set_aside` the dead letters among them. `overlay` holds changed entries (None forgets the
    key) and `parked` changed counts. `fired`, `deferred` and `replaced` are timers taken off the heap: an abort puts
    them back.
    """

    __slots__ = (
        "deferred",
        "failed",
        "fired",
        "index",
        "key",
        "now",
        "overlay",
        "parked",
        "place",
        "records",
        "replaced",
        "set_aside",
        "state",
    )

    def __init__(self, state: PartitionState[S], now: datetime) -> None:
        self.state = state
        self.now = now
        self.index = state.index
        self.key = ""
        self.overlay: dict[str, Entry[S] | None] = {}
        self.parked: dict[str, int] = {}
        self.failed: dict[str, int] = {}
        self.fired: list[DueTimer] = []
        self.deferred: list[DueTimer] = []
        self.replaced: list[DueTimer] = []
        self.place: Record | DueTimer | None = None
        self.records: list[Record] = []
        self.set_aside: list[Record] = []

    @property
    def position(self) -> str:
        """Where the input stands: `topic/partition/offset`, or `timer/partition/key/kind`."""
        place = self.place
        if type(place) is Record:
            return f"{place.topic}/{place.partition}/{place.offset}"
        if type(place) is DueTimer:
            return f"timer/{self.state.partition}/{place.key}/{place.kind}"
        return ""

    def get(self, key: str) -> S | None:
        """Return the state of any key of the partition as this batch sees it."""
        entry = self.entry(key)
        return entry.state if entry is not None else None

    def entry(self, key: str) -> Entry[S] | None:
        """Return what `key` holds as this batch sees it."""
        entry: Entry[S] | None = self.overlay.get(key, _ABSENT)
        return self.state.entries.get(key) if entry is _ABSENT else entry

    def put(self, key: str, entry: Entry[S] | None, *, indexed: bool = False) -> None:
        """Change what `key` holds; `indexed` where the index has followed already."""
        if self.index is not None and not indexed:
            self.state.reindex(key, self.entry(key), entry)
        self.overlay[key] = entry

    def take_back(self, changes: Sequence[Change[S]]) -> None:
        """Bring the index, which has followed `changes`, back to what the batch holds."""
        if self.index is not None:
            for change in reversed(changes):
                self.index.replace(change.key, change.state, self.get(change.key))

    @property
    def any_parked(self) -> bool:
        """Whether any key of the partition may be parked; most partitions have none."""
        return bool(self.parked or self.state.parked)

    @property
    def parked_keys(self) -> int:
        """How many keys of the partition are parked, this batch's counted."""
        known = self.state.parked
        return len(known) + sum((count > 0) - (key in known) for key, count in self.parked.items())

    def holds_back(self, key: str, record: Record) -> bool:
        """Whether a record waits behind dead letters of its key.

        One that was redriven passes, unless one before it in line failed again: what follows would be decided on a
        state that never was.
        """
        if not self.parked_count(key):
            return False
        failed = self.failed_place(key)
        is_behind = failed != NOWHERE and record.first_offset is not None and record.first_offset > failed
        return not record.redriven or is_behind

    def park(self, key: str) -> None:
        """One dead letter of `key` more waits for redrive."""
        self.parked[key] = self.parked_count(key) + 1

    def lift(self, key: str, timers: tuple[Timer, ...]) -> None:
        """Let the timers of `key` go on, where a decision replaces the ones that raised."""
        if self.parked_count(key):
            entry = self.entry(key)
            if entry is None or entry.timers != timers:
                self.parked[key] = 0

    def failed_again(self, key: str, place: int | None) -> None:
        """A redriven record of `key` is a dead letter again, in place of the one that was sent."""
        if self.parked_count(key):
            self.failed[key] = place if place is not None else NOWHERE
            self.parked[key] = self.parked_count(key)

    def release(self, key: str, place: int | None) -> None:
        """One dead letter of `key` less waits for redrive, if any does; nothing waits behind its `place` any more."""
        count = self.parked_count(key)
        if count:
            self.parked[key] = count - 1
            if place == self.failed_place(key):
                self.failed[key] = NOWHERE

    def failed_place(self, key: str) -> int:
        """The place in line of the redriven record of `key` that failed again and is still open, or `NOWHERE`."""
        place = self.failed.get(key)
        return place if place is not None else self.state.failed.get(key, NOWHERE)

    def parked_count(self, key: str) -> int:
        """Return how many dead letters of `key` wait for redrive, this batch's counted."""
        count = self.parked.get(key)
        return count if count is not None else self.state.parked.get(key, 0)

    def commit(self) -> None:
        """Make the changes the committed values."""
        state = self.state
        outdated = state.outdated
        for key, entry in self.overlay.items():
            state.put(key, entry)
            if outdated:
                outdated.discard(key)
        for key, count in self.parked.items():
            state.put_parked(key, count, self.failed_place(key))
        # A handler may set the very timer again that was taken off; `put` took it for one that is in the heap.
        for due in (*self.fired, *self.replaced):
            if state.is_current(due, state.entries.get(due.key)):
                state.push_back([due])
        state.drop_stale_timers()

    def abort(self) -> None:
        """Forget the changes."""
        state = self.state
        if self.index is not None:
            for key, entry in self.overlay.items():
                state.reindex(key, entry, state.entries.get(key))
        for taken in (self.fired, self.deferred, self.replaced):
            state.push_back(taken)


class Batch(Generic[S]):
    """What one transaction holds besides the input offsets."""

    def __init__(self, now: datetime, dead_letters_in_a_row: int) -> None:
        self._taken = 0
        self.now = now
        self.outputs: list[Output] = []
        self.types: list[str] = []
        self.effects: list[Any] = []
        self.partitions: dict[int, PartitionBatch[S]] = {}
        self.dead_letters_in_a_row = dead_letters_in_a_row
        self.records_by_topic: Counter[str] = Counter()
        self.set_aside: dict[Reason, int] = {}
        self.lateness_seconds: list[float] = []

    def fresh_outputs(self) -> list[Output]:
        """Return the outputs that have come since this was called last."""
        fresh = self.outputs[self._taken :]
        self._taken = len(self.outputs)
        return fresh
