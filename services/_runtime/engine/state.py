"""The state of one partition: entries by key, a heap of timers, parked keys, and where the inputs stand.

Everything in here can be rebuilt from the partition of the changelog topic: an entry a key (see `codec`), or a
tombstone; a parked key is `PARKED + key -> msgpack count`, or
`[count, place]` where a redriven record failed again.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime
from typing import Final, Generic, TypeVar

import msgspec

from services._runtime.engine.codec import Entry, StateCodec, UnreadableStateError
from services._runtime.engine.topology import Index, Timer, Topology

__all__ = [
    "NOWHERE",
    "PARKED",
    "DueTimer",
    "Entry",
    "PartitionState",
    "StateCodec",
    "UnreadableStateError",
    "encode_parked",
]

S = TypeVar("S")

PARKED: Final = "\x00parked:"
NOWHERE: Final = -1
"""No place in the line of a key: nothing that was redriven has failed again."""
STALE_TIMERS_MIN: Final = 1_024
"""So many stale timers are never worth a rebuild of the heap."""
MEAN_OF_ENTRIES: Final = 1_000
_encode = msgspec.msgpack.Encoder().encode
_decode_parked = msgspec.msgpack.Decoder(int | tuple[int, int]).decode


class DueTimer(msgspec.Struct, frozen=True, order=True, gc=False):
    """A timer as the heap orders it: by time, then by key, kind and generation, so that ties fall the same way always.

    It shares the timer and its instant with the entry: a million of them are 40 MB.
    """

    due_at: datetime
    key: str
    timer: Timer

    @property
    def kind(self) -> str:
        """The timer's name within its key."""
        return self.timer.kind

    @property
    def generation(self) -> int:
        """How often the timer was changed."""
        return self.timer.generation


