"""What the monitor keeps of a ticket, and when it wants to look at it again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from services.sla_monitor.domain.instants import to_datetime
from services.sla_monitor.domain.progress import Clocks

STATE_VERSION: Final = 1

MARK: Final = "mark"
"""A warning, a breach or a step of the ladder is due."""
SHRINK: Final = "shrink"
FORGET: Final = "forget"


class TicketClocks(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A ticket. No text of it, only what its clocks need.

    `sequence` is the last of its events that counted here, so that copies do nothing. `policy_id` and `policy_version`
    are what it began with. `priority` is the last one stated, `pausing` the last status if it pauses any clock, else
    empty. `ended_at` is when it was closed, cancelled or merged, None while it may go on. `shrunk`: its cycles were let
    go. Microseconds in `wake_us`, when the next mark is passed.
    """

    tenant: str
    sequence: int
    policy_id: str
    policy_version: int
    priority: str
    pool: str | None = None
    pausing: str = ""
    clocks: Clocks = Clocks()
    wake_us: int | None = None
    ended_at: datetime | None = None
    shrunk: bool = False


class Keeping(msgspec.Struct, frozen=True):
    """How long a ticket is kept after its end: whole, and at all."""

    whole: timedelta
    at_all: timedelta


class Timing(msgspec.Struct, frozen=True):
    """A timer that a state asks for."""

    kind: str
    due_at: datetime


def timings(state: TicketClocks, keeping: Keeping) -> tuple[Timing, ...]:
    """All timers of a ticket."""
    found = []
    if state.wake_us is not None:
        found.append(Timing(MARK, to_datetime(state.wake_us)))
    if state.ended_at is not None:
        if not state.shrunk:
            found.append(Timing(SHRINK, state.ended_at + keeping.whole))
        found.append(Timing(FORGET, state.ended_at + keeping.at_all))
    return tuple(found)
