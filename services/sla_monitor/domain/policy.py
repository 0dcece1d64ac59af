"""SLA policies: versioned data that says how long each target may take, when to warn and whom to escalate to.

The data form is `policies/*.yaml`, which shows every field; numbers of the default policy come from shared/FACTS.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from services.sla_monitor.domain.instants import InvalidInstant, from_datetime, from_seconds, from_text

CLOCK_TARGETS: Final = ("assignment", "first_response", "next_response", "resolution")
"""The targets whose clocks run. The order is that of reports."""

LATER_TARGETS: Final = (
    "registration",
    "solution_offered",
    "escalation_plan",
    "customer_notified",
    "survey",
)
"""Targets that a policy may already state; no clock starts for them yet."""

DEFAULT_PAUSE_ON: Final = {"resolution": frozenset({"pending", "on_hold"})}
NEVER_PAUSES: Final = "next_response"
"""Whoever has asked waits, whatever the status: `pause_on` is read for this target but has no effect."""

MAX_BUDGET_SECONDS: Final = 10 * 366 * 24 * 3600
MAX_STEPS: Final = 16

Targets = Mapping[str, Mapping[str, "Target"]]
"""Targets by priority and name."""


class InvalidPolicy(ValueError):  # noqa: N818 - says what the policy is
    """A policy that can't be used; the message gives the reason."""


class Target(msgspec.Struct, frozen=True):
    """How much open, unpaused time a target may take, and the statuses in which it stands still."""

    budget_us: int
    pause_on: frozenset[str] = frozenset()


class EscalationStep(msgspec.Struct, frozen=True):
    """One step of the ladder: tell `role` once a target is `after_us` of open time beyond its budget.

    `targets` names the targets it is for; empty means all of them. `plan_us` is how soon a handling plan is expected
    after the step; 0 where none is.
    """

    number: int
    role: str
    after_us: int = 0
    targets: tuple[str, ...] = ()
    plan_us: int = 0

    def applies_to(self, target: str) -> bool:
        """Whether the step is on the ladder of `target`."""
        return not self.targets or target in self.targets


class Policy(msgspec.Struct, frozen=True):
    """One version of a policy.

    `warn_at` are fractions of the budget, ascending; `calendar_id` None means 24/7. `pausing` are the statuses that
    pause anything under any priority: the others are all the same to the clocks.
    """

    policy_id: str
    version: int
    targets: dict[str, dict[str, Target]]
    calendar_id: str | None = None
    effective_from_us: int | None = None
    warn_at: tuple[float, ...] = ()
    escalation: tuple[EscalationStep, ...] = ()
    title: str = ""
    levels: dict[str, str] = {}
    pausing: frozenset[str] = frozenset()


def pause_on(target: Target | None, name: str) -> frozenset[str]:
    """The statuses that pause target `name`; a priority that lacks it pauses as if nothing were said."""
    return DEFAULT_PAUSE_ON.get(name, frozenset()) if target is None else target.pause_on


def parse_targets(data: object) -> dict[str, dict[str, Target]]:
    """Targets by priority from `{"P0": {"resolution": {"seconds": 7200, "pause_on": ["pending"]}}}`.

    Raises:
        InvalidPolicy: an unknown target or field, or seconds that are not a positive number.
    """
    targets: dict[str, dict[str, Target]] = {}
    for priority, named in _mapping(data, "targets").items():
        if not isinstance(priority, str) or not priority:
            raise InvalidPolicy(f"{priority!r} is not the name of a priority")
        where = f"targets of {priority}"
        targets[priority] = {
            _target_name(name, where): _target(str(name), form, f"{where}: {name}")
            for name, form in _mapping(named, where).items()
        }
    return targets


def parse_policy(data: object) -> Policy:
    """A policy from its data form.

    Raises:
        InvalidPolicy: a missing, unknown or wrong field; the message names it.
    """
    form = _fields(
        data,
        "a policy",
        {"policy_id", "version", "targets"},
        {"calendar_id", "effective_from", "warn_at", "escalation", "title", "levels"},
    )
    version = form["version"]
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InvalidPolicy(f"version counts from 1, got {version!r}")
    calendar_id = form.get("calendar_id")
    levels = _mapping(form.get("levels") or {}, "levels")
    targets = parse_targets(form["targets"])
    return Policy(
        policy_id=_name(form["policy_id"], "policy_id"),
        version=version,
        targets=targets,
        calendar_id=None if calendar_id is None else _name(calendar_id, "calendar_id"),
        effective_from_us=_instant(form.get("effective_from")),
        warn_at=_fractions(form.get("warn_at") or []),
        escalation=_ladder(form.get("escalation") or []),
        title=str(form.get("title") or ""),
        levels={str(name): str(meaning) for name, meaning in levels.items()},
        pausing=_pausing(targets),
    )


