"""What verdicts come to: for each day, level and target of a pool, how many were met, breached and taken back.

A clock's verdict is known by its target, cycle and generation. The last one that was told holds: one that is told
otherwise later, or retracted, is taken off where it was counted, whatever has become of the ticket's pool and level.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, tzinfo
from typing import Final, NamedTuple

import msgspec

VERDICTS_MAX: Final = 256
"""Verdicts remembered of one ticket; of more, the oldest can't be corrected any longer."""
SLOTS_MAX: Final = 1_000
"""Slots of a day of a pool. Levels and targets are data, and a flood of them is counted under the last one."""


class Slot(NamedTuple):
    """What a verdict is counted under: its day (2026-01-07), its level and its target."""

    day: str
    priority: str
    target: str


class Verdict(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A verdict that stands, and where it was counted. `pool` is empty where the ticket had none."""

    met: bool
    pool: str
    slot: Slot


class Counts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Verdicts that stand, met and breached, and how many fell; as changes, below zero where they take off."""

    met: int = 0
    breached: int = 0
    retracted: int = 0


class Shift(NamedTuple):
    """What one event changes: so much more of a slot of a pool."""

    pool: str
    slot: Slot
    counts: Counts


def day_of(at: datetime, zone: tzinfo) -> str:
    """The day of an instant where the business is."""
    return at.astimezone(zone).date().isoformat()


def day_begins(day: str, zone: tzinfo) -> datetime:
    """The instant at which a day begins there."""
    return datetime.combine(date.fromisoformat(day), time.min, zone).astimezone(UTC)


def counted(
    known: Mapping[str, Verdict], clock: str, verdict: Verdict | None
) -> tuple[dict[str, Verdict], tuple[Shift, ...]]:
    """The verdicts of a ticket once `clock` has this one (None: it has none any more), and what that changes.

    Nothing changes where the clock has been judged so before, or where a verdict falls that nobody remembers.
    """
    before = known.get(clock)
    after = {name: each for name, each in known.items() if name != clock}
    if before is not None and verdict is not None and before.met == verdict.met:
        return dict(known), ()
    shifts = []
    if before is not None:
        shifts.append(Shift(before.pool, before.slot, Counts(-before.met, -(not before.met), 1)))
    if verdict is not None:
        after[clock] = verdict
        shifts.append(Shift(verdict.pool, verdict.slot, Counts(int(verdict.met), int(not verdict.met))))
    return dict(list(after.items())[-VERDICTS_MAX:]), tuple(shifts)


def added(known: Mapping[Slot, Counts], changes: Iterable[tuple[Slot, Counts]]) -> dict[Slot, Counts]:
    """The counts with changes added."""
    after = dict(known)
    for slot, change in changes:
        place = slot if slot in after or len(after) < SLOTS_MAX else next(reversed(after))
        before = after.get(place, Counts())
        after[place] = Counts(
            before.met + change.met, before.breached + change.breached, before.retracted + change.retracted
        )
    return after


def attained(counts: Counts) -> float | None:
    """The share of verdicts met, None where none stands."""
    met, breached = max(0, counts.met), max(0, counts.breached)
    return met / (met + breached) if met + breached else None
