"""When a technician is on duty, from the hours of their shift.

Wall times are local to the shift's zone; one that a clock change skips moves forward, one that it repeats is its first
occurrence. Intervals that touch are one stretch of duty.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from schemas.routing_policy import Shift as Stated

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAYS_AHEAD: Final = 15
"""How far the next change of duty is looked for; who is off duty for longer is looked at again by then."""
STRETCHES_KEPT: Final = 8_192
_DAY: Final = timedelta(days=1)


class UnknownDayError(ValueError):
    """A shift names a day that no calendar has."""


class Shift(msgspec.Struct, frozen=True, array_like=True):
    """A technician's hours: intervals (begin, end as `HH:MM`) of each weekday from Monday, and of replaced days."""

    timezone: str
    week: tuple[tuple[tuple[str, str], ...], ...]
    overrides: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()


class Duty(NamedTuple):
    """Whether someone is on duty, and until when that stays so (at the latest, where no change is in sight)."""

    on: bool
    until: datetime


def shift_of(stated: Stated) -> Shift:
    """The shift of a record, checked.

    Raises:
        UnknownDayError: a weekday that is none.
        ValueError: a zone, a date or an interval that is none.
    """
    unknown = set(stated.hours) - set(WEEKDAYS)
    if unknown:
        raise UnknownDayError(f"no weekdays: {', '.join(sorted(unknown))}")
    week = tuple(_intervals(stated.hours.get(day, [])) for day in WEEKDAYS)
    overrides = tuple(sorted((day, _intervals(hours)) for day, hours in stated.overrides.items()))
    shift = Shift(stated.timezone, week, overrides)
    for day, _ in overrides:
        date.fromisoformat(day)
    ZoneInfo(shift.timezone)
    return shift


def duty_at(shift: Shift, now: datetime) -> Duty:
    """Whether the shift is on at `now`, and when that changes next."""
    today = now.astimezone(ZoneInfo(shift.timezone)).date()
    for begin, end in _stretches(shift, today):
        if now < begin:
            return Duty(on=False, until=begin)
        if now < end:
            return Duty(on=True, until=end)
    return Duty(on=False, until=now + DAYS_AHEAD * _DAY)


@lru_cache(maxsize=STRETCHES_KEPT)
def _stretches(shift: Shift, today: date) -> tuple[tuple[datetime, datetime], ...]:
    """Duty around a day, in order, touching intervals joined."""
    joined: list[tuple[datetime, datetime]] = []
    for begin, end in sorted(_around(shift, today)):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif begin < end:
            joined.append((begin, end))
    return tuple(joined)


def _around(shift: Shift, today: date) -> Iterator[tuple[datetime, datetime]]:
    zone, replaced = ZoneInfo(shift.timezone), dict(shift.overrides)
    for offset in range(-2, DAYS_AHEAD):
        day = today + offset * _DAY
        for opens, closes in replaced.get(day.isoformat(), shift.week[day.weekday()]):
            begin = _instant(day, opens, zone)
            yield begin, _instant(day if opens < closes else day + _DAY, closes, zone)


def _instant(day: date, wall: str, zone: ZoneInfo) -> datetime:
    hour, minute = int(wall[:2]), int(wall[3:])
    local = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(hours=hour, minutes=minute)
    return local.astimezone(UTC)


def _intervals(hours: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((begin, end) for begin, end in hours)
