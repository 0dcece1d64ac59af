"""What each event of a ticket and each timer changes: load, decide, emit.

An event of the ledger becomes facts (`_FACTS`), the clocks see them (`domain.progress.see`), and each change is told
on `ticket.sla` under an id that says what it is. Marks are passed by timers alone. Statuses are compared in the order
of the ledger; whether one pauses anything is all that counts, so most events of a ticket change nothing here and cost
next to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from schemas.parts import Segment
from schemas.ticket_events import (
    AgentReplied,
    CustomerReplied,
    PriorityChanged,
    StatusChanged,
    TicketAccepted,
    TicketAssigned,
    TicketCancelled,
    TicketClassified,
    TicketClosed,
    TicketDeclined,
    TicketEvent,
    TicketMerged,
    TicketOpened,
    TicketQueued,
    TicketReopened,
    TicketResolved,
)
from schemas.ticket_sla import (
    EscalationRaised,
    TargetBreached,
    TargetBreachRetracted,
    TargetCancelled,
    TargetEvent,
    TargetMet,
    TargetPaused,
    TargetResumed,
    TargetRetargeted,
    TargetStarted,
    TargetWarned,
)
from schemas.topics import CHANGELOGS, DEAD_LETTERS, TICKET_EVENTS, TICKET_SLA
from schemas.vocabulary import Tier
from services._runtime.engine.topology import NOTHING, RELAXED_SECONDS, Context, Decision, Emit, Event, Timer, Topology
from services.sla_monitor.domain import changes as c
from services.sla_monitor.domain import facts as f
from services.sla_monitor.domain.calendar import BusinessCalendar
from services.sla_monitor.domain.changes import Change
from services.sla_monitor.domain.facts import Fact
from services.sla_monitor.domain.instants import from_datetime, to_datetime, to_seconds, to_text
from services.sla_monitor.domain.policy import Policy
from services.sla_monitor.domain.progress import Outcome, see, shrink, wake
from services.sla_monitor.domain.targets import BREACHED, CANCELLED, MET, PAUSED
from services.sla_monitor.settings import SlaMonitorSettings
from services.sla_monitor.state import MARK, SHRINK, STATE_VERSION, Keeping, TicketClocks, timings

MAX_SEGMENTS: Final = 100
"""Stretches of business time told with a verdict; a longer one is in `explain`."""

_FACTS: Final[Mapping[type[TicketEvent], str]] = {
    TicketAssigned: f.ASSIGNED,
    AgentReplied: f.AGENT_REPLIED,
    CustomerReplied: f.CUSTOMER_REPLIED,
    TicketResolved: f.RESOLVED,
    TicketClosed: f.CLOSED,
    TicketReopened: f.REOPENED,
    TicketCancelled: f.CANCELLED,
    TicketMerged: f.CANCELLED,
}
_FACTLESS: Final = (TicketClassified, TicketQueued, TicketAccepted, TicketDeclined, StatusChanged, PriorityChanged)
"""What may still change the status, the priority or the pool."""
_ENDINGS: Final = frozenset({f.CLOSED, f.CANCELLED})
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
}


class Terms(Protocol):
    """Under which policy and calendar a ticket's clocks run. Answers quickly, without I/O, and never fails."""

    def at_opening(self, tier: Tier, opened_at: datetime) -> Policy:
        """The policy for a ticket that is opened now."""
        ...

    def policy(self, policy_id: str, version: int) -> Policy:
        """The version that a ticket began with."""
        ...

    def calendar(self, calendar_id: str | None) -> BusinessCalendar:
        """A calendar as it is today; None is 24/7."""
        ...


class TargetMoved(msgspec.Struct, frozen=True, gc=False):
    """Effect, for metrics: what was told of a target (`started`, `breached`, …)."""

    target: str
    what: str


