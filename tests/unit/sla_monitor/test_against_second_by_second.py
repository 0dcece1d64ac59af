"""The clocks and a model that counts seconds say the same, over random calendars, zones and lives of tickets."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sla_monitor.domain.calendar import BusinessCalendar
from services.sla_monitor.domain.calendar_form import parse_calendar
from services.sla_monitor.domain.facts import Fact, ordered
from services.sla_monitor.domain.instants import SECOND_US, from_text, to_seconds, to_text
from services.sla_monitor.domain.policy import parse_targets, rules_of
from services.sla_monitor.domain.targets import TargetReport, evaluate
from tests.unit.sla_monitor.second_by_second import WEEKDAYS, Model

EXAMPLES = int(os.environ.get("SLA_PROPERTY_EXAMPLES", "80"))
"""The long form: SLA_PROPERTY_EXAMPLES=20000."""

# Zones with the day before their clocks change, or on which nothing happens.
PLACES = [
    ("UTC", date(2026, 1, 7)),
    ("Asia/Shanghai", date(2026, 2, 14)),
    ("Europe/Berlin", date(2025, 3, 29)),
    ("Europe/Berlin", date(2025, 10, 25)),
    ("America/New_York", date(2026, 3, 7)),
    ("America/New_York", date(2026, 10, 31)),
    ("America/Havana", date(2026, 3, 7)),  # at midnight, into a gap
    ("America/Havana", date(2026, 10, 31)),  # midnight comes twice
    ("Asia/Beirut", date(2024, 3, 30)),
    ("Australia/Lord_Howe", date(2026, 4, 4)),  # by half an hour
    ("America/St_Johns", date(2010, 11, 6)),  # a minute past midnight, back into the day before
    ("Pacific/Apia", date(2011, 12, 29)),  # a day is missing
]
STATUSES = ["open", "pending", "on_hold", "in_progress", "closed"]
PRIORITIES = ["P0", "P1", "P2"]
TARGETS = ["assignment", "first_response", "next_response", "resolution"]
# Pauses and priorities are what is hard, so they come most often; an end early in a life would hide them.
KINDS = [
    *["status"] * 6,
    *["priority"] * 4,
    *["customer_replied"] * 3,
    *["agent_replied"] * 2,
    *["reopened"] * 2,
    "assigned",
    "resolved",
    "closed",
]
LIFE_SECONDS = 40 * 3600

COARSE_SECONDS = 1800
"""Half of the cases know only half hours, so that budgets end at closings, stops at due times and pauses at both."""


def wall_times(grid_seconds: int) -> st.SearchStrategy[str]:
    minutes = st.integers(0, 48).map(lambda half_hours: half_hours * 30)
    if grid_seconds != COARSE_SECONDS:
        around_changes = st.integers(0, 16).map(lambda quarters: quarters * 15)
        minutes = st.one_of(around_changes, st.integers(0, 24 * 60), minutes)
    return minutes.map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")


@st.composite
def intervals(draw: st.DrawFn, grid_seconds: int) -> list[list[str]]:
    times = sorted(draw(st.lists(wall_times(grid_seconds), max_size=6, unique=True)))
    return [[opens, closes] for opens, closes in zip(times[::2], times[1::2], strict=False)]


@st.composite
def calendars(draw: st.DrawFn, zone: str, base: date, grid_seconds: int) -> dict[str, Any] | None:
    if draw(st.integers(0, 9)) == 0:
        return None
    days = [(base + timedelta(days=offset)).isoformat() for offset in range(-2, 7)]
    a_day = intervals(grid_seconds)
    return {
        "timezone": zone,
        # Sunday is always open, so that no calendar is refused.
        "hours": {day: draw(a_day) for day in WEEKDAYS[:6]} | {"sun": draw(a_day) or [["10:00", "24:00"]]},
        "holidays": draw(st.lists(st.sampled_from(days), max_size=2)),
        "overrides": draw(st.dictionaries(st.sampled_from(days), a_day, max_size=2)),
    }


def targets(grid_seconds: int) -> st.SearchStrategy[dict[str, Any]]:
    seconds = st.integers(1, 10 * 3600 // grid_seconds).map(lambda number: number * grid_seconds)
    target = st.fixed_dictionaries(
        {"seconds": st.one_of(seconds, st.sampled_from([3600, 28800, 86400]))},
        optional={"pause_on": st.lists(st.sampled_from(STATUSES), max_size=2)},
    )
    named = st.fixed_dictionaries(dict.fromkeys(TARGETS, target))
    lacking = st.fixed_dictionaries({}, optional=dict.fromkeys(TARGETS, target))
    return st.one_of(named, named, lacking)


def text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Any], date]:
    zone, base = draw(st.sampled_from(PLACES))
    midnight = datetime(base.year, base.month, base.day, tzinfo=UTC)
    grid_seconds = draw(st.sampled_from([1, COARSE_SECONDS]))
    offsets = st.integers(0, LIFE_SECONDS // grid_seconds).map(lambda number: number * grid_seconds)
    moments = sorted(draw(st.lists(offsets, min_size=2, max_size=14)))
    instants = [text(midnight + timedelta(seconds=offset)) for offset in moments]
    events: list[dict[str, Any]] = [
        {"at": instants[0], "type": "opened", "priority": draw(st.sampled_from(PRIORITIES))}
    ]
    for at in instants[1:]:
        event = {"at": at, "type": draw(st.sampled_from(KINDS))}
        if event["type"] in {"status", "priority"}:
            event["to"] = draw(st.sampled_from(STATUSES if event["type"] == "status" else PRIORITIES))
        events.append(event)
    return {
        "calendar": draw(calendars(zone, base, grid_seconds)),
        "targets": draw(st.fixed_dictionaries(dict.fromkeys(PRIORITIES, targets(grid_seconds)))),
        "events": events,
        "now": text(midnight + timedelta(seconds=draw(st.one_of(st.sampled_from(moments), offsets)))),
    }, base


@settings(max_examples=EXAMPLES, deadline=None, database=None)
@given(cases())
@pytest.mark.timeout(86_400 if EXAMPLES > 1000 else 120)
def test_the_clocks_say_what_counting_seconds_says(drawn: tuple[dict[str, Any], date]) -> None:
    case, base = drawn
    model, clocks = Model(case, base), Clocks(case)
    for now in [case["now"], *{event["at"] for event in case["events"]}]:
        due_us = check(model, clocks, now)
        if due_us is not None:
            check(model, clocks, to_text(due_us))
            check(model, clocks, to_text(due_us + SECOND_US))


class Clocks:
    """The service's view of a case."""

    def __init__(self, case: dict[str, Any]) -> None:
        self._facts = ordered(
            Fact(from_text(event["at"]), place, event["type"], event.get("to", event.get("priority")))
            for place, event in enumerate(case["events"])
        )
        self._rules = rules_of(parse_targets(case["targets"]))
        self._calendar = BusinessCalendar(parse_calendar(case["calendar"]))

    def reports(self, now: str) -> dict[str, TargetReport]:
        return evaluate(self._facts, self._rules, self._calendar, from_text(now))


