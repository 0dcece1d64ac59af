"""Business time by ours and by the peers of the Python index, on the same questions in one process; JSON on stdout.

    python -m benchmarks.engines.calendars '{"rounds": 5, "questions": 2000}'

The office is open from Monday to Friday, 09:00 to 18:00, in one zone, with ten holidays: what every peer can say. Ours
is asked the same, and counts breaks, replaced days and zones besides. Peers that know days only are not equals: what
they do is named in `counts`.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from statistics import median
from typing import Any, Final, NamedTuple

from services.sla_monitor.domain.calendar import BusinessCalendar
from services.sla_monitor.domain.calendar_form import parse_calendar
from services.sla_monitor.domain.instants import SECOND_US, from_datetime, to_datetime

# The last ones lie outside of what is asked: one peer fails where no holiday follows within a year.
HOLIDAYS: Final = [
    date(2025, 10, 1),
    date(2026, 1, 1),
    *(date(2026, 2, day) for day in (16, 17, 18, 19, 20)),
    date(2026, 4, 6),
    *(date(2026, 5, day) for day in (1, 4, 5)),
    date(2026, 10, 1),
    date(2026, 12, 25),
]
OPENS, CLOSES = wall_time(9), wall_time(18)
WEEKDAYS: Final = [0, 1, 2, 3, 4]
START: Final = datetime(2026, 1, 5, tzinfo=UTC)
SPAN_DAYS: Final = 200
SLOW_QUESTIONS: Final = 200
"""Enough for a peer that takes milliseconds."""


class Question(NamedTuple):
    """From when, how many open seconds to add, and until when to count; the two are about the same stretch."""

    start: datetime
    open_seconds: int
    stop: datetime


class Way(NamedTuple):
    """How one of them answers: seconds of open time between, and the instant that many seconds later, if it can."""

    name: str
    counts: str
    between: Callable[[Question], float]
    add: Callable[[Question], datetime | int] | None
    quick: bool = False


def questions(number: int) -> list[Question]:
    """Stretches of minutes to some weeks, seeded."""
    chance = random.Random(7)  # noqa: S311 - seeded on purpose
    made = []
    for _ in range(number):
        start = START + timedelta(seconds=chance.randrange(SPAN_DAYS * 86_400))
        made.append(
            Question(
                start, chance.randrange(60, 40 * 3_600), start + timedelta(seconds=chance.randrange(60, 14 * 86_400))
            )
        )
    return made


def ours() -> Way:
    """The calendar of the product."""
    week = {day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    form = {"timezone": "UTC", "hours": week, "holidays": [day.isoformat() for day in HOLIDAYS]}
    calendar = BusinessCalendar(parse_calendar(form))
    return Way(
        "aftercare",
        "seconds, several intervals a day, zones, holidays, replaced days",
        lambda asked: calendar.between(from_datetime(asked.start), from_datetime(asked.stop)) / SECOND_US,
        lambda asked: to_datetime(calendar.add(from_datetime(asked.start), asked.open_seconds * SECOND_US)),
        quick=True,
    )


def ours_bare() -> Way:
    """The same without the conversion of instants, as the product itself asks."""
    week = {day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    form = {"timezone": "UTC", "hours": week, "holidays": [day.isoformat() for day in HOLIDAYS]}
    calendar = BusinessCalendar(parse_calendar(form))
    known: dict[Question, tuple[int, int, int]] = {}

    def in_us(asked: Question) -> tuple[int, int, int]:
        if asked not in known:
            known[asked] = from_datetime(asked.start), asked.open_seconds * SECOND_US, from_datetime(asked.stop)
        return known[asked]

    def between(asked: Question) -> float:
        start_us, _, stop_us = in_us(asked)
        return calendar.between(start_us, stop_us) / SECOND_US

    def add(asked: Question) -> int:
        start_us, open_us, _ = in_us(asked)
        return calendar.add(start_us, open_us)

    return Way("aftercare, instants in µs", "the same, without converting datetimes", between, add, quick=True)


def businesstimedelta_way() -> Way:
    """`businesstimedelta`."""
    import businesstimedelta  # noqa: PLC0415 - a peer that may be missing
    import pytz  # noqa: PLC0415 - as above

    holidays = dict.fromkeys(HOLIDAYS, "holiday")
    rules = businesstimedelta.Rules(
        [
            businesstimedelta.WorkDayRule(start_time=OPENS, end_time=CLOSES, working_days=WEEKDAYS, tz=pytz.utc),
            businesstimedelta.HolidayRule(holidays, tz=pytz.utc),
        ]
    )

    def add(asked: Question) -> datetime:
        later = asked.start + businesstimedelta.BusinessTimeDelta(rules, seconds=asked.open_seconds)
        moment: datetime = later
        return moment

    def between(asked: Question) -> float:
        found = rules.difference(asked.start, asked.stop)
        return float(found.hours * 3_600 + found.seconds)

    return Way("businesstimedelta", "seconds, one interval a day, zones, holidays", between, add)


def business_duration_way() -> Way:
    """`business-duration`: between alone."""
    from business_duration import businessDuration  # noqa: PLC0415 - a peer that may be missing

    holidays = dict.fromkeys(HOLIDAYS, "holiday")

    def between(asked: Question) -> float:
        start, stop = asked.start.replace(tzinfo=None), asked.stop.replace(tzinfo=None)
        given = {"starttime": OPENS, "endtime": CLOSES, "holidaylist": holidays, "weekendlist": [5, 6]}
        return float(businessDuration(startdate=start, enddate=stop, unit="sec", **given))

    return Way(
        "business-duration", "seconds, one interval a day, holidays; counts between, adds nothing", between, None
    )


def numpy_way() -> Way:
    """`numpy.busday_count`: whole days, so no equal."""
    import numpy as np  # noqa: PLC0415 - a peer that may be missing

    calendar = np.busdaycalendar(holidays=[day.isoformat() for day in HOLIDAYS])

    def between(asked: Question) -> float:
        return float(np.busday_count(asked.start.date(), asked.stop.date(), busdaycal=calendar))

    return Way("numpy busday_count", "whole days only, no hours: not an equal", between, None)


def pandas_way() -> Way:
    """`pandas.CustomBusinessHour`: adds whole hours, so no equal."""
    import pandas as pd  # noqa: PLC0415 - a peer that may be missing

    def add(asked: Question) -> datetime:
        hour = pd.offsets.CustomBusinessHour(
            start="09:00", end="18:00", holidays=HOLIDAYS, n=asked.open_seconds // 3_600
        )
        moment: datetime = (pd.Timestamp(asked.start.replace(tzinfo=None)) + hour).to_pydatetime()
        return moment

    return Way("pandas CustomBusinessHour", "whole hours only, adds: not an equal", lambda _: 0.0, add)


WAYS: Final = (ours, ours_bare, businesstimedelta_way, business_duration_way, pandas_way, numpy_way)


def measure(way: Way, asked: Sequence[Question], rounds: int) -> dict[str, Any]:
    """The median of a question in µs, each round over all of them, and how it differs from ours."""
    found: dict[str, Any] = {"name": way.name, "counts": way.counts}
    for what in ("between", "add"):
        ask: Callable[[Question], Any] | None = getattr(way, what)
        if ask is None or (what == "between" and way.name.startswith("pandas")):
            continue
        ask(asked[0])
        found[f"{what}_us"] = round(median(_round(ask, asked) for _ in range(rounds)), 3)
    return found


def _round(ask: Callable[[Question], Any], asked: Sequence[Question]) -> float:
    """The median of single questions, in µs."""
    spent = []
    clock = time.perf_counter_ns
    for question in asked:
        began = clock()
        ask(question)
        spent.append(clock() - began)
    return median(spent) / 1_000


def agreement(way: Way, truth: Way, asked: Sequence[Question]) -> float:
    """The share of questions whose `between` is that of ours, to the second."""
    return sum(abs(way.between(each) - truth.between(each)) < 1 for each in asked) / len(asked)


def main(arguments: Sequence[str]) -> int:
    """Measure every way that is installed."""
    order = json.loads(arguments[0]) if arguments else {}
    rounds, number = int(order.get("rounds", 5)), int(order.get("questions", 2_000))
    asked = questions(number)
    truth = ours()
    answers = []
    for make in WAYS:
        try:
            way = make()
        except ImportError as error:
            answers.append({"name": make.__name__, "missing": str(error)})
            continue
        few = asked if way.quick else asked[:SLOW_QUESTIONS]
        measured = measure(way, few, rounds)
        if "between_us" in measured and "not an equal" not in way.counts:
            measured["agrees"] = round(agreement(way, truth, few), 4)
        answers.append(measured)
    json.dump(answers, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