def clocks_topology(settings: SlaMonitorSettings, terms: Terms) -> Topology[TicketClocks]:
    """`sla_monitor`: reads `ticket.events`, writes `ticket.sla`."""
    monitor = Monitor(settings, terms)
    return Topology(
        name="sla_monitor",
        service="sla_monitor",
        inputs=(TICKET_EVENTS,),
        changelog=CHANGELOGS["sla_monitor", "clocks"],
        dead_letters=DEAD_LETTERS["sla_monitor"],
        handlers={
            TicketOpened: monitor.on_opened,
            **{contract: partial(monitor.on_event, kind) for contract, kind in _FACTS.items()},
            **dict.fromkeys(_FACTLESS, partial(monitor.on_event, None)),
        },
        on_timer=monitor.on_timer,
        state_type=TicketClocks,
        state_version=STATE_VERSION,
        gather_seconds=RELAXED_SECONDS,
    )


class Monitor:
    """The handlers, with what they decide by."""

    def __init__(self, settings: SlaMonitorSettings, terms: Terms) -> None:
        self._terms = terms
        self._keeping = Keeping(
            whole=timedelta(seconds=settings.sla_shrink_after_seconds),
            at_all=timedelta(seconds=settings.sla_forget_after_seconds),
        )

    def on_opened(self, state: TicketClocks | None, event: Event, context: Context) -> Decision[TicketClocks]:
        """Start the clocks under the policy in effect."""
        if state is not None:
            return NOTHING
        opened: TicketOpened = event.data
        policy = self._terms.at_opening(opened.requester.tier, event.occurred_at)
        begun = TicketClocks(
            tenant=event.tenant,
            sequence=opened.sequence,
            policy_id=policy.policy_id,
            policy_version=policy.version,
            priority=opened.priority,
        )
        opening = Fact(from_datetime(event.occurred_at), opened.sequence, f.OPENED, opened.priority)
        facts = [opening, *_pause(begun, opened, opening.at_us, policy)]
        return self._see(begun, event, facts, policy, context)

    def on_event(
        self, kind: str | None, state: TicketClocks | None, event: Event, context: Context
    ) -> Decision[TicketClocks]:
        """Let the clocks see what an event means to them; most mean nothing and change nothing."""
        data: TicketEvent = event.data
        if state is None or data.sequence <= state.sequence:
            return NOTHING
        policy = self._terms.policy(state.policy_id, state.policy_version)
        at_us = from_datetime(event.occurred_at)
        facts = [Fact(at_us, data.sequence, kind)] if kind is not None else []
        priority = getattr(data, "priority", state.priority)
        if priority != state.priority:
            facts.append(Fact(at_us, data.sequence, f.PRIORITY, priority))
        facts += _pause(state, data, at_us, policy)
        pool = getattr(data, "pool", state.pool)
        if not facts and pool == state.pool:
            return NOTHING
        followed = msgspec.structs.replace(state, sequence=data.sequence, priority=priority, pool=pool)
        if kind in _ENDINGS:
            followed = msgspec.structs.replace(followed, ended_at=event.occurred_at)
        elif kind == f.REOPENED:
            followed = msgspec.structs.replace(followed, ended_at=None, shrunk=False)
        if not facts:
            return Decision(state=followed)
        return self._see(followed, event, facts, policy, context)

    def on_timer(self, state: TicketClocks, timer: Timer, context: Context) -> Decision[TicketClocks]:
        """Pass the marks that are due, let go of the cycles of an ended ticket, or forget it."""
        policy = self._terms.policy(state.policy_id, state.policy_version)
        if timer.kind == MARK:
            calendar = self._terms.calendar(policy.calendar_id)
            outcome = wake(state.clocks, policy, calendar, from_datetime(context.now))
            return self._decide(state, outcome, policy, calendar, context)
        if timer.kind == SHRINK:
            shrunk = msgspec.structs.replace(state, clocks=shrink(state.clocks, policy), shrunk=True)
            return Decision(state=shrunk, timers=self._timers(shrunk))
        return Decision(state=None)

    def _see(
        self, state: TicketClocks, event: Event, facts: Sequence[Fact], policy: Policy, context: Context
    ) -> Decision[TicketClocks]:
        calendar = self._terms.calendar(policy.calendar_id)
        outcome = see(state.clocks, facts, policy, calendar, from_datetime(context.now))
        followed = msgspec.structs.replace(state, pausing=_pausing(event.data, policy))
        return self._decide(followed, outcome, policy, calendar, context)

    def _decide(
        self, state: TicketClocks, outcome: Outcome, policy: Policy, calendar: BusinessCalendar, context: Context
    ) -> Decision[TicketClocks]:
        decided = msgspec.structs.replace(state, clocks=outcome.clocks, wake_us=outcome.wake_us)
        return Decision(
            state=decided,
            timers=self._timers(decided),
            emits=[_emit(decided, change, policy, calendar, context) for change in outcome.changes],
            effects=[TargetMoved(change.report.target, change.what) for change in outcome.changes],
        )

    def _timers(self, state: TicketClocks) -> tuple[Timer, ...]:
        return tuple(Timer(each.kind, each.due_at, state.sequence) for each in timings(state, self._keeping))