def check(model: Model, clocks: Clocks, now: str) -> int | None:
    """Compare all cycles of all targets; returns the due time of one that is still running, if there is one."""
    model.look_at(now)
    expected = model.verdicts()
    reports = clocks.reports(now)
    assert set(reports) == {name for name, verdicts in expected.items() if verdicts[-1] is not None}
    for name, report in reports.items():
        cycles = [*report.earlier, report]
        wanted = [verdict for verdict in expected[name] if verdict is not None]
        assert [seen(model, cycle, verdict) for cycle, verdict in zip(cycles, wanted, strict=True)] == wanted
    end_us = from_text(text(model.zero)) + model.end * SECOND_US
    dues = (report.due_us for report in reports.values() if report.state == "running")
    return next((due_us for due_us in dues if due_us is not None and due_us < end_us), None)


def seen(model: Model, cycle: TargetReport, wanted: dict[str, Any]) -> dict[str, Any]:
    """A reported cycle in the model's terms."""
    due = None if cycle.due_us is None else model.second(to_text(cycle.due_us))
    return {
        "state": cycle.state,
        "due": "beyond" if wanted["due"] == "beyond" and due is not None and due > model.end else due,
        "elapsed": to_seconds(cycle.elapsed_us),
        "superseded": [
            (generation.state, model.second(to_text(generation.superseded_us or 0))) for generation in cycle.superseded
        ],
    }
