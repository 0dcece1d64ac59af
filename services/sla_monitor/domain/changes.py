"""What changed in a cycle since subscribers were last told of it: each thing once.

Keys of changes are `<target>:<cycle>:<generation>:<what>`, with what caused it behind where that can happen again, so
that the same input gives the same ids and no two changes of a ticket share one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from services.sla_monitor.domain.calendar import BusinessCalendar
from services.sla_monitor.domain.cycles import Cycle
from services.sla_monitor.domain.ladder import BREACH, WARNING, Mark, marks_ahead
from services.sla_monitor.domain.policy import Policy, Target
from services.sla_monitor.domain.targets import (
    BREACHED,
    CANCELLED,
    MET,
    PAUSED,
    RUNNING,
    TargetReport,
    judge,
    judge_superseded,
    reach,
)

STARTED: Final = "started"
RESUMED: Final = "resumed"
RETARGETED: Final = "retargeted"
WARNED: Final = "warned"
RETRACTED: Final = "breach_retracted"
ESCALATED: Final = "escalated"

LIVE: Final = frozenset({RUNNING, PAUSED})


class Told(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What subscribers were last told of a cycle.

    `breached` are the generations whose breach stands, `retractions` counts those that fell; `warnings` and `steps`
    are the numbers of the last warning and ladder step passed. `next_us` is when the next mark will be passed.
    """

    generation: int
    state: str
    due_us: int | None = None
    breached: tuple[int, ...] = ()
    retractions: int = 0
    warnings: int = 0
    steps: int = 0
    next_us: int | None = None


class Change(msgspec.Struct, frozen=True):
    """One thing to tell: `what` happened at `at_us`, with the clock as it then stood.

    `percent` is set for warnings, `step` and `role` for escalations, `reason` where the change needs one.
    """

    what: str
    key: str
    at_us: int
    report: TargetReport
    percent: int = 0
    step: int = 0
    role: str = ""
    reason: str = ""


class Cause(NamedTuple):
    """Why clocks are compared: a fact, or the passing of time. `mark` makes keys unique, `at_us` is when it was."""

    mark: str
    at_us: int


def compare(
    cycle: Cycle, told: Told | None, calendar: BusinessCalendar, now_us: int, cause: Cause
) -> tuple[list[Change], Told | None]:
    """The changes of a cycle against what was told of it, and what has then been told; None: it never applied.

    A breach of a clock that still runs is not found here, it is a mark: only one that was told is looked at again.
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
    if told is None:
        changes.append(_change(STARTED, shown, cause))
    changes += [
        _change(BREACHED, earlier, cause)
        for generation, earlier in breached.items()
        if generation not in before and earlier is not report
    ]
    changes += [_change(what, shown, cause) for what in _moves(told, shown, before)]
    return changes, Told(
        generation=shown.generation,
        state=state,
        due_us=shown.due_us,
        breached=tuple(sorted(breached)),
        retractions=(told.retractions if told is not None else 0) + len(fallen),
        warnings=told.warnings if told is not None else 0,
        steps=told.steps if told is not None else 0,
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
    cycle: Cycle, told: Told, policy: Policy, calendar: BusinessCalendar, now_us: int | None
) -> tuple[list[Change], Told]:
    """Pass the marks of a running cycle up to `now_us`, in order, and note when the next one will be passed.

    With None no mark is passed. Marks that a cycle stopped before, or that lie behind a pause, are not ahead.
    """
    changes: list[Change] = []
    next_us = None
    target = cycle.target
    if target is not None and cycle.stopped_us is None:
        ahead = marks_ahead(
            policy,
            cycle.name,
            target,
            warnings_passed=told.warnings,
            steps_passed=told.steps,
            breached=cycle.generation in told.breached,
        )
        for mark in ahead:
            reached_us = reach(cycle, mark.open_us, calendar)
            if reached_us is None:
                break
            passed_us = mark.passed_us(reached_us)
            if now_us is None or passed_us > now_us:
                next_us = passed_us
                break
            change, told = _pass(cycle, target, told, mark, reached_us, calendar)
            changes.append(change)
    return changes, told if told.next_us == next_us else msgspec.structs.replace(told, next_us=next_us)


def _pass(
    cycle: Cycle, target: Target, told: Told, mark: Mark, reached_us: int, calendar: BusinessCalendar
) -> tuple[Change, Told]:
    """Tell that a mark was passed, with the clock as it stood when it was reached, however late that is seen."""
    at_mark = judge(cycle, calendar, reached_us)
    if at_mark is None:
        raise AssertionError("a cycle with a target has a report")
    due_us = reach(cycle, target.budget_us, calendar)
    key = f"{cycle.name}:{cycle.number}:{cycle.generation}"
    if mark.kind == WARNING:
        shown = msgspec.structs.replace(at_mark, state=RUNNING, due_us=due_us)
        change = Change(WARNED, f"{key}:{WARNED}-{mark.percent}", reached_us, shown, percent=mark.percent)
        return change, msgspec.structs.replace(told, warnings=mark.number)
    shown = msgspec.structs.replace(at_mark, state=BREACHED, due_us=due_us)
    if mark.kind == BREACH:
        again = f":again-{told.retractions}" if told.retractions else ""
        change = Change(BREACHED, f"{key}:{BREACHED}{again}", reached_us, shown)
        breached = tuple(sorted({*told.breached, cycle.generation}))
        return change, msgspec.structs.replace(told, state=BREACHED, due_us=due_us, breached=breached)
    change = Change(
        ESCALATED,
        f"{key}:{ESCALATED}-{mark.number}",
        reached_us,
        shown,
        step=mark.number,
        role=mark.role,
        reason=f"{cycle.name} is overdue",
    )
    return change, msgspec.structs.replace(told, steps=mark.number)


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
        reason = "the ticket was withdrawn" if report.stopped_us is not None else "the priority has no such target"
    return Change(what, key, cause.at_us, report, reason=reason)


def _retraction(shown: TargetReport, generation: int, cause: Cause) -> Change:
    report = msgspec.structs.replace(shown, generation=generation)
    return _change(RETRACTED, report, cause, "an event that came late proves that it was in time")