def _pausing(targets: Targets) -> frozenset[str]:
    named = (target.pause_on for by_name in targets.values() for target in by_name.values())
    return frozenset().union(*DEFAULT_PAUSE_ON.values(), *named)


def _target(name: str, data: object, where: str) -> Target:
    form = _fields(data, where, {"seconds"}, {"pause_on"})
    statuses = form.get("pause_on")
    if statuses is None:
        pausing = DEFAULT_PAUSE_ON.get(name, frozenset())
    elif isinstance(statuses, list | tuple) and all(isinstance(status, str) for status in statuses):
        pausing = frozenset(statuses)
    else:
        raise InvalidPolicy(f"{where}: pause_on is a list of statuses")
    if name == NEVER_PAUSES:
        pausing = frozenset()
    budget_us = _span(form["seconds"], f"{where}: seconds")
    if budget_us <= 0:
        raise InvalidPolicy(f"{where}: the budget is not positive: {form['seconds']!r} seconds")
    return Target(budget_us=budget_us, pause_on=pausing)


def _target_name(name: object, where: str) -> str:
    if name not in CLOCK_TARGETS and name not in LATER_TARGETS:
        raise InvalidPolicy(f"{where}: unknown target {name!r}")
    return str(name)


def _ladder(data: object) -> tuple[EscalationStep, ...]:
    """Steps numbered from 1 in the order of the list, each no earlier than the one before."""
    if not isinstance(data, list | tuple) or len(data) > MAX_STEPS:
        raise InvalidPolicy(f"escalation is a list of at most {MAX_STEPS} steps")
    steps: list[EscalationStep] = []
    for number, item in enumerate(data, start=1):
        where = f"escalation step {number}"
        form = _fields(item, where, {"role"}, {"after_seconds", "targets", "plan_seconds"})
        targets = form.get("targets") or []
        if not isinstance(targets, list | tuple):
            raise InvalidPolicy(f"{where}: targets is a list of names")
        step = EscalationStep(
            number=number,
            role=_name(form["role"], f"{where}: role"),
            after_us=_span(form.get("after_seconds", 0), f"{where}: after_seconds"),
            targets=tuple(_target_name(target, where) for target in targets),
            plan_us=_span(form.get("plan_seconds", 0), f"{where}: plan_seconds"),
        )
        if step.after_us < 0 or (steps and step.after_us < steps[-1].after_us):
            raise InvalidPolicy(f"{where}: after_seconds is negative or before the step above")
        steps.append(step)
    return tuple(steps)


def _fractions(data: object) -> tuple[float, ...]:
    if not isinstance(data, list | tuple) or len(data) > MAX_STEPS:
        raise InvalidPolicy(f"warn_at is a list of at most {MAX_STEPS} fractions")
    if any(isinstance(item, bool) or not isinstance(item, int | float) or not 0 < item < 1 for item in data):
        raise InvalidPolicy(f"warn_at holds fractions between 0 and 1: {data!r}")
    percents = [round(100 * item) for item in data]
    if percents != sorted(set(percents)):
        raise InvalidPolicy(f"warn_at ascends by whole percents: {data!r}")
    return tuple(float(item) for item in data)


def _span(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidPolicy(f"{where}: expected a number, got {value!r}")
    if not -MAX_BUDGET_SECONDS <= value <= MAX_BUDGET_SECONDS:
        raise InvalidPolicy(f"{where}: more than ten years: {value!r}")
    return from_seconds(value)


def _instant(value: Any) -> int | None:
    try:
        if value is None or isinstance(value, str):
            return None if value is None else from_text(value)
        return from_datetime(value)  # YAML reads instants as datetimes
    except (InvalidInstant, AttributeError, TypeError) as error:
        raise InvalidPolicy(f"effective_from: {error}") from None


def _name(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidPolicy(f"{where}: expected a name, got {value!r}")
    return value


def _fields(data: object, where: str, required: set[str], optional: set[str]) -> Mapping[str, Any]:
    form = _mapping(data, where)
    missing, unknown = required - set(form), set(form) - required - optional
    if missing:
        raise InvalidPolicy(f"{where}: {', '.join(sorted(missing))} is missing")
    if unknown:
        raise InvalidPolicy(f"{where}: unknown field {', '.join(sorted(map(str, unknown)))}")
    return form


def _mapping(data: object, where: str) -> Mapping[Any, Any]:
    if not isinstance(data, Mapping):
        raise InvalidPolicy(f"{where}: expected a mapping, got {type(data).__name__}")
    return data
