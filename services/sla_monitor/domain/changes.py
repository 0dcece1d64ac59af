"""What changed in a cycle since subscribers were last told of it: each thing once.

Keys of changes are `<target>:<cycle>:<generation>:<what>`, with what caused it behind where that can happen again, so
that the same input gives the same ids and no two changes of a ticket share one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from services.sla_monitor.domain import facts as f
from services.sla_monitor.domain.calendar import AnyCalendar, BusinessCalendar
from services.sla_monitor.domain.cycles import Cycle
from services.sla_monitor.domain.instants import SECOND_US
from services.sla_monitor.domain.ladder import (
    BREACH,
    MAX_REPEATS,
    MAX_STEPS,
    WARNING,
    EscalationStep,
    Mark,
    next_mark,
)
from services.sla_monitor.domain.policy import Policy, Target
from services.sla_monitor.domain.targets import (
    BREACHED,
    CANCELLED,
    MET,
    PAUSED,
    RUNNING,
    TargetReport,
    consumed,
    judge,
    judge_superseded,
    reach,
    report_of,
)

STARTED: Final = "started"
RESUMED: Final = "resumed"
RETARGETED: Final = "retargeted"
WARNED: Final = "warned"
RETRACTED: Final = "breach_retracted"
ESCALATED: Final = "escalated"

LATE_US: Final = 60 * SECOND_US
"""A step that is told this long after it was due is told late: there was an outage, or a backlog."""
MAX_MARKS: Final = 2 * MAX_STEPS + 1 + MAX_STEPS * MAX_REPEATS
"""No cycle has more marks."""

_CANCELLATIONS: Final = {
    f.CANCELLED: "the ticket was withdrawn",
    f.REOPENED: "the ticket was reopened",
    f.SURVEY_WAIVED: "no survey is to be offered",
}
_NO_TARGET: Final = "the priority has no such target"
LIVE: Final = frozenset({RUNNING, PAUSED})


class Told(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What subscribers were last told of a cycle.

    `breached` are the generations whose breach stands, `retractions` counts those that fell; `warnings` and `steps`
    are the numbers of the last warning and ladder step told. `next_us` is when the next mark will be passed. `ladder`
    are the steps that the ladder has, as bits, of the policy of `regime`: both fixed when the cycle started. `repeats`
    counts how often the last step was repeated, `told_open_us` is what the clock had consumed when it was told first.
    """

    generation: int
    state: str
    due_us: int | None = None
    breached: tuple[int, ...] = ()
    retractions: int = 0
    warnings: int = 0
    steps: int = 0
    next_us: int | None = None
    ladder: int = 0
    regime: int = 0
    repeats: int = 0
    told_open_us: int = 0


class Change(msgspec.Struct, frozen=True, gc=False):
    """One thing to tell: `what` happened at `at_us`, with the clock as it then stood.

    `percent` is set for warnings, `step` and `rung` for escalations: its number and what it asks for, with how often it
    was told before in `repetition`, until when it is to be acknowledged, and whether it is told late (`LATE_US`).
    `reason` where the change needs one.
    """

    what: str
    key: str
    at_us: int
    report: TargetReport
    percent: int = 0
    step: int = 0
    rung: EscalationStep | None = None
    repetition: int = 0
    acknowledge_by_us: int | None = None
    late: bool = False
    reason: str = ""


class Cause(NamedTuple):
    """Why clocks are compared: a fact, or the passing of time. `mark` makes keys unique, `at_us` is when it was."""

    mark: str
    at_us: int


def compare(
    cycle: Cycle, told: Told | None, calendar: AnyCalendar, now_us: int, cause: Cause, ladder: int = 0
) -> tuple[list[Change], Told | None]:
    """The changes of a cycle against what was told of it, and what has then been told; None: it never applied.

    A breach of a clock that still runs is not found here, it is a mark: only one that was told is looked at again. A
    clock that the same fact started and stopped gets its verdict alone. `ladder` are the steps of a cycle that is new.
    """
    report = judge(cycle, calendar, now_us)
    superseded = judge_superseded(cycle, calendar) if report is None else report.superseded
    latest = report if report is not None else (superseded[-1] if superseded else None)
    if latest is None:
        return [], None
    breached = {earlier.generation: earlier for earlier in superseded if earlier.state == BREACHED}
    if report is not None and _is_known_breach(report, told):
        breached[report.generation] = report
    state = _state(cycle, report, breached)
    due_us = None if state == PAUSED else latest.due_us
    shown = latest
    if (state, due_us) != (latest.state, latest.due_us):
        shown = msgspec.structs.replace(latest, state=state, due_us=due_us)

    before = told.breached if told is not None else ()
    fallen = [generation for generation in before if generation not in breached]
    changes = [_retraction(shown, generation, cause) for generation in fallen]
    if told is None and cycle.stopped_by != cycle.started_by:
        changes.append(_change(STARTED, shown, cause))
    changes += [
        _change(BREACHED, earlier, cause)
        for generation, earlier in breached.items()
        if generation not in before and earlier is not report
    ]
    changes += [_change(what, shown, cause) for what in _moves(told, shown, before)]
    if told is None:
        told = Told(generation=0, state=state, ladder=ladder, regime=cycle.regime)
    return changes, msgspec.structs.replace(
        told,
        generation=shown.generation,
        state=state,
        due_us=shown.due_us,
        breached=tuple(sorted(breached)),
        retractions=told.retractions + len(fallen),
        next_us=None,
    )


