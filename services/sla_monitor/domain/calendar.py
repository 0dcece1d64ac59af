"""Business time: when a calendar is open, and arithmetic on open time alone.

Rules (shared/sla-cases.md): intervals are half-open `[open, close)` in local wall time, several a day; `24:00` is the
next midnight; a missing wall time (DST gap) moves forward by the gap, an ambiguous one is its first occurrence; an
override replaces a day and beats a holiday. Two intervals that a gap makes overlap count once.

The open time of a calendar is a sorted array of intervals in UTC with the open time cumulated up to each interval's
end, so that `add` and `between` are two bisections. The arrays are built when an instant outside of them is asked for,
`BLOCK_US` at a time, within `EARLIEST_US` and `LATEST_US`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import msgspec

from services.sla_monitor.domain.instants import DAY_US, EPOCH, from_datetime, to_text

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EARLIEST_US: Final = 0
LATEST_US: Final = from_datetime(datetime(2100, 1, 1, tzinfo=UTC))
BLOCK_US: Final = 366 * DAY_US
MIDNIGHT_SECONDS: Final = 24 * 3600

# A local day lies within this of the UTC day of the same date, whatever the zone and whatever it skips or repeats.
_ZONE_MARGIN: Final = timedelta(days=3)
_DAY: Final = timedelta(days=1)

WallInterval = tuple[int, int]
"""Opening and closing as seconds of the local wall clock since midnight; the close may be 24:00."""


class InvalidCalendar(ValueError):  # noqa: N818 - says what the calendar is
    """A calendar that can't be used; the message gives the reason, `path` the keys that lead to it."""

    def __init__(self, reason: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(reason)
        self.path = path


class CalendarExhausted(InvalidCalendar):
    """The question leads outside the years that calendars are kept for, or past a calendar's last opening."""


class CalendarHours(msgspec.Struct, frozen=True):
    """A calendar as checked data. `week` has seven days from Monday; `days` maps dates to what replaces them.

    `version` is 0 where the data has none.
    """

    timezone: str
    week: tuple[tuple[WallInterval, ...], ...]
    days: dict[date, tuple[WallInterval, ...]] = {}
    version: int = 0

    @property
    def opens_weekly(self) -> bool:
        """Whether some weekday is open, so that the calendar never closes for good."""
        return any(self.week)


OpenSpan = tuple[int, int]
"""A stretch of open time: its start, and its end, which is no part of it."""


class _Table(NamedTuple):
    """Open intervals within [from_us, until_us), in order. `totals_us[i]` is the open time up to `closes_us[i]`.

    The first row is empty and stands at `from_us`, so that every covered instant has a row before it. A table is
    never changed, only replaced: threads that share a calendar see one or the other.
    """

    from_us: int
    until_us: int
    opens_us: list[int]
    closes_us: list[int]
    totals_us: list[int]


class AnyCalendar(Protocol):
    """A calendar, or a choice of them: what a ticket's clocks are judged by."""

    def of(self, calendar_id: str | None) -> BusinessCalendar:
        """The calendar that a target names; None for the one that the ticket goes by."""
        ...


class Calendars(NamedTuple):
    """The calendar that a ticket goes by, and the ones that single targets name."""

    main: BusinessCalendar
    named: Callable[[str], BusinessCalendar]

    def of(self, calendar_id: str | None) -> BusinessCalendar:
        """See `AnyCalendar`."""
        return self.main if calendar_id is None else self.named(calendar_id)


class BusinessCalendar:
    """Arithmetic on the open time of a calendar. Instants and spans are microseconds.

    Trap: both methods may have to extend the table, about 3 ms a year of it; afterwards they take about 1 µs.
    """

    def __init__(self, hours: CalendarHours) -> None:
        if not any(hours.week) and not any(hours.days.values()):
            raise InvalidCalendar("the calendar never opens")
        self.hours = hours
        self._zone = zone_of(hours.timezone)
        self._table = _Table(0, 0, [0], [0], [0])

    @property
    def version(self) -> int:
        """The version of its data, 0 where it has none."""
        return self.hours.version

    def of(self, calendar_id: str | None) -> BusinessCalendar:
        """Itself: the only calendar there is serves whatever a target names. See `AnyCalendar`."""
        del calendar_id
        return self

    def add(self, start_us: int, open_us: int) -> int:
        """The first instant at which `open_us` of open time have passed since `start_us`.

        What is used up exactly at closing time is used up at closing time, not at the next opening. With `open_us` of
        zero or less it is `start_us`.

        Raises:
            CalendarExhausted: the calendar isn't open that long before the year 2100.
        """
        if open_us <= 0:
            return start_us
        from_us, until_us, opens_us, closes_us, totals_us = self._table
        if not from_us <= start_us < until_us:
            _, until_us, opens_us, closes_us, totals_us = self._cover(start_us)
        row = bisect_right(opens_us, start_us) - 1
        unused_us = closes_us[row] - start_us
        total_us = totals_us[row] + open_us - max(0, unused_us)
        while total_us > totals_us[-1]:
            _, until_us, opens_us, closes_us, totals_us = self._cover(until_us, asked_us=start_us)
        row = bisect_left(totals_us, total_us, row)
        return closes_us[row] - totals_us[row] + total_us

    def between(self, start_us: int, stop_us: int) -> int:
        """Open time from `start_us` to `stop_us`; zero when `stop_us` is not later.

        Raises:
            CalendarExhausted: an end lies outside the years 1970 to 2099.
        """
        if stop_us <= start_us:
            return 0
        from_us, until_us, opens_us, closes_us, totals_us = self._table
        if start_us < from_us or stop_us >= until_us:
            self._cover(start_us)
            _, _, opens_us, closes_us, totals_us = self._cover(stop_us)
        first = bisect_right(opens_us, start_us) - 1
        last = bisect_right(opens_us, stop_us, first) - 1
        open_us = totals_us[last] - totals_us[first]
        before_us, after_us = closes_us[first] - start_us, closes_us[last] - stop_us
        if before_us > 0:
            open_us += before_us
        if after_us > 0:
            open_us -= after_us
        return open_us

    def spans(self, start_us: int, stop_us: int, limit: int) -> Iterator[OpenSpan]:
        """The stretches of open time between two instants, in order, at most `limit` of them."""
        table = self._table
        if start_us < table.from_us or stop_us >= table.until_us:
            self._cover(start_us)
            table = self._cover(stop_us)
        opens_us, closes_us = table.opens_us, table.closes_us
        row = bisect_right(opens_us, start_us) - 1
        while limit > 0 and row < len(opens_us) and opens_us[row] < stop_us:
            from_us, until_us = max(opens_us[row], start_us), min(closes_us[row], stop_us)
            if from_us < until_us:
                yield from_us, until_us
                limit -= 1
            row += 1

    def _cover(self, at_us: int, asked_us: int | None = None) -> _Table:
        """The table, extended by whole blocks so that it holds `at_us`."""
        if not EARLIEST_US <= at_us < LATEST_US:
            reason = "the calendar is not open long enough after" if asked_us is not None else "calendars do not reach"
            raise CalendarExhausted(f"{reason} {to_text(at_us if asked_us is None else asked_us)}")
        table = self._table
        if table.from_us <= at_us < table.until_us:
            return table
        if table.from_us == table.until_us:
            from_us = until_us = at_us - at_us % DAY_US
            table = _Table(from_us, until_us, [from_us], [from_us], [0])
        from_us = table.from_us
        while at_us < from_us:
            from_us = max(from_us - BLOCK_US, EARLIEST_US)
        until_us = table.until_us
        while at_us >= until_us:
            until_us = min(until_us + BLOCK_US, LATEST_US)
        if from_us < table.from_us:
            table = _Table(from_us, from_us, [from_us], [from_us], [0])
        self._table = self._extended(table, until_us)
        return self._table

    def _extended(self, table: _Table, until_us: int) -> _Table:
        """A copy of `table` that reaches `until_us`."""
        opens_us, closes_us, totals_us = list(table.opens_us), list(table.closes_us), list(table.totals_us)
        for open_us, close_us in self._open_within(table.until_us, until_us):
            if open_us == closes_us[-1] and opens_us[-1] < closes_us[-1]:
                totals_us[-1] += close_us - open_us
                closes_us[-1] = close_us
            else:
                opens_us.append(open_us)
                closes_us.append(close_us)
                totals_us.append(totals_us[-1] + close_us - open_us)
        return _Table(table.from_us, until_us, opens_us, closes_us, totals_us)

    def _open_within(self, from_us: int, until_us: int) -> list[OpenSpan]:
        """Open intervals cut to [from_us, until_us), in order, touching and overlapping ones joined."""
        first = (EPOCH + timedelta(microseconds=from_us)).date() - _ZONE_MARGIN
        last = (EPOCH + timedelta(microseconds=until_us)).date() + _ZONE_MARGIN
        joined: list[OpenSpan] = []
        for open_us, close_us in sorted(self._intervals_of(first, last)):
            start_us, stop_us = max(open_us, from_us), min(close_us, until_us)
            if start_us >= stop_us:
                continue
            if joined and start_us <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(joined[-1][1], stop_us))
            else:
                joined.append((start_us, stop_us))
        return joined

    def _intervals_of(self, first: date, last: date) -> Iterator[tuple[int, int]]:
        """Opening and closing instants of the local days `first` to `last`."""
        day = first
        while day <= last:
            intervals = self.hours.days.get(day)
            for opens, closes in self.hours.week[day.weekday()] if intervals is None else intervals:
                yield self._instant(day, opens), self._instant(day, closes)
            day += _DAY

    def _instant(self, day: date, wall_seconds: int) -> int:
        """The instant of a wall time. fold=0 gives what the rules ask for.

        PEP 495: in a gap fold=0 keeps the offset of before, which lands as far after the gap as the wall time was
        into it; of an ambiguous time it is the first occurrence.
        """
        if wall_seconds == MIDNIGHT_SECONDS:
            day, wall_seconds = day + _DAY, 0
        minutes, seconds = divmod(wall_seconds, 60)
        wall = datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, seconds, tzinfo=self._zone)
        return from_datetime(wall.replace(tzinfo=UTC) - (wall.utcoffset() or timedelta(0)))


def check_opens(calendar: BusinessCalendar, loaded_us: int) -> None:
    """Refuse a calendar under which nothing would ever be due.

    Raises:
        InvalidCalendar: nothing is open within a year after it is loaded, or it has no weekly hours.
    """
    if not calendar.hours.opens_weekly:
        raise InvalidCalendar(
            "the calendar has no weekly hours: it closes for good after its last override", ("hours",)
        )
    if not any(calendar.spans(loaded_us, loaded_us + BLOCK_US, 1)):
        raise InvalidCalendar(f"nothing is open in the year after {to_text(loaded_us)}", ("hours",))


ALWAYS: Final = CalendarHours(timezone="UTC", week=(((0, MIDNIGHT_SECONDS),),) * 7)
"""24/7."""


def zone_of(name: object) -> ZoneInfo:
    """The time zone of a name.

    Raises:
        InvalidCalendar: there is none.
    """
    try:
        return ZoneInfo(name if isinstance(name, str) else "")
    except (KeyError, ValueError, OSError):
        raise InvalidCalendar(f"unknown time zone {name!r}", ("timezone",)) from None
