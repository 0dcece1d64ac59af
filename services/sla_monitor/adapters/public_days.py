"""Writes a calendar with a country's public holidays: `python -m services.sla_monitor calendar --country CN …`.

The dates come from `chinesecalendar` for China, which has make-up working days too, and from `holidays` elsewhere. What
is printed is the data form of `domain.calendar`, as `calendars/*.yaml` and the directory have it: dates are data, read
and agreed before they are used, not looked up while a clock runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

import chinese_calendar
import holidays
import yaml

from services.sla_monitor.domain.calendar import WEEKDAYS
from services.sla_monitor.domain.calendar_form import parse_calendar

CHINA: Final = "CN"
_SATURDAY: Final = 5


class PublicDays(NamedTuple):
    """Days on which an office is closed though the week says open, and open though the week says closed."""

    holidays: list[date]
    worked: list[date]


def public_days(country: str, years: Sequence[int]) -> PublicDays:
    """The weekdays that are holidays and the weekend days that are worked, in order.

    Args:
        country: ISO 3166-1 code, two letters.
        years: whose days are wanted.

    Raises:
        NotImplementedError: the country or a year is not known.
    """
    days = [day for year in sorted(years) for day in _days_of(year)]
    if country == CHINA:
        worked = [day for day in days if chinese_calendar.is_workday(day)]
    else:
        public = holidays.country_holidays(country, years=list(years))
        worked = [day for day in days if _is_weekday(day) and day not in public]
    at_work = set(worked)
    return PublicDays(
        holidays=[day for day in days if _is_weekday(day) and day not in at_work],
        worked=[day for day in worked if not _is_weekday(day)],
    )


def calendar_form(
    calendar_id: str, version: int, timezone: str, intervals: list[list[str]], days: PublicDays
) -> dict[str, Any]:
    """An office calendar, open in `intervals` from Monday to Friday and on worked weekend days.

    Raises:
        InvalidCalendar: the zone or the intervals can't be used.
    """
    form = {
        "calendar_id": calendar_id,
        "version": version,
        "timezone": timezone,
        "hours": {weekday: [list(interval) for interval in intervals] for weekday in WEEKDAYS[:_SATURDAY]},
        "holidays": [day.isoformat() for day in days.holidays],
        "overrides": {day.isoformat(): [list(interval) for interval in intervals] for day in days.worked},
    }
    parse_calendar(form)
    return form


def write_calendar(arguments: Sequence[str]) -> str:
    """The YAML that a command line asks for; ends the process with a message when it can't be had."""
    parser = argparse.ArgumentParser(prog="python -m services.sla_monitor calendar", description=__doc__)
    parser.add_argument("--country", required=True, help="ISO 3166-1 code, such as CN")
    parser.add_argument("--year", required=True, type=int, action="append", help="may be given several times")
    parser.add_argument("--timezone", required=True, help="IANA name, such as Asia/Shanghai")
    parser.add_argument(
        "--open", required=True, action="append", metavar="09:00-12:00", help="may be given several times"
    )
    parser.add_argument("--id", required=True)
    parser.add_argument("--version", type=int, default=1)
    options = parser.parse_args(arguments)
    try:
        days = public_days(options.country, options.year)
        intervals = [each.split("-") for each in options.open]
        form = calendar_form(options.id, options.version, options.timezone, intervals, days)
    except (NotImplementedError, ValueError) as error:
        parser.error(str(error))
    text: str = yaml.safe_dump(form, sort_keys=False, default_flow_style=None, allow_unicode=True, width=110)
    return text


def _days_of(year: int) -> Iterator[date]:
    day = date(year, 1, 1)
    while day.year == year:
        yield day
        day += timedelta(days=1)


def _is_weekday(day: date) -> bool:
    return day.weekday() < _SATURDAY