def withdraw(told: Told, last: TargetReport, cause: Cause) -> tuple[list[Change], Told]:
    """The changes when a late fact proves that a cycle never was; `last` is what was known of it.

    What was told is kept, so that a cycle that another late fact brings back repeats no warning and no step.
    """
    changes = [_retraction(last, generation, cause) for generation in told.breached]
    if told.state in LIVE or told.breached:
        shown = msgspec.structs.replace(last, state=CANCELLED, due_us=None)
        changes.append(_change(CANCELLED, shown, cause, "an event that came late proves that it never started"))
    retractions = told.retractions + len(told.breached)
    return changes, msgspec.structs.replace(
        told, state=CANCELLED, due_us=None, breached=(), retractions=retractions, next_us=None
    )


def advance(
    cycle: Cycle, told: Told, policy: Policy, calendar: AnyCalendar, now_us: int, *, passing: bool
) -> tuple[list[Change], Told]:
    """Pass the marks of a cycle up to `now_us`, in order, and note when the next one will be passed.

    Without `passing` no mark is passed. Marks that a cycle stopped before, or that lie behind a pause, are not ahead.
    """
    target = cycle.target
    if target is None or cycle.stopped_us is not None:
        return [], told if told.next_us is None else msgspec.structs.replace(told, next_us=None)
    own = calendar.of(target.calendar_id)
    due_us = reach(cycle, target.budget_us, own)
    return go_on(Course(cycle, target, own, due_us), told, policy, now_us, passing=passing)


class Course(NamedTuple):
    """A running cycle on its way: with its target, the target's calendar, and when it is due (None while paused)."""

    cycle: Cycle
    target: Target
    calendar: BusinessCalendar
    due_us: int | None


def go_on(course: Course, told: Told, policy: Policy, now_us: int, *, passing: bool) -> tuple[list[Change], Told]:
    """`advance` for a cycle that runs and whose due time is known."""
    changes: list[Change] = []
    next_us = None
    climb = _Climb(course, policy.regime(told.regime), now_us)
    for _ in range(MAX_MARKS):
        mark = climb.next_mark(told)
        reached_us = None if mark is None else climb.reach(mark.open_us)
        if mark is None or reached_us is None:
            break
        passed_us = mark.passed_us(reached_us)
        if not passing or passed_us > now_us:
            next_us = passed_us
            break
        change, told = climb.climb(told, mark, reached_us)
        changes.append(change)
    return changes, told if told.next_us == next_us else msgspec.structs.replace(told, next_us=next_us)