def _pause(state: TicketClocks, data: TicketEvent, at_us: int, policy: Policy) -> list[Fact]:
    """The status after an event as a fact, where it begins, ends or changes a pause."""
    if _pausing(data, policy) == state.pausing:
        return []
    return [Fact(at_us, data.sequence, f.STATUS, data.status.value)]


def _pausing(data: TicketEvent, policy: Policy) -> str:
    """The status after an event if it pauses anything, else empty."""
    return data.status.value if data.status in policy.pausing else ""


def _emit(state: TicketClocks, change: Change, policy: Policy, calendar: BusinessCalendar, context: Context) -> Emit:
    report = change.report
    ticket_id = context.key
    data = _CONTRACTS[change.what].new(
        ticket_id=ticket_id,
        target=report.target,
        cycle=report.cycle,
        generation=report.generation,
        priority=report.priority,
        pool=state.pool,
        policy_id=policy.policy_id,
        policy_version=policy.version,
        calendar_id=policy.calendar_id,
        started_at=to_datetime(report.started_us),
        due_at=_at(report.due_us),
        budget_seconds=to_seconds(report.budget_us),
        elapsed_seconds=to_seconds(report.elapsed_us),
        decided_at=context.now,
        position=context.position,
        **_details(change, calendar),
    )
    return Emit(
        TICKET_SLA,
        ticket_id,
        data,
        id=f"{ticket_id}:{change.key}",
        occurred_at=to_datetime(change.at_us),
        subject=ticket_id,
        tenant=state.tenant,
    )


def _details(change: Change, calendar: BusinessCalendar) -> dict[str, Any]:
    """The fields that only some events have."""
    if change.what in {MET, BREACHED}:
        return {"stopped_at": _at(change.report.stopped_us), "segments": _segments(change, calendar)}
    if change.what == c.WARNED:
        return {"percent": change.percent}
    if change.what == c.ESCALATED:
        return {"step": change.step, "role": change.role, "reason": change.reason}
    if change.what in {CANCELLED, c.RETRACTED}:
        return {"reason": change.reason}
    return {}


def _segments(change: Change, calendar: BusinessCalendar) -> list[Segment]:
    """The open stretches that the target consumed, the first `MAX_SEGMENTS` of them."""
    segments: list[Segment] = []
    for span in change.report.spans:
        if span.status is None:
            opened = calendar.spans(span.start_us, span.stop_us, MAX_SEGMENTS - len(segments))
            segments += [Segment.new(start=to_text(each.start_us), end=to_text(each.stop_us)) for each in opened]
    return segments


def _at(at_us: int | None) -> datetime | None:
    return None if at_us is None else to_datetime(at_us)
