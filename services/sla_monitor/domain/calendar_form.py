"""Reads a calendar from plain data, as policies' files and the directory write it; a mistake says where it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from itertools import pairwise
from typing import Any, Final

import msgspec

from services.sla_monitor.domain.calendar import (
    ALWAYS,
    MIDNIGHT_SECONDS,
    WEEKDAYS,
    CalendarHours,
    InvalidCalendar,
    WallInterval,
    zone_of,
)

MAX_INTERVALS_A_DAY: Final = 48
MAX_DAYS_LISTED: Final = 20_000

_WALL_TIME: Final = re.compile(r"([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?")
_KNOWN_KEYS: Final = frozenset({"timezone", "hours", "holidays", "overrides", "id", "calendar_id", "name", "version"})


def parse_calendar(data: object) -> CalendarHours:
    """A calendar from its data form; None is 24/7.

    The form: `{"timezone": "Asia/Shanghai", "hours": {"mon": [["09:00", "12:00"], ["13:00", "18:00"]]},
    "holidays": ["2026-02-17"], "overrides": {"2026-02-28": [["09:00", "18:00"]]}}`.

    Raises:
        InvalidCalendar: never open, unknown zone or weekday, a bad date or time, overlapping or reversed intervals.
    """
    if data is None:
        return ALWAYS
    form = _mapping(data, "a calendar")
    unknown = sorted(set(form) - _KNOWN_KEYS)
    if unknown:
        raise InvalidCalendar(f"a calendar has no {', '.join(unknown)}", (unknown[0],))
    timezone = form.get("timezone")
    zone_of(timezone)
    hours = _mapping(form.get("hours", {}), "hours")
    strangers = sorted(set(hours) - set(WEEKDAYS))
    if strangers:
        raise InvalidCalendar(
            f"unknown weekday {', '.join(map(repr, strangers))}; weekdays are {', '.join(WEEKDAYS)}",
            ("hours", strangers[0]),
        )
    week = tuple(_intervals(hours.get(weekday) or [], weekday, ("hours", weekday)) for weekday in WEEKDAYS)
    days = _replaced_days(form)
    if not any(week) and not any(days.values()):
        raise InvalidCalendar("the calendar never opens", ("hours",))
    version = form.get("version", 0)
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        raise InvalidCalendar(f"version counts from 1, got {version!r}", ("version",))
    return CalendarHours(timezone=str(timezone), week=week, days=days, version=version)


def _replaced_days(form: Mapping[str, Any]) -> dict[date, tuple[WallInterval, ...]]:
    """Holidays as days without intervals, and overrides, which beat them."""
    holidays = form.get("holidays") or []
    if not isinstance(holidays, list | tuple):
        raise InvalidCalendar("holidays are a list of dates")
    overrides = _mapping(form.get("overrides") or {}, "overrides")
    if len(holidays) + len(overrides) > MAX_DAYS_LISTED:
        raise InvalidCalendar(f"more than {MAX_DAYS_LISTED} holidays and overrides")
    days: dict[date, tuple[WallInterval, ...]] = {_date(holiday): () for holiday in holidays}
    return days | {
        _date(day): _intervals(intervals, str(day), ("overrides", str(day))) for day, intervals in overrides.items()
    }


def _intervals(data: object, where: str, path: tuple[str, ...]) -> tuple[WallInterval, ...]:
    try:
        return _checked(data, where)
    except InvalidCalendar as error:
        raise InvalidCalendar(str(error), path) from None


def _checked(data: object, where: str) -> tuple[WallInterval, ...]:
    if not isinstance(data, list | tuple) or len(data) > MAX_INTERVALS_A_DAY:
        raise InvalidCalendar(f"{where}: expected a list of at most {MAX_INTERVALS_A_DAY} [open, close] pairs")
    intervals = []
    for pair in data:
        if not isinstance(pair, list | tuple) or len(pair) != 2:  # noqa: PLR2004 - a pair
            raise InvalidCalendar(f"{where}: {pair!r} is not an [open, close] pair")
        opens, closes = (_wall_seconds(time, where) for time in pair)
        if opens >= closes:
            raise InvalidCalendar(f"{where}: {pair[0]} to {pair[1]} is reversed or empty")
        intervals.append((opens, closes))
    intervals.sort()
    for (_, closes), (opens, _) in pairwise(intervals):
        if opens < closes:
            raise InvalidCalendar(f"{where}: intervals overlap")
    return tuple(intervals)


def _wall_seconds(text: object, where: str) -> int:
    match = _WALL_TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InvalidCalendar(f"{where}: {text!r} is not a time of day such as 09:00")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = hours * 3600 + minutes * 60 + seconds
    if minutes > 59 or seconds > 59 or total > MIDNIGHT_SECONDS:  # noqa: PLR2004 - sexagesimal
        raise InvalidCalendar(f"{where}: {text!r} is not a time of day")
    return total


def _date(text: object) -> date:
    if isinstance(text, date) and not isinstance(text, datetime):
        return text  # YAML reads dates as dates
    try:
        return msgspec.convert(text, date)
    except msgspec.ValidationError:
        raise InvalidCalendar(f"{text!r} is not a date such as 2026-02-17") from None


def _mapping(data: object, what: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise InvalidCalendar(f"expected {what} as a mapping, got {type(data).__name__}")
    return data
