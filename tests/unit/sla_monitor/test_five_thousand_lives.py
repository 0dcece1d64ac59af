"""Random lives of tickets against the model that counts seconds: every target, many calendars, exact equality.

The lives are drawn by a seeded generator, which is a tenth of the cost of hypothesis, so that there can be thousands;
`test_against_second_by_second` has fewer, which shrink. Each life is judged at a random instant, at its end, and at and
just after a due time that runs.
"""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.sla_monitor.domain.clocks import BUILT_IN
from services.sla_monitor.domain.instants import SECOND_US, to_text
from tests.unit.sla_monitor.second_by_second import WEEKDAYS, Model
from tests.unit.sla_monitor.test_against_second_by_second import (
    COARSE_SECONDS,
    LIFE_SECONDS,
    PLACES,
    Clocks,
    check,
    text,
)

SEEDS = int(os.environ.get("SLA_LIFE_SEEDS", "12"))
"""The long form: SLA_LIFE_SEEDS=1000."""
LIVES_A_CALENDAR = 8
CALENDARS_A_SEED = 54
"""12 seeds x 54 calendars x 8 lives: 5,184 lives."""

STATUSES = ["open", "pending", "pending", "on_hold", "in_progress", "in_review", "closed"]
PRIORITIES = ["P0", "P1", "P2"]
KINDS = [
    *["status"] * 6,
    *["priority"] * 3,
    *["customer_replied"] * 3,
    *["agent_replied"] * 4,
    *["reopened"] * 3,
    *["resolved"] * 2,
    *["closed"] * 2,
    *["plan_wanted"] * 2,
    *["plan_submitted"] * 2,
    *["rated_low", "escalation_requested", "acknowledged", "customer_notified", "survey_offered", "survey_waived"],
    "assigned",
    "registered",
]
CORE = ["assignment", "first_response", "next_response", "resolution"]
OTHERS = [name for name in BUILT_IN if name not in CORE]


def wall_time(chance: random.Random, grid_seconds: int) -> str:
    minute = chance.choice([30 * chance.randrange(49), chance.randrange(1441), 15 * chance.randrange(17)])
    minute -= minute % 30 if grid_seconds == COARSE_SECONDS else 0
    return f"{minute // 60:02}:{minute % 60:02}"


def intervals(chance: random.Random, grid_seconds: int) -> list[list[str]]:
    times = sorted({wall_time(chance, grid_seconds) for _ in range(chance.randrange(7))})
    return [[opens, closes] for opens, closes in zip(times[::2], times[1::2], strict=False)]


def calendar(chance: random.Random, zone: str, days: list[str], grid_seconds: int) -> dict[str, Any] | None:
    if chance.random() < 0.1:
        return None
    hours = {day: intervals(chance, grid_seconds) for day in WEEKDAYS}
    hours["sun"] = hours["sun"] or [["10:00", "24:00"]]
    return {
        "timezone": zone,
        "hours": hours,
        "holidays": chance.sample(days, chance.randrange(3)),
        "overrides": {day: intervals(chance, grid_seconds) for day in chance.sample(days, chance.randrange(3))},
    }


def target(chance: random.Random, grid_seconds: int) -> dict[str, Any]:
    seconds = chance.choice([grid_seconds * chance.randint(1, 36_000 // grid_seconds), 3600, 28800])
    form: dict[str, Any] = {"seconds": seconds}
    if chance.random() < 0.4:
        form["pause_on"] = chance.sample(sorted(set(STATUSES)), chance.randrange(3))
    return form


def life(chance: random.Random, midnight: datetime, grid_seconds: int) -> dict[str, Any]:
    """Targets and events; one target in eight is lacking under one priority."""
    names = [*chance.sample(CORE, 3), *chance.sample(OTHERS, 2)]
    targets = {
        priority: {name: target(chance, grid_seconds) for name in names if chance.random() < 0.875}
        for priority in PRIORITIES
    }
    count = chance.randint(2, 14)
    offsets = sorted(grid_seconds * chance.randint(0, LIFE_SECONDS // grid_seconds) for _ in range(count))
    instants = [text(midnight + timedelta(seconds=offset)) for offset in offsets]
    events: list[dict[str, Any]] = [{"at": instants[0], "type": "opened", "priority": chance.choice(PRIORITIES)}]
    for at in instants[1:]:
        event = {"at": at, "type": chance.choice(KINDS)}
        if event["type"] in {"status", "priority"}:
            event["to"] = chance.choice(STATUSES if event["type"] == "status" else PRIORITIES)
        events.append(event)
    return {"targets": targets, "events": events}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_clocks_of_every_target_say_what_counting_seconds_says(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(CALENDARS_A_SEED):
        zone, base = chance.choice(PLACES)
        midnight = datetime(base.year, base.month, base.day, tzinfo=UTC)
        grid_seconds = chance.choice([1, COARSE_SECONDS])
        days = [(base + timedelta(days=offset)).isoformat() for offset in range(-2, 7)]
        hours = calendar(chance, zone, days, grid_seconds)
        model: Model | None = None
        for _ in range(LIVES_A_CALENDAR):
            drawn = life(chance, midnight, grid_seconds)
            now = text(midnight + timedelta(seconds=chance.randint(0, LIFE_SECONDS)))
            case = {"calendar": hours, "now": now, **drawn}
            if model is None:
                model = Model(case, base)
            model.case = case
            clocks = Clocks(case)
            check(model, clocks, drawn["events"][-1]["at"])
            due_us = check(model, clocks, now)
            if due_us is not None:
                check(model, clocks, to_text(due_us))
                check(model, clocks, to_text(due_us + SECOND_US))
