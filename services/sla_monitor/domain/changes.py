"""What changed in a cycle since subscribers were last told of it: each thing once.

Keys of changes are `<target>:<cycle>:<generation>:<what>`, with what caused it behind where that can happen again, so
that the same input gives the same ids and no two changes of a ticket share one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from services.sla_monitor.domain import facts as f
from services.sla_monitor.domain.calendar import AnyCalendar
from services.sla_monitor.domain.cycle import Cycle
from services.sla_monitor.domain.steps import EscalationStep
from services.sla_monitor.domain.targets import (
    BREACHED,
    CANCELLED,
    MET,
    PAUSED,
    RUNNING,
    TargetReport,
    judge,
    judge_superseded,
)

STARTED: Final = "started"
RESUMED: Final = "resumed"
RETARGETED: Final = "retargeted"
WARNED: Final = "warned"
RETRACTED: Final = "breach_retracted"
ESCALATED: Final = "escalated"
COMPLETED: Final = "completed"
"""A stop that brings no new verdict: of a clock that was breached before, or moved by an event that came late."""

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
    `final` is when a clock stopped and what it had consumed then, None while it runs.
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
    final: tuple[int, int] | None = None


class Change(msgspec.Struct, frozen=True, gc=False):
    """One thing to tell: `what` happened at `at_us`, with the clock as it then stood.

    `percent` is set for warnings, `step` and `rung` for escalations: its number and what it asks for, with how often it
    was told before in `repetition`, until when it is to be acknowledged, and whether it is told late (`climb.LATE_US`).
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
        final=_final(shown),
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
        told, state=CANCELLED, due_us=None, breached=(), retractions=retractions, next_us=None, final=None
    )


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
    if shown.stopped_us is not None or state in {MET, CANCELLED}:
        return _stop(told, shown, before)
    if state == BREACHED:
        return []
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


def _stop(told: Told | None, shown: TargetReport, before: tuple[int, ...]) -> list[str]:
    """The verdict of a clock that stopped; where that is known already, whether its stop is new or another."""
    state = shown.state
    known = shown.generation in before if state == BREACHED else told is not None and told.state == state
    if not known:
        return [state]
    return [COMPLETED] if state != CANCELLED and told is not None and told.final != _final(shown) else []


def _final(shown: TargetReport) -> tuple[int, int] | None:
    return None if shown.stopped_us is None else (shown.stopped_us, shown.elapsed_us)


def _change(what: str, report: TargetReport, cause: Cause, reason: str = "") -> Change:
    key = f"{report.target}:{report.cycle}:{report.generation}:{what}:{cause.mark}"
    if what == CANCELLED and not reason:
        stopped = report.stopped_us is not None
        reason = _CANCELLATIONS.get(report.cancelled_by, "no longer called for") if stopped else _NO_TARGET
    return Change(what, key, cause.at_us, report, reason=reason)


def _retraction(shown: TargetReport, generation: int, cause: Cause) -> Change:
    report = msgspec.structs.replace(shown, generation=generation)
    return _change(RETRACTED, report, cause, "an event that came late proves that it was in time")