class _Climb:
    """A running cycle on its ladder. What it was asked last is remembered: a breach and its first step coincide."""

    def __init__(self, course: Course, policy: Policy, now_us: int) -> None:
        self._cycle, self._target, self._calendar, self._due_us = course
        self._ladder = policy.ladder(self._target.budget_us)
        self._now_us = now_us
        self._shown: TargetReport | None = None
        self._shown_us = -1

    def next_mark(self, told: Told) -> Mark | None:
        """The mark ahead, None where there is none."""
        acknowledged = None
        if self._cycle.acknowledged_us and told.steps:
            amounts = (consumed(self._cycle, at_us, self._calendar) for at_us in self._cycle.acknowledged_us)
            acknowledged = next((open_us for open_us in amounts if open_us >= told.told_open_us), None)
        breached = self._cycle.generation in told.breached
        return next_mark(self._ladder, told, breached, acknowledged)

    def reach(self, open_us: int) -> int | None:
        """When the cycle has consumed that much, its last stretch going on; None while paused."""
        if open_us == self._target.budget_us:
            return self._due_us
        return reach(self._cycle, open_us, self._calendar)

    def climb(self, told: Told, mark: Mark, reached_us: int) -> tuple[Change, Told]:
        """Tell that a mark was passed, with the clock as it stood when it was reached, however late that is seen."""
        cycle = self._cycle
        key = f"{cycle.name}:{cycle.number}:{cycle.generation}"
        over = mark.kind == BREACH or cycle.generation in told.breached
        shown = self._report(reached_us, mark.open_us, BREACHED if over else RUNNING)
        if mark.kind == WARNING:
            change = Change(WARNED, f"{key}:{WARNED}-{mark.percent}", reached_us, shown, percent=mark.percent)
            return change, msgspec.structs.replace(told, warnings=mark.number)
        if mark.kind == BREACH:
            again = f":again-{told.retractions}" if told.retractions else ""
            change = Change(BREACHED, f"{key}:{BREACHED}{again}", reached_us, shown)
            breached = (*told.breached, cycle.generation) if told.breached else (cycle.generation,)
            return change, msgspec.structs.replace(told, state=BREACHED, due_us=self._due_us, breached=breached)
        return self._step(told, mark, shown, reached_us, key)

    def _report(self, at_us: int, open_us: int, state: str) -> TargetReport:
        shown = self._shown
        if shown is None or self._shown_us != at_us or shown.state != state:
            cycle, target = self._cycle, self._target
            shown = report_of(cycle, target, self._calendar, at_us, state, self._due_us, elapsed_us=open_us)
            self._shown, self._shown_us = shown, at_us
        return shown

    def _step(self, told: Told, mark: Mark, shown: TargetReport, reached_us: int, key: str) -> tuple[Change, Told]:
        step = mark.step
        if step is None:
            raise AssertionError("a step's mark has its step")
        late = self._now_us - reached_us > LATE_US
        if mark.repetition:
            climbed = msgspec.structs.replace(told, repeats=mark.repetition)
        else:
            # Whoever is told late has the whole time to acknowledge.
            open_us = consumed(self._cycle, self._now_us, self._calendar) if late else mark.open_us
            climbed = msgspec.structs.replace(told, steps=mark.number, repeats=0, told_open_us=open_us)
        by_us = None
        if step.acknowledge_us:
            by_us = self.reach(climbed.told_open_us + step.acknowledge_us)
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


def _is_known_breach(report: TargetReport, told: Told | None) -> bool:
    """Whether a breach is proven by a stop, or was told and still holds."""
    if report.state != BREACHED:
        return False
    return report.stopped_us is not None or (told is not None and report.generation in told.breached)


def _state(cycle: Cycle, report: TargetReport | None, breached: dict[int, TargetReport]) -> str:
    """How the cycle stands for subscribers: marks that were not passed yet don't show."""
    if report is None:
        return BREACHED if breached else CANCELLED
    if report.stopped_us is not None:
        return report.state
    if report.generation in breached:
        return BREACHED
    return RUNNING if cycle.paused_in is None else PAUSED


def _moves(told: Told | None, shown: TargetReport, before: tuple[int, ...]) -> list[str]:
    """What happened to the cycle as a whole."""
    state = shown.state
    if state == BREACHED:
        return [BREACHED] if shown.generation not in before and shown.stopped_us is not None else []
    if state in {MET, CANCELLED}:
        return [state] if told is None or told.state != state else []
    if told is None:
        return [PAUSED] if state == PAUSED else []
    moves = []
    retargeted = told.generation != shown.generation or told.state in {MET, CANCELLED}
    if state == PAUSED and told.state != PAUSED:
        moves.append(PAUSED)
    elif state == RUNNING and told.state == PAUSED:
        moves.append(RESUMED)
    elif state == told.state == RUNNING and told.due_us != shown.due_us:
        retargeted = True
    return [RETARGETED, *moves] if retargeted else moves


def _change(what: str, report: TargetReport, cause: Cause, reason: str = "") -> Change:
    key = f"{report.target}:{report.cycle}:{report.generation}:{what}:{cause.mark}"
    if what == CANCELLED and not reason:
        stopped = report.stopped_us is not None
        reason = _CANCELLATIONS.get(report.cancelled_by, "no longer called for") if stopped else _NO_TARGET
    return Change(what, key, cause.at_us, report, reason=reason)


def _retraction(shown: TargetReport, generation: int, cause: Cause) -> Change:
    report = msgspec.structs.replace(shown, generation=generation)
    return _change(RETRACTED, report, cause, "an event that came late proves that it was in time")
