"""The state of one partition: entries by key, a heap of timers, parked keys, and where the inputs stand.

Everything in here can be rebuilt from the partition of the changelog topic. A changelog record is
`key -> msgpack [version, timers, state]`, or a tombstone; a parked key is `PARKED + key -> msgpack count`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from services._runtime.engine.topology import Index, Timer, Topology

S = TypeVar("S")

PARKED: Final = "\x00parked:"
_encode = msgspec.msgpack.Encoder().encode
_decode_count = msgspec.msgpack.Decoder(int).decode


class Entry(msgspec.Struct, Generic[S], frozen=True, array_like=True):
    """What the store holds for a key: the state with the version that wrote it, and its timers."""

    version: int
    timers: tuple[Timer, ...]
    state: S


class DueTimer(NamedTuple):
    """A timer as the heap orders it: by time, then by key and kind so that ties fall the same way every time."""

    due_at: datetime
    key: str
    kind: str
    generation: int


class UnreadableStateError(Exception):
    """A changelog record was written by a version of the state that this code can't read."""


class StateCodec(Generic[S]):
    """Writes and reads entries, lifting older versions of the state to the topology's."""

    def __init__(self, topology: Topology[S]) -> None:
        self._topology = topology
        self._decode = msgspec.msgpack.Decoder(Entry[topology.state_type]).decode  # type: ignore[name-defined]
        self._decode_loosely = msgspec.msgpack.Decoder(Entry[Any]).decode

    def encode(self, entry: Entry[S]) -> bytes:
        """Return the changelog value of an entry."""
        return _encode(entry)

    def decode(self, value: bytes) -> Entry[S]:
        """Return the entry that `value` holds.

        Raises:
            UnreadableStateError: no upgrade leads from the version that wrote it to this one.
        """
        try:
            entry: Entry[S] = self._decode(value)
        except msgspec.ValidationError:
            return self._upgrade(self._decode_loosely(value))
        if entry.version == self._topology.state_version:
            return entry
        return self._upgrade(self._decode_loosely(value))

    def _upgrade(self, entry: Entry[Any]) -> Entry[S]:
        state = entry.state
        for version in range(entry.version, self._topology.state_version):
            upgrade = self._topology.upgrades.get(version)
            if upgrade is None:
                message = f"{self._topology.name}: state of version {version} has no upgrade to {version + 1}"
                raise UnreadableStateError(message)
            state = upgrade(state)
        try:
            lifted = msgspec.convert(state, self._topology.state_type)
        except msgspec.ValidationError as error:
            message = f"{self._topology.name}: state of version {entry.version} can't be read: {error}"
            raise UnreadableStateError(message) from error
        return Entry(self._topology.state_version, entry.timers, lifted)


class PartitionState(Generic[S]):
    """Values of one partition that are known to be committed, with the heap over their timers.

    The heap may hold timers that were replaced meanwhile; `is_current` tells, and popping them costs nothing else.
    """

    def __init__(self, partition: int, topology: Topology[S]) -> None:
        self.partition = partition
        self.entries: dict[str, Entry[S]] = {}
        self.parked: dict[str, int] = {}
        self.heap: list[DueTimer] = []
        self.index: Index[S] | None = topology.index() if topology.index is not None else None
        self.changelog_position = 0
        self._codec = StateCodec(topology)

    def restore(self, key: str, value: bytes | None) -> None:
        """Take in one changelog record; the last one of a key wins.

        Raises:
            UnreadableStateError: the record can't be read by this code.
        """
        if key.startswith(PARKED):
            self.put_parked(key[len(PARKED) :], 0 if value is None else _decode_count(value))
        else:
            entry = None if value is None else self._codec.decode(value)
            self.reindex(key, self.entries.get(key), entry)
            if entry is None:
                self.entries.pop(key, None)
            else:
                self.entries[key] = entry

    def finish_restore(self) -> None:
        """Build the heap from the restored entries, once instead of a push for every record of the changelog."""
        self.heap = [
            DueTimer(timer.due_at, key, timer.kind, timer.generation)
            for key, entry in self.entries.items()
            for timer in entry.timers
        ]
        heapq.heapify(self.heap)

    def put(self, key: str, entry: Entry[S] | None) -> None:
        """Make `entry` the committed value of `key` and push the timers that are new with it."""
        old = self.entries.get(key)
        if entry is None:
            self.entries.pop(key, None)
            return
        self.entries[key] = entry
        known = old.timers if old is not None else ()
        for timer in entry.timers:
            if timer not in known:
                heapq.heappush(self.heap, DueTimer(timer.due_at, key, timer.kind, timer.generation))

    def put_parked(self, key: str, count: int) -> None:
        """Say how many dead letters of `key` wait for redrive; 0 frees the key."""
        if count > 0:
            self.parked[key] = count
        else:
            self.parked.pop(key, None)
            entry = self.entries.get(key)
            if entry is not None:
                # Timers that came due while the key was parked were taken off the heap and wait in the entry.
                self.push_back([DueTimer(timer.due_at, key, timer.kind, timer.generation) for timer in entry.timers])

    def reindex(self, key: str, old: Entry[S] | None, new: Entry[S] | None) -> None:
        """Keep the derived index in step with a change, committed or not."""
        if self.index is not None:
            self.index.replace(key, old.state if old is not None else None, new.state if new is not None else None)

    def is_current(self, due: DueTimer, entry: Entry[S] | None) -> bool:
        """Tell whether a timer from the heap still stands in its key's entry."""
        return entry is not None and any(
            timer.due_at == due.due_at and timer.kind == due.kind and timer.generation == due.generation
            for timer in entry.timers
        )

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


def encode_parked(count: int) -> bytes | None:
    """Return the changelog value of a parked key; None (a tombstone) once nothing waits."""
    return _encode(count) if count > 0 else None
