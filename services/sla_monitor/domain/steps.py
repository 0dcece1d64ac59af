"""The steps of an escalation ladder as policies state them: whom to tell once a clock has consumed so much.

Which steps a ladder has is fixed when its clock starts (`steps_of`); `ladder.py` says when each is passed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import msgspec

from schemas.vocabulary import Role
from services.sla_monitor.domain.conditions import FOR_ALL, Conditions, Profile, parse_conditions
from services.sla_monitor.domain.forms import InvalidPolicy, Place, fields, flag, mapping, name, names, span_us, whole

MAX_STEPS: Final = 16
MAX_REPEATS: Final = 100
ROLES: Final = tuple(role.value for role in Role if role is not Role.REQUESTER)
"""Whom a ladder may tell. The customer is told that a ticket escalated by the notifier's own rules."""

_STEP_FIELDS: Final = {
    "role",
    "roles",
    "at",
    "after_seconds",
    "targets",
    "when",
    "raise_level",
    "raise_priority",
    "acknowledge_within_seconds",
    "plan",
    "repeat",
    "quiet_by_acknowledgement",
}


class EscalationStep(msgspec.Struct, frozen=True):
    """One step of the ladder: tell `roles` once a clock has consumed enough.

    That is `fraction` of its budget, or, where that is None, the budget and `after_us` more. `targets` names the
    targets it is for, empty means all of them; `when` says for which tickets. `raise_priority` maps the priority in
    force to a higher one. `acknowledge_us` 0: nobody has to acknowledge. `plan`: a handling plan is wanted, whose time
    the target `escalation_plan` limits. Repeated `repeat_times` every `repeat_every_us`. `quiet`: not told once the
    step before it was acknowledged.
    """

    number: int
    roles: tuple[str, ...]
    fraction: float | None = None
    after_us: int = 0
    targets: frozenset[str] = frozenset()
    when: Conditions = FOR_ALL
    raise_level: bool = False
    raise_priority: tuple[tuple[str, str], ...] = ()
    acknowledge_us: int = 0
    plan: bool = False
    repeat_times: int = 0
    repeat_every_us: int = 0
    quiet: bool = False

    def applies_to(self, target: str) -> bool:
        """Whether the step is on the ladder of `target`."""
        return not self.targets or target in self.targets

    def open_us(self, budget_us: int) -> int:
        """How much a clock has consumed when the step is due."""
        return budget_us + self.after_us if self.fraction is None else round(budget_us * self.fraction)

    def raised(self, priority: str) -> str | None:
        """The priority that it puts in force, None where it leaves it."""
        return next((higher for lower, higher in self.raise_priority if lower == priority), None)


def steps_of(escalation: tuple[EscalationStep, ...], target: str, profile: Profile) -> int:
    """Which steps a ladder has for a target of a ticket, as bits: fixed when the clock starts."""
    ladder = 0
    for step in escalation:
        if step.applies_to(target) and step.when.hold_for(profile):
            ladder |= 1 << (step.number - 1)
    return ladder


def parse_ladder(data: object, place: Place, targets: frozenset[str]) -> tuple[EscalationStep, ...]:
    """Steps numbered from 1 in the order of the list, on each target's ladder no earlier than the one before.

    Raises:
        InvalidPolicy: a step without recipients, out of order, for a target not in `targets`, or a bad field.
    """
    if not isinstance(data, list | tuple) or len(data) > MAX_STEPS:
        raise InvalidPolicy(f"escalation is a list of at most {MAX_STEPS} steps", place.path)
    steps = [
        _step(number, form, place.of(number - 1, f"escalation step {number}"), targets)
        for number, form in enumerate(data, start=1)
    ]
    for target in sorted(targets):
        for above, step in pairwise(step for step in steps if step.applies_to(target)):
            if _order(step) < _order(above):
                where = place.of(step.number - 1, f"escalation step {step.number}")
                raise where.refusal(f"is due before the step above, number {above.number}")
    return tuple(steps)


def _order(step: EscalationStep) -> tuple[float, int]:
    return (1.0 if step.fraction is None else step.fraction, step.after_us)


def _step(number: int, data: object, place: Place, known: frozenset[str]) -> EscalationStep:
    form = fields(data, place, set(), _STEP_FIELDS)
    if "at" in form and "after_seconds" in form:
        raise place.of("at").refusal("a step is due at a fraction of the budget or some time after due, not both")
    targets = names(form.get("targets") or [], place.of("targets"))
    for target in targets:
        if target not in known:
            raise place.of("targets", place.words).refusal(f"unknown target {target!r}")
    times, every_us = _repeat(form.get("repeat"), place.of("repeat"))
    return EscalationStep(
        number=number,
        roles=_roles(form, place),
        fraction=_fraction(form["at"], place.of("at")) if "at" in form else None,
        after_us=_not_negative(form, "after_seconds", place),
        targets=frozenset(targets),
        when=parse_conditions(form.get("when"), place.of("when")),
        raise_level=flag(form.get("raise_level", False), place.of("raise_level")),
        raise_priority=_raises(form.get("raise_priority"), place.of("raise_priority")),
        acknowledge_us=_not_negative(form, "acknowledge_within_seconds", place),
        plan=flag(form.get("plan", False), place.of("plan")),
        repeat_times=times,
        repeat_every_us=every_us,
        quiet=flag(form.get("quiet_by_acknowledgement", False), place.of("quiet_by_acknowledgement")),
    )


def _roles(form: Any, place: Place) -> tuple[str, ...]:
    if "role" in form and "roles" in form:
        raise place.of("role").refusal("role and roles are the same; one is enough")
    key = "role" if "role" in form else "roles"
    roles = names(form.get(key) or [], place.of(key))
    if not roles:
        raise place.refusal("role is missing: a step without recipients tells nobody")
    for role in roles:
        if role not in ROLES:
            raise place.of(key).refusal(f"unknown role {role!r}; there are {', '.join(ROLES)}")
    return tuple(dict.fromkeys(roles))


def _fraction(value: object, place: Place) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise place.refusal(f"expected a fraction of the budget from 0 to 1, got {value!r}")
    return float(value)


def _not_negative(form: Any, key: str, place: Place) -> int:
    amount_us = span_us(form.get(key, 0), place.of(key))
    if amount_us < 0:
        raise place.of(key).refusal(f"is negative: {form[key]!r}")
    return amount_us


def _repeat(data: object, place: Place) -> tuple[int, int]:
    if data is None:
        return 0, 0
    form = fields(data, place, {"times", "every_seconds"}, set())
    every_us = span_us(form["every_seconds"], place.of("every_seconds"))
    if every_us <= 0:
        raise place.of("every_seconds").refusal(f"is not positive: {form['every_seconds']!r}")
    return whole(form["times"], place.of("times"), 1, MAX_REPEATS), every_us


def _raises(data: object, place: Place) -> tuple[tuple[str, str], ...]:
    if data is None:
        return ()
    return tuple((name(lower, place), name(higher, place.of(lower))) for lower, higher in mapping(data, place).items())
