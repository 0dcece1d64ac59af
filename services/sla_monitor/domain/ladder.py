"""The marks that a running clock passes: warnings at fractions of the budget, the breach, steps of the escalation.

Marks stand at amounts of consumed time, so their instants move with pauses, priorities and calendars, and their order
never changes. Each warning and each step is passed once in a cycle, whatever re-targets it: a raised priority never
restarts the ladder.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from services.sla_monitor.domain.instants import TICK_US
from services.sla_monitor.domain.policy import Policy, Target

WARNING: Final = "warning"
BREACH: Final = "breach"
STEP: Final = "step"


class Mark(NamedTuple):
    """A mark at `open_us` of consumed time.

    `number` counts warnings and steps, each from 1; `percent` is set for warnings, `role` for steps.
    """

    kind: str
    open_us: int
    number: int = 0
    percent: int = 0
    role: str = ""

    def passed_us(self, reached_us: int) -> int:
        """When it counts as passed: a warning when reached, the others a tick later, for due itself is in time."""
        return reached_us if self.kind == WARNING else reached_us + TICK_US


def marks_ahead(
    policy: Policy, name: str, target: Target, *, warnings_passed: int, steps_passed: int, breached: bool
) -> Iterator[Mark]:
    """The marks that a cycle of target `name` has not passed yet, in order."""
    for number, fraction in enumerate(policy.warn_at, start=1):
        if number > warnings_passed:
            yield Mark(WARNING, max(1, round(target.budget_us * fraction)), number, percent=round(100 * fraction))
    if not breached:
        yield Mark(BREACH, target.budget_us)
    for step in policy.escalation:
        if step.number > steps_passed and step.applies_to(name):
            yield Mark(STEP, target.budget_us + step.after_us, step.number, role=step.role)
