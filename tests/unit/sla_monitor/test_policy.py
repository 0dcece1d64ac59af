"""Policies: the packaged ones say what the handbooks say, and bad ones are refused with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from services.sla_monitor.domain.changes import Told
from services.sla_monitor.domain.conditions import NOBODY, Profile
from services.sla_monitor.domain.instants import SECOND_US
from services.sla_monitor.domain.ladder import BREACH, STEP, WARNING, Mark, next_mark
from services.sla_monitor.domain.policy import InvalidPolicy, Policy, Target, parse_policy
from services.sla_monitor.domain.steps import steps_of

POLICIES = Path(__file__).parents[3] / "services" / "sla_monitor" / "policies"
SMALL: dict[str, Any] = {"policy_id": "small", "version": 1, "targets": {"P0": {"resolution": {"seconds": 100}}}}


def packaged(name: str) -> Policy:
    return parse_policy(yaml.safe_load((POLICIES / f"{name}.yaml").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("priority", "first_response_minutes", "resolution_hours"),
    [("P0", 15, 2), ("P1", 30, 4), ("P2", 120, 24), ("P3", 240, 48)],
)
def test_the_default_policy_has_the_numbers_of_the_handbooks(
    priority: str, first_response_minutes: int, resolution_hours: int
) -> None:
    policy = packaged("cn-standard")
    seconds = {name: target.budget_us // SECOND_US for name, target in policy.targets[priority].items()}
    assert (policy.policy_id, policy.version) == ("cn-standard", 1)
    assert seconds["first_response"] == first_response_minutes * 60
    assert seconds["resolution"] == resolution_hours * 3600
    assert seconds["registration"] == 600
    assert seconds["assignment"] == 900
    assert seconds["customer_notified"] == 3600
    assert seconds["survey"] == 86_400
    assert seconds["escalation_plan"] == 3600
    assert seconds.get("emergency_plan") == (1800 if priority == "P0" else None)
    assert seconds.get("solution_offered") == (7200 if priority == "P1" else None)


def test_overdue_work_goes_to_the_supervisor_then_to_the_director_with_a_plan_within_the_hour() -> None:
    policy = packaged("cn-standard")
    ladder = [step for step in policy.escalation if step.applies_to("resolution")]
    assert [(step.roles, step.fraction, step.after_us // SECOND_US) for step in ladder] == [
        (("supervisor",), None, 0),
        (("director",), None, 3600),
    ]
    assert all(step.plan for step in ladder)
    assert {named["escalation_plan"].budget_us for named in policy.targets.values()} == {3600 * SECOND_US}


def test_vips_get_half_the_time_at_every_level_and_a_ladder_that_wants_answers() -> None:
    standard, vip = packaged("cn-standard"), packaged("cn-vip")
    for priority, named in standard.targets.items():
        for target in ("registration", "assignment", "first_response", "resolution"):
            assert 2 * vip.targets[priority][target].budget_us == named[target].budget_us
    assert vip.when.hold_for(Profile(tier="vip"))
    assert not vip.when.hold_for(Profile(tier="standard"))
    ladder = [step for step in vip.escalation if step.applies_to("resolution")]
    assert [step.roles for step in ladder] == [
        ("lead",),
        ("supervisor",),
        ("director", "supervisor"),
        ("emergency_team", "director"),
    ]
    assert ladder[1].acknowledge_us > 0
    assert ladder[2].raised("P1") == "P0"
    assert vip.rules.plan.clocks["team_acceptance"].operational


def test_the_demo_policy_is_the_default_one_in_seconds() -> None:
    standard, demo = packaged("cn-standard"), packaged("cn-demo")
    assert set(demo.targets) == set(standard.targets)
    assert demo.targets["P0"]["resolution"] == Target(30 * SECOND_US, frozenset({"pending", "on_hold"}))
    assert demo.warn_at == standard.warn_at == (0.75,)
    assert [step.roles for step in demo.escalation] == [("supervisor",)]


def test_resolution_pauses_on_pending_and_on_hold_unless_the_policy_says_otherwise() -> None:
    silent = parse_policy(SMALL).targets["P0"]["resolution"]
    spoken = parse_policy(
        SMALL | {"targets": {"P0": {"resolution": {"seconds": 1, "pause_on": []}, "survey": {"seconds": 1}}}}
    )
    assert silent.pause_on == {"pending", "on_hold"}
    assert spoken.targets["P0"]["resolution"].pause_on == set()
    assert spoken.targets["P0"]["survey"].pause_on == set()


def test_marks_ascend_and_those_passed_are_not_ahead() -> None:
    policy = parse_policy(
        SMALL
        | {
            "warn_at": [0.5, 0.9],
            "escalation": [
                {"role": "supervisor"},
                {"role": "lead", "targets": ["survey"], "after_seconds": 5},
                {"role": "director", "after_seconds": 50},
            ],
        }
    )
    assert [(mark.kind, mark.open_us // SECOND_US) for mark in climb(policy)] == [
        (WARNING, 50),
        (WARNING, 90),
        (BREACH, 100),
        (STEP, 100),
        (STEP, 150),
    ]


def climb(policy: Policy, acknowledged_seconds: int | None = None) -> list[Mark]:
    """All marks of a resolution of 100 s that goes on, as they come; told when they are due."""
    told = Told(1, "running", ladder=steps_of(policy.escalation, "resolution", NOBODY))
    marks: list[Mark] = []
    breached = False
    acknowledged_us = None if acknowledged_seconds is None else acknowledged_seconds * SECOND_US
    for _ in range(50):
        known_us = acknowledged_us if acknowledged_us is not None and acknowledged_us >= told.told_open_us else None
        mark = next_mark(policy.ladder(100 * SECOND_US), told, breached, known_us)
        if mark is None:
            return marks
        marks.append(mark)
        if mark.kind == WARNING:
            told = replace(told, warnings=mark.number)
        elif mark.kind == BREACH:
            breached = True
        elif mark.repetition:
            told = replace(told, repeats=mark.repetition)
        else:
            told = replace(told, steps=mark.number, repeats=0, told_open_us=mark.open_us)
    raise AssertionError("a ladder without end")


def rungs(marks: list[Mark]) -> list[tuple[int, int, int]]:
    """Number, repetition and second of each step."""
    return [(mark.number, mark.repetition, mark.open_us // SECOND_US) for mark in marks if mark.kind == STEP]


LADDER = parse_policy(
    SMALL
    | {
        "escalation": [
            {"role": "assignee", "at": 0},
            {"role": "lead", "at": 0.5},
            {"role": "supervisor", "acknowledge_within_seconds": 20, "repeat": {"times": 2, "every_seconds": 5}},
            {"role": "director", "after_seconds": 60, "repeat": {"times": 1, "every_seconds": 30}},
            {"role": "emergency_team", "after_seconds": 500, "quiet_by_acknowledgement": True},
        ]
    }
)


def test_a_step_that_nobody_acknowledges_is_repeated_and_then_followed_by_the_next_before_its_time() -> None:
    assert rungs(climb(LADDER)) == [
        (1, 0, 0),
        (2, 0, 50),
        (3, 0, 100),
        (3, 1, 105),
        (3, 2, 110),
        (4, 0, 120),
        (4, 1, 150),
        (5, 0, 600),
    ]


def test_an_acknowledgement_in_time_ends_the_repetitions_and_leaves_the_next_step_its_time() -> None:
    assert rungs(climb(LADDER, 107)) == [
        (1, 0, 0),
        (2, 0, 50),
        (3, 0, 100),
        (3, 1, 105),
        (4, 0, 160),
        (4, 1, 190),
        (5, 0, 600),
    ]


def test_an_acknowledgement_of_the_last_step_told_keeps_a_quiet_one_from_being_told() -> None:
    assert rungs(climb(LADDER, 130)) == [(1, 0, 0), (2, 0, 50), (3, 0, 100), (3, 1, 105), (3, 2, 110), (4, 0, 120)]


def test_a_ladder_has_the_steps_whose_conditions_hold_when_it_starts() -> None:
    policy = parse_policy(
        SMALL
        | {
            "escalation": [
                {"role": "lead", "when": {"priority": ["P0"]}},
                {"role": "supervisor", "targets": ["survey"]},
                {"role": "director", "when": {"tier": "vip", "pool": ["north"]}},
            ]
        }
    )
    for profile, ladder in (
        (Profile(tier="vip", pool="north", priority="P0"), 0b101),
        (Profile(tier="vip", pool="south", priority="P1"), 0),
        (Profile(tier="standard", pool="north", priority="P0"), 0b001),
    ):
        assert steps_of(policy.escalation, "resolution", profile) == ladder


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 0}, "version counts from 1"),
        ({"version": True}, "version counts from 1"),
        ({"policy_id": ""}, "policy_id: expected a name"),
        ({"warn_at": [1]}, "fractions between 0 and 1"),
        ({"warn_at": [0.9, 0.5]}, "ascends"),
        ({"warn_at": [0.751, 0.752]}, "ascends by whole percents"),
        ({"warn_at": 0.75}, "list of at most"),
        ({"escalation": [{"after_seconds": 1}]}, "escalation step 1: role is missing"),
        (
            {"escalation": [{"role": "lead", "after_seconds": 9}, {"role": "director", "after_seconds": 8}]},
            "step 2: is due before the step above",
        ),
        ({"escalation": [{"role": "lead", "targets": ["joy"]}]}, "unknown target 'joy'"),
        ({"targets": {"P0": {"resolution": {"seconds": "100"}}}}, "expected a number, got '100'"),
        ({"targets": {"P0": {"resolution": {"seconds": True}}}}, "expected a number, got True"),
        ({"targets": {"P0": {"resolution": {"seconds": float("nan")}}}}, "more than ten years"),
        ({"targets": {"P0": {"resolution": {"seconds": 1e12}}}}, "more than ten years"),
        ({"targets": {"P0": {"resolution": {"seconds": 1e-9}}}}, "budget is not positive"),
        ({"targets": {"P0": {"resolution": {"seconds": 9, "minutes": 1}}}}, "unknown field minutes"),
        ({"targets": {"P0": {"resolution": {"seconds": 9, "pause_on": "pending"}}}}, "pause_on is a list"),
        ({"targets": {"P0": {"resolution": 9}}}, "expected a mapping, got int"),
        ({"targets": [1]}, "expected a mapping, got list"),
        ({"targets": {0: {}}}, "0 is not the name of a priority"),
        ({"effective_from": "soon"}, "effective_from: 'soon' is no instant"),
        ({"colour": "red"}, "unknown field colour"),
        ({"escalation": [{"roles": []}]}, "escalation step 1: role is missing: a step without recipients"),
        ({"escalation": [{"role": "boss"}]}, "unknown role 'boss'; there are assignee"),
        ({"escalation": [{"role": "lead", "at": 1.5}]}, "fraction of the budget from 0 to 1"),
        ({"escalation": [{"role": "lead", "at": 0.5, "after_seconds": 1}]}, "not both"),
        ({"escalation": [{"role": "lead", "after_seconds": -1}]}, "after_seconds: is negative"),
        ({"escalation": [{"role": "lead", "acknowledge_within_seconds": -1}]}, "is negative"),
        ({"escalation": [{"role": "lead", "repeat": {"times": 0, "every_seconds": 1}}]}, "whole number from 1"),
        ({"escalation": [{"role": "lead", "repeat": {"times": 1, "every_seconds": 0}}]}, "is not positive"),
        ({"escalation": [{"role": "lead", "when": {"mood": "bad"}}]}, "unknown condition 'mood'"),
        ({"when": {"tier": []}}, "an empty list holds for no ticket"),
        ({"rank": -1}, "whole number from 0"),
        ({"clocks": {"resolution": {"start_on": ["opened"], "stop_on": ["ended"]}}}, "own clocks can't be changed"),
        ({"clocks": {"Big": {"start_on": ["opened"], "stop_on": ["ended"]}}}, "a word of small letters"),
        ({"clocks": {"mine": {"start_on": ["born"], "stop_on": ["ended"]}}}, "unknown condition 'born'"),
        ({"clocks": {"mine": {"start_on": ["opened:x"], "stop_on": ["ended"]}}}, "values are told apart only of"),
        ({"clocks": {"mine": {"start_on": [], "stop_on": ["ended"]}}}, "start_on: names nothing"),
        ({"clocks": {"mine": {"start_on": ["opened"], "stop_on": ["ended"], "after": "x"}}}, "unknown target 'x'"),
        (
            {"clocks": {"mine": {"start_on": ["opened"], "stop_on": ["ended"], "retarget_on": ["status"]}}},
            "re-targets nothing",
        ),
        ({"clocks": {"mine": {"start_on": ["opened"], "stop_on": ["ended"]}}}, "no priority has a target for it"),
        ({"calendars": [{"when": {"pool": "north"}}]}, "calendar_id is missing"),
    ],
)
def test_a_policy_that_cannot_be_used_is_refused_with_its_reason(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidPolicy, match=reason):
        parse_policy(SMALL | change)


def test_a_policy_without_its_name_is_refused() -> None:
    with pytest.raises(InvalidPolicy, match="policy_id, version is missing"):
        parse_policy({"targets": {}})
