"""What is told of a change on `ticket.sla`, under an id that says what it is, and what is counted of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from schemas.parts import Pause, Segment
from schemas.ticket_sla import (
    EscalationRaised,
    TargetBreached,
    TargetBreachRetracted,
    TargetCancelled,
    TargetCompleted,
    TargetEvent,
    TargetMet,
    TargetPaused,
    TargetResumed,
    TargetRetargeted,
    TargetStarted,
    TargetWarned,
    Verdict,
)
from schemas.topics import TICKET_SLA
from services._runtime.engine.topology import Context, Emit
from services.sla_monitor.domain import changes as c
from services.sla_monitor.domain.calendar import AnyCalendar
from services.sla_monitor.domain.changes import Change
from services.sla_monitor.domain.instants import to_datetime, to_seconds, to_text
from services.sla_monitor.domain.policy import ALWAYS_ID, Policy
from services.sla_monitor.domain.targets import BREACHED, CANCELLED, MET, PAUSED, TargetReport
from services.sla_monitor.state import Kept

MAX_SEGMENTS: Final = 100
"""Stretches of business time, and as many pauses, told with what is due; a longer one is in `explain`."""

_CONTRACTS: Final[Mapping[str, type[TargetEvent]]] = {
    c.STARTED: TargetStarted,
    PAUSED: TargetPaused,
    c.RESUMED: TargetResumed,
    c.RETARGETED: TargetRetargeted,
    c.WARNED: TargetWarned,
    MET: TargetMet,
    BREACHED: TargetBreached,
    c.RETRACTED: TargetBreachRetracted,
    CANCELLED: TargetCancelled,
    c.ESCALATED: EscalationRaised,
    c.COMPLETED: TargetCompleted,
}


class TargetMoved(msgspec.Struct, frozen=True, gc=False):
    """Effect, for metrics: what was told of a target (`started`, `breached`, …), of which level and pool.

    `used` is how much of the budget was consumed then, 1.0 for all of it; `late`: it was due while nobody looked.
    """

    target: str
    what: str
    priority: str = ""
    pool: str = ""
    used: float = 0.0
    decided_at: datetime | None = None


def moved(kept: Kept, change: Change, context: Context) -> TargetMoved:
    """What is counted of a change."""
    report = change.report
    used = report.elapsed_us / report.budget_us
    return TargetMoved(report.target, change.what, report.priority, kept.profile.pool, used, context.now)


def told(kept: Kept, changes: Sequence[Change], policy: Policy, calendar: AnyCalendar, context: Context) -> list[Emit]:
    """The events of what changed by one decision. What two of them share (a breach and its step) is put once."""
    if not changes:
        return []
    ticket_id, tenant, position = context.key, kept.tenant, context.position
    emits: list[Emit] = []
    report: TargetReport | None = None
    stated: dict[str, Any] = {}
    spent: dict[str, Any] | None = None
    for change in changes:
        if change.report is not report:
            report = change.report
            stated = _stated(kept, report, policy, calendar)
            stated["ticket_id"], stated["decided_at"], stated["position"] = ticket_id, context.now, position
            spent = None
        what = change.what
        details = _DETAILS.get(what, _nothing)(change)
        if what in _DUE:
            spent = spent or _spent(report, calendar)
            data = _CONTRACTS[what].new(**stated, **details, **spent)
        else:
            data = _CONTRACTS[what].new(**stated, **details)
        at = stated["due_at"] if change.at_us == report.due_us else to_datetime(change.at_us)
        emits.append(Emit(TICKET_SLA, ticket_id, data, f"{ticket_id}:{change.key}", at, ticket_id, tenant))
    return emits


def _stated(kept: Kept, report: TargetReport, policy: Policy, calendar: AnyCalendar) -> dict[str, Any]:
    """What every event states of a clock."""
    regime = kept.regimes[min(report.regime, len(kept.regimes) - 1)]
    calendar_id = report.calendar_id or regime.calendar_id
    return {
        "target": report.target,
        "cycle": report.cycle,
        "generation": report.generation,
        "priority": report.priority,
        "pool": kept.profile.pool or None,
        "policy_id": regime.policy_id,
        "policy_version": regime.version,
        "calendar_id": None if calendar_id == ALWAYS_ID else calendar_id,
        "calendar_version": calendar.of(report.calendar_id).version or None,
        "operational": policy.rules.plan.clocks[report.target].operational,
        "started_at": to_datetime(report.started_us),
        "due_at": _at(report.due_us),
        "budget_seconds": to_seconds(report.budget_us),
        "elapsed_seconds": to_seconds(report.elapsed_us),
    }


def _spent(report: TargetReport, calendar: AnyCalendar) -> dict[str, Any]:
    """The open stretches that a clock consumed and its pauses, the first `MAX_SEGMENTS` of each."""
    own = calendar.of(report.calendar_id)
    segments: list[Segment] = []
    pauses: list[Pause] = []
    for start_us, stop_us, status in report.spans:
        if status is None:
            for opened_us, closed_us in own.spans(start_us, stop_us, MAX_SEGMENTS - len(segments)):
                segments.append(Segment.new(start=to_text(opened_us), end=to_text(closed_us)))
        elif len(pauses) < MAX_SEGMENTS:
            pauses.append(Pause.new(start=to_text(start_us), end=to_text(stop_us), status=status))
    return {"segments": segments, "pauses": pauses}


def _nothing(change: Change) -> dict[str, Any]:
    del change
    return {}


def _stopped(change: Change) -> dict[str, Any]:
    return {"stopped_at": _at(change.report.stopped_us)}


def _completed(change: Change) -> dict[str, Any]:
    return {**_stopped(change), "verdict": Verdict(change.report.state)}


def _escalated(change: Change) -> dict[str, Any]:
    rung = change.rung
    if rung is None:
        raise AssertionError("an escalation has its step")
    again = change.repetition > 0
    return {
        "step": change.step,
        "role": rung.roles[0],
        "others": list(rung.roles[1:]),
        "reason": change.reason,
        "repetition": change.repetition,
        "raise_level": rung.raise_level and not again,
        "raise_priority": None if again else rung.raised(change.report.priority),
        "acknowledge_by": _at(change.acknowledge_by_us),
        "plan": rung.plan,
        "late": change.late,
    }


def _reason(change: Change) -> dict[str, Any]:
    return {"reason": change.reason}


_DETAILS: Final[Mapping[str, Callable[[Change], dict[str, Any]]]] = {
    MET: _stopped,
    BREACHED: _stopped,
    c.COMPLETED: _completed,
    c.WARNED: lambda change: {"percent": change.percent},
    c.ESCALATED: _escalated,
    CANCELLED: _reason,
    c.RETRACTED: _reason,
}
"""The fields that only some events have."""

_DUE: Final = frozenset({MET, BREACHED, c.COMPLETED, c.WARNED, c.ESCALATED})
"""What follows from how much a clock has consumed, and therefore says which stretches these were."""


def _at(at_us: int | None) -> datetime | None:
    return None if at_us is None else to_datetime(at_us)
