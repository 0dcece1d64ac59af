"""The marks that a running clock passes: warnings at fractions of the budget, the breach, steps of the escalation.

Marks stand at amounts of consumed time, so their instants move with pauses, priorities and calendars, and their order
never changes. Each warning and each step is passed once in a cycle, whatever re-targets it: a raised priority never
restarts the ladder. Which steps a ladder has is fixed when its clock starts (`steps.py`).

A step may ask to be acknowledged: unless that happens in time, the next step comes at once. It may be repeated until it
is acknowledged, and a later one may be kept quiet by an acknowledgement. Both times count, like all marks, in consumed
time, from when the step was told.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import msgspec

from services.sla_monitor.domain.instants import TICK_US
from services.sla_monitor.domain.steps import EscalationStep

WARNING: Final = "warning"
BREACH: Final = "breach"
STEP: Final = "step"


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
