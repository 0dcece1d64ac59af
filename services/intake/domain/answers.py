"""What the other services say of a ticket, and what the ledger makes of it.

The router proposes and the ledger disposes; the sla_monitor's escalations and the customer's ratings become facts of
the ticket. What comes too late or twice does nothing, and what the router must undo is told to it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

from schemas.feedback import RatingReceived, ReviewRequested, SurveyRequested, SurveySkipped
from schemas.parts import Actor
from schemas.routing_work import VOID, OfferWithdrawn
from schemas.ticket_assignments import (
    AssignmentMade,
    AssignmentOverflowed,
    AssignmentReleased,
    OverflowReason,
    ReleaseReason,
)
from schemas.ticket_events import ROUTING, SurveyOffered, SurveyWaived, TicketAssigned, TicketEscalated, TicketRated
from schemas.ticket_sla import EscalationRaised, TargetEvent
from schemas.vocabulary import ActorKind, Level, Role, Status
from services.intake.domain.commands import given_back, offered_anew, prioritised, reopened
from services.intake.domain.policy import LedgerPolicy
from services.intake.domain.story import Outcome, Story, tell_remnant
from services.intake.domain.ticket import HELD, OFFERED, OPEN, OVER, PAUSED, Moment, Remnant, State, Ticket

RESOLUTION: Final = "resolution"
"""The target whose due time orders the queue."""

OVERFLOWED: Final = {
    OverflowReason.WAITED: "nobody took it in time",
    OverflowReason.NOBODY_ABLE: "nobody of the pool is able to do it",
    OverflowReason.ALL_DECLINED: "all who are able to do it have declined",
}
RELEASED: Final = {
    ReleaseReason.OFFLINE: "technician offline",
    ReleaseReason.SHIFT_OVER: "shift over",
    ReleaseReason.OFF_ROSTER: "technician off the roster",
}

_MONITOR: Final = Actor.new(kind=ActorKind.SYSTEM, actor_id="sla_monitor")
_NEXT_LEVEL: Final = {Level.L1: Level.L2, Level.L2: Level.L3, Level.L3: Level.L3}


def assignment_made(
    state: State | None, answer: AssignmentMade, moment: Moment, policy: LedgerPolicy
) -> Outcome | None:
    """Accept the assignment of the current generation; any other is void and frees the load that it holds."""
    if not isinstance(state, Ticket) or answer.generation != state.generation or state.status not in OFFERED:
        void = OfferWithdrawn.new(
            ticket_id=moment.ticket_id, generation=answer.generation, pool=answer.pool, reason=VOID
        )
        return Outcome(None, work=(void,))
    if state.status is not Status.QUEUED:
        return None
    story = Story(state, moment, policy)
    of_pool = answer.accept_within_seconds
    seconds = policy.accept_within_seconds if of_pool is None else of_pool
    story.change(
        technician_id=answer.technician_id,
        wanted_technician_id=None,
        given_up=False,
        wakes_at=moment.decided_at + timedelta(seconds=seconds) if seconds > 0 else None,
        ever_assigned=True,
    )
    story.tell(
        TicketAssigned,
        Status.ASSIGNED,
        pool=answer.pool,
        technician_id=answer.technician_id,
        generation=answer.generation,
        by_hand=answer.by_hand,
    )
    return story.end()


def assignment_released(
    state: State | None, answer: AssignmentReleased, moment: Moment, policy: LedgerPolicy
) -> Outcome | None:
    """Offer a ticket anew whose technician is gone; it keeps its age.

    One that waits for the customer, or is on hold, waits for nobody of ours: it is offered anew when work goes on.
    """
    if not isinstance(state, Ticket) or answer.generation != state.generation or state.status not in HELD:
        return None
    if state.status in PAUSED:
        return None if state.given_up else Outcome(msgspec.structs.replace(state, given_up=True))
    story = Story(state, moment, policy)
    given_back(story, RELEASED[answer.reason])
    return story.end()


def assignment_overflowed(
    state: State | None, answer: AssignmentOverflowed, moment: Moment, policy: LedgerPolicy
) -> Outcome | None:
    """State that nobody took a ticket in time, or ever could, so that its pool's lead is told."""
    if not answer.alarm or not isinstance(state, Ticket) or moment.mark in state.recent:
        return None
    if answer.generation != state.generation or state.status not in OFFERED:
        return None
    story = Story(state, moment, policy)
    story.tell(
        TicketEscalated,
        state.status,
        target=ROUTING,
        cycle=state.cycle,
        step=answer.generation,
        role=Role.LEAD,
        level=state.level,
        reason=OVERFLOWED[answer.reason],
    )
    return story.end()


