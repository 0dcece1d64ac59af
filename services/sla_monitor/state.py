"""What the monitor keeps of a ticket, and when it wants to look at it again.

A million tickets are open at once, so a ticket is kept as few objects: what its clocks know is one text of bytes
(`Kept`, as msgpack), opened when something happens to it. Beside it stands only what tells that nothing has to be done.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, TypeAlias

import msgspec

from services._runtime.engine.topology import Timer
from services.sla_monitor.domain.conditions import Profile
from services.sla_monitor.domain.instants import to_datetime
from services.sla_monitor.domain.progress import Clocks
from services.sla_monitor.domain.surge import LevelWatch

STATE_VERSION: Final = 1
SURGES_STATE_VERSION: Final = 1

MARK: Final = "mark"
"""A warning, a breach or a step of the ladder is due."""
SHRINK: Final = "shrink"
FORGET: Final = "forget"
_MICROSECOND: Final = timedelta(microseconds=1)


class Regime(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A version of a policy that the ticket goes or went by, and the calendar there, None for 24/7."""

    policy_id: str
    version: int
    calendar_id: str | None = None


class Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A ticket. No text of it, only what its clocks need.

    `regimes` begins with the policy of its opening; others follow where it was moved. `profile` has the priority and
    pool stated last. `status` is the last status that means anything to a clock, else empty.
    """

    tenant: str
    regimes: tuple[Regime, ...]
    profile: Profile
    status: str = ""
    clocks: Clocks = Clocks()


class TicketClocks(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A ticket as it lies in the store.

    `sequence` is the last of its events that counted here, so that copies do nothing. `packed` is its `Kept`.
    `wake_us` is when the next mark is passed, `ended_us` when it was closed, cancelled or merged, None while it may go
    on. `shrunk`: its cycles were let go.
    """

    sequence: int
    packed: bytes
    wake_us: int | None = None
    ended_us: int | None = None
    shrunk: bool = False


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Kept).decode


def packed(kept: Kept) -> bytes:
    """A ticket as bytes."""
    return _encode(kept)


def unpacked(state: TicketClocks) -> Kept:
    """What is kept of a ticket."""
    return _decode(state.packed)


class Keeping(msgspec.Struct, frozen=True):
    """How long a ticket is kept after its end, in microseconds: whole, and at all."""

    whole_us: int
    at_all_us: int


def keeping_for(whole: timedelta, at_all: timedelta) -> Keeping:
    """How long to keep tickets; never shorter at all than whole."""
    return Keeping(whole // _MICROSECOND, max(whole, at_all) // _MICROSECOND)


def timers_of(state: TicketClocks, keeping: Keeping) -> tuple[Timer, ...]:
    """The one timer of a ticket, or none: for whatever is due first.

    It shrinks only when no mark is ahead any more, and is forgotten only once it has shrunk.
    """
    kind, due_us = MARK, state.wake_us
    if state.ended_us is not None:
        if state.shrunk:
            kind, due_us = FORGET, state.ended_us + keeping.at_all_us
        elif due_us is None:
            kind, due_us = SHRINK, state.ended_us + keeping.whole_us
    return () if due_us is None else (Timer(kind, to_datetime(due_us), state.sequence),)


class LevelTally(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Verdicts of one level since the last tally; `tickets` are the latest that were breached."""

    breached: int = 0
    met: int = 0
    tickets: tuple[str, ...] = ()


class Tally(msgspec.Struct, frozen=True, array_like=True, tag="tally", gc=False):
    """What one partition has counted of a pool, by level, until `due_at`."""

    tenant: str
    pool: str
    due_at: datetime
    levels: dict[str, LevelTally] = {}


class PoolWatch(msgspec.Struct, frozen=True, array_like=True, tag="pool", gc=False):
    """The windows of a pool, by level; let go of when all are empty."""

    tenant: str
    pool: str
    levels: dict[str, LevelWatch] = {}


SurgeState: TypeAlias = Tally | PoolWatch
