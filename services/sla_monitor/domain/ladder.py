"""The marks that a running clock passes: warnings at fractions of the budget, the breach, steps of the escalation.

Marks stand at amounts of consumed time, so their instants move with pauses, priorities and calendars, and their order
never changes. Each warning and each step is passed once in a cycle, whatever re-targets it: a raised priority never
restarts the ladder. Which steps a ladder has is fixed when its clock starts (`steps_of`).

A step may ask to be acknowledged: unless that happens in time, the next step comes at once. It may be repeated until it
is acknowledged, and a later one may be kept quiet by an acknowledgement. Both times count, like all marks, in consumed
time, from when the step was told.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from schemas.vocabulary import Role
from services.sla_monitor.domain.conditions import FOR_ALL, Conditions, Profile, parse_conditions
from services.sla_monitor.domain.forms import InvalidPolicy, Place, fields, flag, mapping, name, names, span_us, whole
from services.sla_monitor.domain.instants import TICK_US

WARNING: Final = "warning"
BREACH: Final = "breach"
STEP: Final = "step"

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


class Mark(msgspec.Struct, frozen=True, gc=False):
    """A mark at `open_us` of consumed time.

    `number` counts warnings and steps, each from 1; `percent` is set for warnings, `step` for steps, with how often it
    was told before in `repetition`. `in_time`: it counts as passed when it is reached, the others a tick later, for due
    itself is in time.
    """

    kind: str
    open_us: int
    number: int = 0
    percent: int = 0
    step: EscalationStep | None = None
    repetition: int = 0
    in_time: bool = False

    def passed_us(self, reached_us: int) -> int:
        """When it counts as passed."""
        return reached_us if self.in_time else reached_us + TICK_US


class Climbed(Protocol):
    """How far a cycle has come: see `changes.Told`."""

    @property
    def warnings(self) -> int:
        """The number of the last warning passed."""

    @property
    def ladder(self) -> int:
        """Which steps there are: bit n - 1 for step n."""

    @property
    def steps(self) -> int:
        """The number of the last step told."""

    @property
    def repeats(self) -> int:
        """How often that one was repeated."""

    @property
    def told_open_us(self) -> int:
        """How much the clock had consumed when that one was told first."""


def steps_of(escalation: tuple[EscalationStep, ...], target: str, profile: Profile) -> int:
    """Which steps a ladder has for a target of a ticket, as bits: fixed when the clock starts."""
    ladder = 0
    for step in escalation:
        if step.applies_to(target) and step.when.hold_for(profile):
            ladder |= 1 << (step.number - 1)
    return ladder


class Ladder(NamedTuple):
    """The marks of one budget under one policy, as they are unless an acknowledgement moves one; made once.

    `warnings` ascend, `steps` are all steps of the policy, each at its number less one.
    """

    breach: Mark
    warnings: tuple[Mark, ...]
    steps: tuple[Mark, ...]
    escalation: tuple[EscalationStep, ...]


def ladder_of(warn_at: tuple[float, ...], escalation: tuple[EscalationStep, ...], budget_us: int) -> Ladder:
    """The ladder of a budget.

    Args:
        warn_at: fractions of the budget, ascending.
        escalation: the steps of the policy that a cycle began under.
        budget_us: the budget in force.
    """
    warnings = tuple(
        Mark(WARNING, max(1, round(budget_us * fraction)), number, round(100 * fraction), in_time=True)
        for number, fraction in enumerate(warn_at, start=1)
    )
    steps = tuple(
        Mark(
            STEP,
            step.open_us(budget_us),
            step.number,
            step=step,
            in_time=step.fraction is not None and step.fraction < 1,
        )
        for step in escalation
    )
    return Ladder(Mark(BREACH, budget_us), warnings, steps, escalation)


def next_mark(
    ladder: Ladder,
    climbed: Climbed,
    breached: bool,  # noqa: FBT001 - asked once a mark, so by place
    acknowledged_open_us: int | None,
) -> Mark | None:
    """The mark that a cycle passes next, None when it has passed all.

    Args:
        ladder: the marks of the budget in force.
        climbed: how far it has come.
        breached: whether the breach was passed.
        acknowledged_open_us: how much it had consumed when the last step told was acknowledged, None: it was not.
    """
    best = None if breached else ladder.breach
    warnings, steps = climbed.warnings, climbed.steps
    if warnings < len(ladder.warnings):
        warning = ladder.warnings[warnings]
        if best is None or warning.open_us <= best.open_us:
            best = warning
    if climbed.ladder >> steps:
        best = _earlier(best, _next_step(ladder, climbed, acknowledged_open_us))
    if steps and ladder.escalation[steps - 1].repeat_times > climbed.repeats:
        best = _earlier(best, _repetition(ladder.escalation[steps - 1], climbed, acknowledged_open_us))
    return best


def _earlier(one: Mark | None, other: Mark | None) -> Mark | None:
    """The mark that is passed first; of two at the same place the first."""
    if one is None or other is None:
        return one or other
    return other if other.open_us < one.open_us else one


def _next_step(ladder: Ladder, climbed: Climbed, acknowledged_open_us: int | None) -> Mark | None:
    """The next step that is not kept quiet; it comes early when the one before was not acknowledged in time."""
    told = climbed.steps
    wanted_us = ladder.escalation[told - 1].acknowledge_us if told else 0
    for mark in ladder.steps[told:]:
        if not climbed.ladder >> (mark.number - 1) & 1:
            continue
        step = ladder.escalation[mark.number - 1]
        if wanted_us:
            timeout_us = climbed.told_open_us + wanted_us
            late = acknowledged_open_us is None or acknowledged_open_us > timeout_us
            if late and timeout_us < mark.open_us:
                mark = Mark(STEP, timeout_us, mark.number, step=step)  # noqa: PLW2901 - the same step, sooner
        if step.quiet and acknowledged_open_us is not None and acknowledged_open_us <= mark.open_us:
            continue
        return mark
    return None


def _repetition(step: EscalationStep, climbed: Climbed, acknowledged_open_us: int | None) -> Mark | None:
    open_us = climbed.told_open_us + step.repeat_every_us * (climbed.repeats + 1)
    if acknowledged_open_us is not None and acknowledged_open_us <= open_us:
        return None
    return Mark(STEP, open_us, step.number, step=step, repetition=climbed.repeats + 1)


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
