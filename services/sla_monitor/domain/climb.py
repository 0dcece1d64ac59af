"""A running clock on its ladder: the marks that it passes, in order, each told with the clock as it then stood.

A hundred thousand clocks may pass a mark in one second, so what is needed of a cycle here is what is kept of one that
runs (`cycles.Running`): waking it reads no facts.
"""

from __future__ import annotations

from typing import Final

import msgspec

from services.sla_monitor.domain.calendar import AnyCalendar, BusinessCalendar
from services.sla_monitor.domain.changes import ESCALATED, WARNED, Change, Told
from services.sla_monitor.domain.cycle import Cycle, Running
from services.sla_monitor.domain.instants import SECOND_US
from services.sla_monitor.domain.ladder import BREACH, WARNING, Mark, next_mark
from services.sla_monitor.domain.policy import Policy, Target
from services.sla_monitor.domain.steps import MAX_REPEATS, MAX_STEPS
from services.sla_monitor.domain.targets import BREACHED, RUNNING, TargetReport, consumed, reach, report_of

LATE_US: Final = 60 * SECOND_US
"""A step that is told this long after it was due is told late: there was an outage, or a backlog."""
MAX_MARKS: Final = 2 * MAX_STEPS + 1 + MAX_STEPS * MAX_REPEATS
"""No cycle has more marks."""


class Course(msgspec.Struct, frozen=True, gc=False):
    """A running cycle on its way: with its target, the target's calendar, and when it is due (None while paused)."""

    cycle: Cycle | Running
    target: Target
    calendar: BusinessCalendar
    due_us: int | None

    def reach(self, open_us: int) -> int | None:
        """When the cycle has consumed that much, its last stretch going on; None while paused."""
        if open_us == self.target.budget_us:
            return self.due_us
        return reach(self.cycle, open_us, self.calendar)


def advance(
    cycle: Cycle, told: Told, policy: Policy, calendar: AnyCalendar, now_us: int, *, passing: bool
) -> tuple[list[Change], Told]:
    """Pass the marks of a cycle up to `now_us`, in order, and note when the next one will be passed.

    Without `passing` no mark is passed. Marks that a cycle stopped before, or that lie behind a pause, are not ahead.
    """
    target = cycle.target
    if target is None or cycle.stopped_us is not None:
        return [], told if told.next_us is None else msgspec.structs.replace(told, next_us=None)
    return go_on(course_of(cycle, target, calendar), told, policy, now_us, passing=passing)


def course_of(cycle: Cycle | Running, target: Target, calendar: AnyCalendar) -> Course:
    """The way of a cycle that runs, under what the target promises."""
    own = calendar.of(target.calendar_id)
    return Course(cycle, target, own, reach(cycle, target.budget_us, own))


def go_on(course: Course, told: Told, policy: Policy, now_us: int, *, passing: bool) -> tuple[list[Change], Told]:
    """`advance` for a cycle that runs and whose due time is known."""
    ladder = policy.regime(told.regime).ladder(course.target.budget_us)
    cycle = course.cycle
    changes: list[Change] = []
    next_us = None
    for _ in range(MAX_MARKS):
        acknowledged_us = _acknowledged(course, told) if cycle.acknowledged_us else None
        mark = next_mark(ladder, told, cycle.generation in told.breached, acknowledged_us)
        reached_us = None if mark is None else course.reach(mark.open_us)
        if mark is None or reached_us is None:
            break
        passed_us = mark.passed_us(reached_us)
        if not passing or passed_us > now_us:
            next_us = passed_us
            break
        # A breach and its first step coincide, and then show the same.
        shown = changes[-1].report if changes and changes[-1].at_us == reached_us else None
        change, told = _pass(course, told, mark, reached_us, now_us, shown)
        changes.append(change)
    return changes, told if told.next_us == next_us else msgspec.structs.replace(told, next_us=next_us)


def _acknowledged(course: Course, told: Told) -> int | None:
    """How much the cycle had consumed when the last step told was acknowledged, None: it was not."""
    cycle = course.cycle
    if not told.steps:
        return None
    amounts = (consumed(cycle, at_us, course.calendar) for at_us in cycle.acknowledged_us)
    return next((open_us for open_us in amounts if open_us >= told.told_open_us), None)


def _pass(
    course: Course, told: Told, mark: Mark, reached_us: int, now_us: int, shown: TargetReport | None
) -> tuple[Change, Told]:
    """Tell that a mark was passed, with the clock as it stood when it was reached, however late that is seen."""
    cycle, due_us = course.cycle, course.due_us
    generation = cycle.generation
    state = BREACHED if mark.kind == BREACH or generation in told.breached else RUNNING
    if shown is None or shown.state != state:
        shown = report_of(cycle, course.target, course.calendar, reached_us, state, due_us, (), mark.open_us)
    key = f"{cycle.name}:{cycle.number}:{generation}"
    if mark.kind == WARNING:
        change = Change(WARNED, f"{key}:{WARNED}-{mark.percent}", reached_us, shown, percent=mark.percent)
        return change, msgspec.structs.replace(told, warnings=mark.number)
    if mark.kind == BREACH:
        again = f":again-{told.retractions}" if told.retractions else ""
        change = Change(BREACHED, f"{key}:{BREACHED}{again}", reached_us, shown)
        breached = (*told.breached, generation) if told.breached else (generation,)
        return change, msgspec.structs.replace(told, state=BREACHED, due_us=due_us, breached=breached)
    return _step(course, told, mark, shown, reached_us, now_us, key)


def _step(
    course: Course, told: Told, mark: Mark, shown: TargetReport, reached_us: int, now_us: int, key: str
) -> tuple[Change, Told]:
    step = mark.step
    if step is None:
        raise AssertionError("a step's mark has its step")
    late = now_us - reached_us > LATE_US
    if mark.repetition:
        climbed = msgspec.structs.replace(told, repeats=mark.repetition)
    else:
        # Whoever is told late has the whole time to acknowledge.
        open_us = consumed(course.cycle, now_us, course.calendar) if late else mark.open_us
        climbed = msgspec.structs.replace(told, steps=mark.number, repeats=0, told_open_us=open_us)
    by_us = None
    if step.acknowledge_us:
        by_us = course.reach(climbed.told_open_us + step.acknowledge_us)
    again = f".{mark.repetition}" if mark.repetition else ""
    used = "overdue" if shown.state == BREACHED else f"at {shown.elapsed_us / shown.budget_us:.0%}"
    return Change(
        ESCALATED,
        f"{key}:{ESCALATED}-{mark.number}{again}",
        reached_us,
        shown,
        step=mark.number,
        rung=step,
        repetition=mark.repetition,
        acknowledge_by_us=by_us,
        late=late,
        reason=f"{shown.target} is {used}",
    ), climbed