def target_due(state: State | None, answer: TargetEvent) -> Outcome | None:
    """Keep when the resolution is due, for the next offer; the current one is not made anew just for that."""
    if answer.target != RESOLUTION or not isinstance(state, Ticket) or state.status not in OPEN:
        return None
    if answer.cycle < state.cycle or answer.due_at == state.resolution_due_at:
        return None
    return Outcome(msgspec.structs.replace(state, resolution_due_at=answer.due_at))


def escalation_raised(
    state: State | None, answer: EscalationRaised, moment: Moment, policy: LedgerPolicy
) -> Outcome | None:
    """State the step; of an open ticket raise the support level by one, and the priority, where the step says so.

    Whoever works on the ticket keeps it; work that nobody has begun is offered anew to the higher level. A priority
    that was changed meanwhile is left alone: the step has decided by another.
    """
    if not isinstance(state, Ticket) or moment.mark in state.recent:
        return None
    is_open = state.status in OPEN
    level = _NEXT_LEVEL[state.level] if is_open and answer.raise_level else state.level
    story = Story(state, moment, policy)
    story.change(level=level)
    story.tell(
        TicketEscalated,
        state.status,
        target=answer.target,
        cycle=answer.cycle,
        step=answer.step,
        role=answer.role,
        others=answer.others,
        level=level,
        reason=answer.reason,
        repetition=answer.repetition,
        acknowledge_by=answer.acknowledge_by,
        plan=answer.plan,
        late=answer.late,
    )
    raised = answer.raise_priority
    more_urgent = is_open and raised is not None and raised != state.priority == answer.priority
    if raised is not None and more_urgent:
        prioritised(story, raised, _MONITOR, answer.reason)
    if level is not state.level and state.status in {Status.QUEUED, Status.ASSIGNED}:
        offered_anew(story, f"escalated to {level.value}")
    elif more_urgent and state.status is Status.QUEUED:
        offered_anew(story, "priority changed")
    return story.end()


def survey_requested(
    state: State | None, answer: SurveyRequested, moment: Moment, policy: LedgerPolicy
) -> Outcome | None:
    """State that the customer is asked for a rating."""
    if state is None or moment.mark in state.recent:
        return None
    fields = {"survey_id": answer.survey_id, "expires_at": answer.expires_at}
    if isinstance(state, Remnant):
        return tell_remnant(state, moment, policy, SurveyOffered, **fields)
    story = Story(state, moment, policy)
    story.tell(SurveyOffered, state.status, **fields)
    return story.end()


def survey_skipped(state: State | None, answer: SurveySkipped, moment: Moment, policy: LedgerPolicy) -> Outcome | None:
    """State that the customer is not asked."""
    if state is None or moment.mark in state.recent:
        return None
    if isinstance(state, Remnant):
        return tell_remnant(state, moment, policy, SurveyWaived, reason=answer.reason)
    story = Story(state, moment, policy)
    story.tell(SurveyWaived, state.status, reason=answer.reason)
    return story.end()


def rating_received(
    state: State | None, answer: RatingReceived, moment: Moment, policy: LedgerPolicy
) -> Outcome | None:
    """State the customer's rating."""
    if state is None or moment.mark in state.recent:
        return None
    fields = {"survey_id": answer.survey_id, "csat": answer.csat, "nps": answer.nps, "low": answer.low}
    if isinstance(state, Remnant):
        return tell_remnant(state, moment, policy, TicketRated, **fields)
    story = Story(state, moment, policy)
    story.tell(TicketRated, state.status, **fields)
    return story.end()


def review_requested(
    state: State | None, answer: ReviewRequested, moment: Moment, policy: LedgerPolicy
) -> Outcome | None:
    """Reopen where the review says so and the ticket is over but not for good."""
    if not answer.reopen or not isinstance(state, Ticket) or moment.mark in state.recent:
        return None
    if state.status not in OVER or answer.cycle != state.cycle:
        return None
    return reopened(Story(state, moment, policy), answer.reason)