class PartitionState(Generic[S]):
    """Values of one partition that are known to be committed, with the heap over their timers.

    The heap may hold timers that were replaced meanwhile; `is_current` tells. They leave when they come to the top,
    and all at once when they outnumber the `timers_pending`. `outdated` are keys whose entry lies in the changelog in a
    newer version than the one that is to be written: older code could not read them.
    """

    def __init__(self, partition: int, topology: Topology[S]) -> None:
        self.partition = partition
        self.entries: dict[str, Entry[S]] = {}
        self.parked: dict[str, int] = {}
        self.failed: dict[str, int] = {}
        self.heap: list[DueTimer] = []
        self.timers_pending = 0
        self.outdated: set[str] = set()
        self.index: Index[S] | None = topology.index() if topology.index is not None else None
        self.changelog_position = 0
        self._codec = StateCodec(topology)
        self._writes = topology.writes_version if topology.writes_version is not None else topology.state_version
        self._unreadable: dict[str, UnreadableStateError] = {}
        self._mean_bytes = 0.0
        self._sized = 0

    # ── restore ─────────────────────────────────────────────────────────────────────────────────────────────────

    def restore(self, key: str, value: bytes | None) -> None:
        """Take in one changelog record; the last one of a key wins, so only an unreadable last one matters."""
        if key.startswith(PARKED):
            parked = 0 if value is None else _decode_parked(value)
            count, failed_place = parked if isinstance(parked, tuple) else (parked, NOWHERE)
            self.put_parked(key[len(PARKED) :], count, failed_place)
            return
        entry, version = None, 0
        self._unreadable.pop(key, None)
        if value is not None:
            try:
                entry, version = self._codec.decode(value)
            except UnreadableStateError as error:
                self._unreadable[key] = error
        if self.index is not None:
            self.reindex(key, self.entries.get(key), entry)
        if entry is None:
            self.entries.pop(key, None)
        else:
            self.entries[key] = entry
            self.sized(1, len(key) + len(value or b""))
        if version > self._writes:
            self.outdated.add(key)
        elif self.outdated:
            self.outdated.discard(key)

    def finish_restore(self) -> None:
        """Build the heap from the restored entries, once instead of a push for every record of the changelog.

        Raises:
            UnreadableStateError: an entry can't be read by this code.
        """
        for error in self._unreadable.values():
            raise error
        self.heap = [
            DueTimer(timer.due_at, key, timer) for key, entry in self.entries.items() for timer in entry.timers
        ]
        self.timers_pending = len(self.heap)
        heapq.heapify(self.heap)

    # ── values ──────────────────────────────────────────────────────────────────────────────────────────────────

    def put(self, key: str, entry: Entry[S] | None) -> None:
        """Make `entry` the committed value of `key` and push the timers that are new with it."""
        old = self.entries.get(key)
        known = old.timers if old is not None else ()
        if entry is None:
            self.entries.pop(key, None)
            self.timers_pending -= len(known)
            return
        self.entries[key] = entry
        timers = entry.timers
        if timers is known:
            return
        self.timers_pending += len(timers) - len(known)
        for timer in timers:
            if timer not in known:
                heapq.heappush(self.heap, DueTimer(timer.due_at, key, timer))

    def put_parked(self, key: str, count: int, failed_place: int = NOWHERE) -> None:
        """Say how many dead letters of `key` wait for redrive, and where in line one failed again; 0 frees the key."""
        self.failed.pop(key, None)
        if count > 0:
            self.parked[key] = count
            if failed_place != NOWHERE:
                self.failed[key] = failed_place
        else:
            self.parked.pop(key, None)
            entry = self.entries.get(key)
            if entry is not None:
                # Timers that came due while the key was parked were taken off the heap and wait in the entry.
                self.push_back([DueTimer(timer.due_at, key, timer) for timer in entry.timers])

    def reindex(self, key: str, old: Entry[S] | None, new: Entry[S] | None) -> None:
        """Keep the derived index in step with a change, committed or not."""
        if self.index is not None:
            self.index.replace(key, old.state if old is not None else None, new.state if new is not None else None)

    def sized(self, entries: int, encoded_bytes: int) -> None:
        """Note how much so many entries take, encoded and with their keys."""
        self._sized = min(self._sized + entries, MEAN_OF_ENTRIES)
        weight = min(entries / self._sized, 1.0)
        self._mean_bytes += (encoded_bytes / entries - self._mean_bytes) * weight

    @property
    def encoded_bytes(self) -> int:
        """About what all entries take encoded, by the mean of those read and written lately."""
        return int(self._mean_bytes * len(self.entries))

    # ── timers ──────────────────────────────────────────────────────────────────────────────────────────────────

    def is_current(self, due: DueTimer, entry: Entry[S] | None) -> bool:
        """Tell whether a timer from the heap still stands in its key's entry."""
        return entry is not None and due.timer in entry.timers

    def pop_due(self, until: datetime) -> Iterator[DueTimer]:
        """Take timers off the heap in due order, up to and including `until`, stale ones too."""
        while self.heap and self.heap[0].due_at <= until:
            yield heapq.heappop(self.heap)

    def push_back(self, timers: list[DueTimer]) -> None:
        """Return timers to the heap whose batch was aborted."""
        for timer in timers:
            heapq.heappush(self.heap, timer)

    def next_due_at(self) -> datetime | None:
        """When the earliest timer is due, stale ones counted, or None."""
        return self.heap[0].due_at if self.heap else None

    def timers_due_by(self, until: datetime, most: int) -> int:
        """How many timers are due at or before `until`, stale ones left out; at most `most` of the heap are looked at.

        A heap's parent is never later than its children, so what is looked at is little more than what is found.
        """
        heap, found, looked_at = self.heap, 0, 0
        ahead = [0]
        while ahead and looked_at < most:
            at = ahead.pop()
            if at >= len(heap) or heap[at].due_at > until:
                continue
            looked_at += 1
            found += self.is_current(heap[at], self.entries.get(heap[at].key))
            ahead += (2 * at + 1, 2 * at + 2)
        return found

    def drop_stale_tops(self) -> None:
        """Let stale timers at the top of the heap go: nobody need ask the brokers, or wake up, for them."""
        heap = self.heap
        while heap and not self.is_current(heap[0], self.entries.get(heap[0].key)):
            heapq.heappop(heap)

    def drop_stale_timers(self) -> None:
        """Rebuild the heap once the stale timers in it outnumber the others, so that replacing costs no memory."""
        if len(self.heap) <= 2 * self.timers_pending + STALE_TIMERS_MIN:
            return
        # One timer may be there twice: set, replaced, and set again as it was.
        self.heap = list({due: None for due in self.heap if self.is_current(due, self.entries.get(due.key))})
        heapq.heapify(self.heap)


def encode_parked(count: int, failed_place: int = NOWHERE) -> bytes | None:
    """Return the changelog value of a parked key; None (a tombstone) once nothing waits."""
    if count <= 0:
        return None
    return _encode(count if failed_place == NOWHERE else (count, failed_place))
