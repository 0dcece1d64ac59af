"""How state lies in the changelog: `key -> msgpack [version, timers, state]`, and the versions in which it may.

Code of version n reads what n wrote and, through `upgrades`, everything older. It writes `writes_version`: its own, or
the one before while instances of the older code still run or may come back. What a newer code wrote in its own version
is refused, since nobody here knows what it means.
"""

from __future__ import annotations

import sys
from typing import Any, Final, Generic, TypeVar

import msgspec

from services._runtime.engine.topology import Timer, Topology

S = TypeVar("S")

_encode: Final = msgspec.msgpack.Encoder().encode
_decode_loosely: Final = msgspec.msgpack.Decoder().decode


class Entry(msgspec.Struct, Generic[S], frozen=True, array_like=True):
    """What the store holds for a key: the state, the version of its form, and its timers. In memory always our own."""

    version: int
    timers: tuple[Timer, ...]
    state: S


class UnreadableStateError(Exception):
    """A changelog record was written by a version of the state that this code can't read."""


class StateCodec(Generic[S]):
    """Writes and reads the entries of a topology, in its versions."""

    def __init__(self, topology: Topology[S]) -> None:
        self._topology = topology
        self._version = topology.state_version
        self._decode = msgspec.msgpack.Decoder(Entry[topology.state_type]).decode  # type: ignore[name-defined]
        self._decode_loosely = msgspec.msgpack.Decoder(Entry[Any]).decode
        self.writes_own_version = topology.writes_version in (None, self._version)

    def encode(self, entry: Entry[S]) -> bytes:
        """Return the changelog value of an entry, in the version that is to be written."""
        return _encode(entry) if self.writes_own_version else _encode(self._downgraded(entry))

    def settled(self, entry: Entry[S]) -> Entry[S]:
        """Return the entry as a restore would give it back: what the written version can't hold is not kept either."""
        return entry if self.writes_own_version else self._upgraded(self._downgraded(entry))

    def decode(self, value: bytes) -> tuple[Entry[S], int]:
        """Return the entry that `value` holds, and the version in which it lay there.

        Raises:
            UnreadableStateError: no upgrade leads from that version to this one.
        """
        try:
            entry: Entry[S] = self._decode(value)
        except msgspec.ValidationError:
            entry, written = self._lifted(value)
        else:
            written = entry.version
            if written != self._version:
                entry, written = self._lifted(value)
        for timer in entry.timers:
            # A few kinds name millions of timers; each decoded one would hold a copy of its own.
            msgspec.structs.force_setattr(timer, "kind", sys.intern(timer.kind))
        return entry, written

    def _lifted(self, value: bytes) -> tuple[Entry[S], int]:
        try:
            entry: Entry[Any] = self._decode_loosely(value)
        except msgspec.ValidationError as error:
            raise UnreadableStateError(f"{self._topology.name}: no entry of a changelog: {error}") from error
        return self._upgraded(entry), entry.version

    def _upgraded(self, entry: Entry[Any]) -> Entry[S]:
        name, state = self._topology.name, entry.state
        if entry.version > self._version:
            raise UnreadableStateError(
                f"{name}: state of version {entry.version} was written by newer code; this one knows {self._version}"
            )
        for version in range(entry.version, self._version):
            upgrade = self._topology.upgrades.get(version)
            if upgrade is None:
                raise UnreadableStateError(f"{name}: state of version {version} has no upgrade to {version + 1}")
            state = upgrade(state)
        try:
            lifted = msgspec.convert(state, self._topology.state_type)
        except msgspec.ValidationError as error:
            raise UnreadableStateError(f"{name}: state of version {entry.version} can't be read: {error}") from error
        return Entry(self._version, entry.timers, lifted)

    def _downgraded(self, entry: Entry[S]) -> Entry[Any]:
        """The entry in the older version that is to be written; `Topology` has checked that there is a way down."""
        to = self._topology.writes_version or self._version
        state = _decode_loosely(_encode(entry.state))
        for version in range(self._version - 1, to - 1, -1):
            state = self._topology.downgrades[version](state)
        return Entry(to, entry.timers, state)
