"""Policies: the packaged ones say what the handbooks say, and bad ones are refused with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from services.sla_monitor.domain.instants import SECOND_US
from services.sla_monitor.domain.ladder import BREACH, STEP, WARNING, marks_ahead
from services.sla_monitor.domain.policy import InvalidPolicy, Policy, Target, parse_policy

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
    assert seconds.get("escalation_plan") == (1800 if priority == "P0" else None)
    assert seconds.get("solution_offered") == (7200 if priority == "P1" else None)


def test_overdue_work_goes_to_the_supervisor_then_to_the_director_with_a_plan_within_the_hour() -> None:
    ladder = packaged("cn-standard").escalation
    assert [(step.number, step.role) for step in ladder] == [(1, "supervisor"), (2, "director")]
    assert ladder[0].after_us == 0
    assert {step.plan_us for step in ladder} == {3600 * SECOND_US}


def test_the_demo_policy_is_the_default_one_in_seconds() -> None:
    standard, demo = packaged("cn-standard"), packaged("cn-demo")
    assert set(demo.targets) == set(standard.targets)
    assert demo.targets["P0"]["resolution"] == Target(30 * SECOND_US, frozenset({"pending", "on_hold"}))
    assert demo.warn_at == standard.warn_at == (0.75,)
    assert [step.role for step in demo.escalation] == ["supervisor"]


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
    target = policy.targets["P0"]["resolution"]
    fresh = list(marks_ahead(policy, "resolution", target, warnings_passed=0, steps_passed=0, breached=False))
    assert [(mark.kind, mark.open_us // SECOND_US) for mark in fresh] == [
        (WARNING, 50),
        (WARNING, 90),
        (BREACH, 100),
        (STEP, 100),
        (STEP, 150),
    ]
    later = list(marks_ahead(policy, "resolution", target, warnings_passed=2, steps_passed=1, breached=True))
    assert [(mark.kind, mark.number, mark.role) for mark in later] == [(STEP, 3, "director")]


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
            {"escalation": [{"role": "a", "after_seconds": 9}, {"role": "b", "after_seconds": 8}]},
            "before the step above",
        ),
        ({"escalation": [{"role": "a", "targets": ["joy"]}]}, "unknown target 'joy'"),
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
    ],
)
def test_a_policy_that_cannot_be_used_is_refused_with_its_reason(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidPolicy, match=reason):
        parse_policy(SMALL | change)


def test_a_policy_without_its_name_is_refused() -> None:
    with pytest.raises(InvalidPolicy, match="policy_id, version is missing"):
        parse_policy({"targets": {}})
