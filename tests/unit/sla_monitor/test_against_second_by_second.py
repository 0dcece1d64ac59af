"""The clocks and a model that counts seconds say the same, over random calendars, zones and lives of tickets."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sla_monitor.adapters.explain import explain
from tests.unit.sla_monitor.second_by_second import WEEKDAYS, Model

EXAMPLES = int(os.environ.get("SLA_PROPERTY_EXAMPLES", "150"))
"""The long form: SLA_PROPERTY_EXAMPLES=20000."""

# Zones with the days around which their clocks change, or nothing happens.
PLACES = [
    ("UTC", date(2026, 1, 7)),
    ("Asia/Shanghai", date(2026, 2, 14)),
    ("Europe/Berlin", date(2025, 3, 28)),
    ("Europe/Berlin", date(2025, 10, 24)),
    ("America/New_York", date(2026, 3, 6)),
    ("America/New_York", date(2026, 10, 30)),
    ("America/Havana", date(2026, 3, 6)),  # at midnight, into a gap
    ("America/Havana", date(2026, 10, 30)),  # midnight comes twice
    ("Asia/Beirut", date(2024, 3, 29)),
    ("Australia/Lord_Howe", date(2026, 4, 3)),  # by half an hour
    ("America/St_Johns", date(2010, 11, 5)),  # a minute past midnight, back into the day before
    ("Pacific/Apia", date(2011, 12, 28)),  # a day is missing
    ("Asia/Kathmandu", date(2026, 5, 1)),
]
STATUSES = ["open", "pending", "on_hold", "in_progress", "closed"]
PRIORITIES = ["P0", "P1", "P2"]
TARGETS = ["assignment", "first_response", "next_response", "resolution"]
LIFE_SECONDS = 40 * 3600

wall_times = st.one_of(
    st.integers(0, 48).map(lambda half_hours: half_hours * 30),
    st.integers(0, 24 * 60),
    st.integers(0, 4 * 60),  # where clocks change
).map(lambda minutes: f"{minutes // 60:02}:{minutes % 60:02}")


@st.composite
def intervals(draw: st.DrawFn) -> list[list[str]]:
    times = sorted(draw(st.lists(wall_times, max_size=6, unique=True)))
    return [[opens, closes] for opens, closes in zip(times[::2], times[1::2], strict=False)]


@st.composite
def calendars(draw: st.DrawFn, zone: str, base: date) -> dict[str, Any] | None:
    if draw(st.integers(0, 9)) == 0:
        return None
    days = [(base + timedelta(days=offset)).isoformat() for offset in range(-2, 8)]
    return {
        "timezone": zone,
        # Sunday is always open, so that no calendar is refused.
        "hours": {day: draw(intervals()) for day in WEEKDAYS[:6]} | {"sun": draw(intervals()) or [["10:00", "24:00"]]},
        "holidays": draw(st.lists(st.sampled_from(days), max_size=2)),
        "overrides": draw(st.dictionaries(st.sampled_from(days), intervals(), max_size=2)),
    }


targets = st.fixed_dictionaries(
    {},
    optional={
        name: st.fixed_dictionaries(
            {"seconds": st.one_of(st.integers(1, 8 * 3600), st.sampled_from([900, 1800, 3600, 7200, 28800, 86400]))},
            optional={"pause_on": st.lists(st.sampled_from(STATUSES), max_size=2)},
        )
        for name in TARGETS
    },
)


def text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Any], date]:
    zone, base = draw(st.sampled_from(PLACES))
    midnight = datetime(base.year, base.month, base.day, tzinfo=UTC)
    round_seconds = st.integers(0, LIFE_SECONDS // 900).map(lambda quarters: quarters * 900)
    offsets = st.one_of(st.integers(0, LIFE_SECONDS), round_seconds)
    moments = sorted(draw(st.lists(offsets, min_size=2, max_size=14)))
    instants = [text(midnight + timedelta(seconds=offset)) for offset in moments]
    events: list[dict[str, Any]] = [
        {"at": instants[0], "type": "opened", "priority": draw(st.sampled_from(PRIORITIES))}
    ]
    kinds = ["assigned", "agent_replied", "customer_replied", "status", "status", "priority", "resolved", "closed"]
    for at in instants[1:]:
        event = {"at": at, "type": draw(st.sampled_from([*kinds, "reopened", "reopened"]))}
        if event["type"] in {"status", "priority"}:
            event["to"] = draw(st.sampled_from(STATUSES if event["type"] == "status" else PRIORITIES))
        events.append(event)
    return {
        "calendar": draw(calendars(zone, base)),
        "targets": draw(st.fixed_dictionaries(dict.fromkeys(PRIORITIES, targets))),
        "events": events,
        "now": text(midnight + timedelta(seconds=draw(st.one_of(st.sampled_from(moments), offsets)))),
    }, base


@settings(max_examples=EXAMPLES, deadline=None, database=None)
@given(cases())
@pytest.mark.timeout(86_400 if EXAMPLES > 1000 else 120)
def test_the_clocks_say_what_counting_seconds_says(drawn: tuple[dict[str, Any], date]) -> None:
    case, base = drawn
    model = Model(case, base)
    expected = model.verdicts()
    reports = explain(case)
    assert set(reports) == {name for name, verdicts in expected.items() if verdicts[-1] is not None}
    for name, report in reports.items():
        cycles = [*report["earlier_cycles"], report]
        wanted = [verdict for verdict in expected[name] if verdict is not None]
        assert [seen(model, cycle, verdict) for cycle, verdict in zip(cycles, wanted, strict=True)] == wanted


def seen(model: Model, cycle: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """A reported cycle in the model's terms."""
    due = None if cycle["due_at"] is None else model.second(cycle["due_at"])
    return {
        "state": cycle["state"],
        "due": "beyond" if wanted["due"] == "beyond" and due is not None and due > model.end else due,
        "elapsed": cycle["elapsed_seconds"],
        "superseded": [
            (generation["state"], model.second(generation["superseded_at"]))
            for generation in cycle["earlier_generations"]
        ],
    }
