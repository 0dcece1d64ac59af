"""What each command does to a ticket, one function a command.

Each is called by `lifecycle` once status and actor are found legal. It tells the facts and ends the story, or returns
a `Refusal` where the command's own fields make it senseless.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from schemas.parts import Actor
from schemas.routing_work import DECLINED, NOT_ACCEPTED
from schemas.ticket_commands import (
    AcceptAssignment,
    AcknowledgeEscalation,
    AddCustomerMessage,
    AssignTicket,
    CancelTicket,
    ChangePolicy,
    ChangePriority,
    ChangeStatus,
    ConfirmResolution,
    DeclineAssignment,
    EscalateTicket,
    MergeTicket,
    ReleaseTicket,
    ReopenTicket,
    ReplyToCustomer,
    ResolveTicket,
    SubmitPlan,
    TransferTicket,
)
from schemas.ticket_events import (
    AgentReplied,
    CustomerReplied,
    EscalationAcknowledged,
    EscalationRequested,
    PlanSubmitted,
    PolicyChanged,
    PriorityChanged,
    StatusChanged,
    TicketAccepted,
    TicketCancelled,
    TicketClosed,
    TicketDeclined,
    TicketMerged,
    TicketReopened,
    TicketResolved,
    TicketTransferred,
)
from schemas.vocabulary import ActorKind, Status
from services.intake.domain.story import Outcome, Story
from services.intake.domain.ticket import DECLINES_REMEMBERED, OVER, PAUSED, Missed


class Refusal(str):
    """Why a command is not carried out, and what would be legal. At most 1,000 characters."""

    __slots__ = ()


TURNS: Final = {
    Status.IN_PROGRESS: (Status.PENDING, Status.ON_HOLD, Status.IN_REVIEW),
    Status.PENDING: (Status.IN_PROGRESS, Status.ON_HOLD),
    Status.ON_HOLD: (Status.IN_PROGRESS, Status.PENDING),
    Status.IN_REVIEW: (Status.IN_PROGRESS,),
}
"""Where `ChangeStatus` may lead from each status of a ticket that is worked on."""


def add_customer_message(story: Story, command: AddCustomerMessage) -> Outcome | Refusal:
    """Note the message. It wakes a pending ticket, and reopens one that is over (while it still may)."""
    status = story.ticket.status
    if (expired := _reopening_expired(story)) is not None:
        return expired
    story.tell(CustomerReplied, status, message_id=command.message_id, channel=command.channel, body=command.body)
    if status in OVER:
        return reopened(story, "the customer wrote again")
    if status is Status.PENDING:
        requester = Actor.new(kind=ActorKind.REQUESTER, actor_id=story.ticket.requester_id)
        story.tell(StatusChanged, Status.IN_PROGRESS, previous=status, actor=requester, reason="the customer replied")
        _going_on(story)
    return story.end()


def reply_to_customer(story: Story, command: ReplyToCustomer) -> Outcome | Refusal:
    """Note the answer; the status stays."""
    story.tell(AgentReplied, story.ticket.status, technician_id=command.actor.actor_id, body=command.body)
    return story.end()


def accept_assignment(story: Story, command: AcceptAssignment) -> Outcome | Refusal:
    """The assignee takes it on."""
    del command
    story.change(wakes_at=None)
    story.tell(TicketAccepted, Status.IN_PROGRESS, technician_id=story.ticket.technician_id)
    return story.end()


def decline_assignment(story: Story, command: DeclineAssignment) -> Outcome | Refusal:
    """The assignee gives it back: it goes to someone else and keeps its age."""
    technician_id = story.ticket.technician_id
    others = tuple(each for each in story.ticket.declined_by if each != technician_id)
    missed = tuple(each for each in story.ticket.missed if each.technician_id != technician_id)
    story.change(declined_by=(*others[1 - DECLINES_REMEMBERED :], technician_id), missed=missed)
    return _taken_back(story, command.reason, DECLINED)


def not_accepted(story: Story) -> Outcome:
    """The assignee let the time for accepting it pass: it goes to someone else, and may come back to them later."""
    technician_id = story.ticket.technician_id
    if technician_id is not None and technician_id not in story.ticket.declined_by:
        others = tuple(each for each in story.ticket.missed if each.technician_id != technician_id)
        missed = Missed(technician_id, story.moment.decided_at)
        story.change(missed=(*others[1 - DECLINES_REMEMBERED :], missed))
    return _taken_back(story, NOT_ACCEPTED, NOT_ACCEPTED)


def _taken_back(story: Story, reason: str, queued_because: str) -> Outcome:
    """Take the ticket from its assignee and offer it to the others."""
    story.tell(TicketDeclined, Status.CLASSIFIED, technician_id=story.ticket.technician_id, reason=reason)
    story.withdraw(queued_because)
    story.offer(queued_because)
    return story.end()


def assign_ticket(story: Story, command: AssignTicket) -> Outcome | Refusal:
    """Offer it anew with the technician named: the router gives it to nobody else."""
    ticket, actor = story.ticket, command.actor
    if actor.kind is ActorKind.TECHNICIAN and actor.actor_id != command.technician_id:
        return Refusal(
            "a technician may take a ticket over (name themselves) or decline it; giving it to someone else is a "
            "coordinator's"
        )
    if command.technician_id in {ticket.technician_id, ticket.wanted_technician_id}:
        return Refusal(f"the ticket is already {command.technician_id}'s; another technician would be legal")
    story.withdraw("assigned by hand")
    story.offer("assigned by hand", wanted_technician_id=command.technician_id)
    return story.end()


def change_status(story: Story, command: ChangeStatus) -> Outcome | Refusal:
    """Put work on pending, on hold, in review, or back in progress."""
    previous = story.ticket.status
    if command.status not in TURNS[previous]:
        legal = ", ".join(TURNS[previous])
        return Refusal(f"{previous.value} can't turn into {command.status.value}; legal now: {legal}")
    story.tell(StatusChanged, command.status, previous=previous, actor=command.actor, reason=command.reason)
    if command.actor.actor_id == story.ticket.technician_id:
        story.change(given_up=False)
    _going_on(story)
    return story.end()


def _going_on(story: Story) -> None:
    """Work goes on: by another, where the technician went while the ticket was paused."""
    if story.ticket.given_up and story.status not in PAUSED:
        given_back(story, "technician gone")


def given_back(story: Story, reason: str) -> None:
    """Take the ticket from whoever holds it and offer it anew, without a word against them."""
    story.withdraw(reason)
    story.change(given_up=False)
    story.offer(reason)


def release_ticket(story: Story, command: ReleaseTicket) -> Outcome | Refusal:
    """Whoever holds it gives it back, and may get it again."""
    del command
    given_back(story, "released")
    return story.end()


def transfer_ticket(story: Story, command: TransferTicket) -> Outcome | Refusal:
    """Another pool takes over: the old offer is withdrawn before the new one is made, under a generation of its own."""
    previous = story.ticket.pool
    if command.pool == previous:
        return Refusal(f"the ticket is with {previous} already; another pool would be legal")
    skills = tuple(command.skills)
    story.tell(
        TicketTransferred,
        Status.CLASSIFIED,
        previous_pool=previous,
        pool=command.pool,
        skills=list(skills),
        actor=command.actor,
        reason=command.reason,
    )
    story.withdraw("transferred")
    story.change(pool=command.pool, skills=skills, declined_by=(), missed=(), given_up=False)
    story.offer("transferred")
    return story.end()


def change_priority(story: Story, command: ChangePriority) -> Outcome | Refusal:
    """Put another priority in force; work that still waits is offered anew, to stand elsewhere in the queue."""
    ticket = story.ticket
    if command.priority == ticket.priority:
        return Refusal(f"the priority is {ticket.priority} already; another one would be legal")
    prioritised(story, command.priority, command.actor, command.reason)
    if ticket.status is Status.QUEUED:
        offered_anew(story, "priority changed")
    return story.end()


def prioritised(story: Story, priority: str, actor: Actor, reason: str) -> None:
    """State another priority; what that means for an offer is for the caller to say."""
    ticket = story.ticket
    story.change(priority=priority)
    story.tell(PriorityChanged, story.status, previous=ticket.priority, priority=priority, actor=actor, reason=reason)


def escalate_ticket(story: Story, command: EscalateTicket) -> Outcome | Refusal:
    """State that someone wants it escalated; whom that reaches is the SLA policy's to say."""
    story.tell(EscalationRequested, story.ticket.status, actor=command.actor, reason=command.reason)
    return story.end()


def acknowledge_escalation(story: Story, command: AcknowledgeEscalation) -> Outcome | Refusal:
    """State who answers for an escalation."""
    refusal = half_named(command)
    if refusal is not None:
        return refusal
    story.tell(EscalationAcknowledged, story.ticket.status, **acknowledged(command))
    return story.end()


def half_named(command: AcknowledgeEscalation) -> Refusal | None:
    """Why an acknowledgement can't be understood, None where it can."""
    if (command.target is None) != (command.cycle is None):
        return Refusal("a target and its cycle go together; both or neither would be legal")
    return None


def acknowledged(command: AcknowledgeEscalation) -> dict[str, Any]:
    """What is stated of an acknowledgement."""
    return {"actor": command.actor, "target": command.target, "cycle": command.cycle}


def submit_plan(story: Story, command: SubmitPlan) -> Outcome | Refusal:
    """State how it is going to be handled."""
    if not command.plan.strip():
        return Refusal("the plan says nothing; one with words would be legal")
    story.tell(PlanSubmitted, story.ticket.status, actor=command.actor, plan=command.plan)
    return story.end()


def change_policy(story: Story, command: ChangePolicy) -> Outcome | Refusal:
    """State by which SLA policy it goes from here on."""
    story.tell(
        PolicyChanged,
        story.ticket.status,
        policy_id=command.policy_id,
        policy_version=command.policy_version,
        actor=command.actor,
        reason=command.reason,
    )
    return story.end()


def offered_anew(story: Story, reason: str) -> None:
    """Replace the current offer by one with the ticket's fields as they are now, and with the technician wanted."""
    story.withdraw(reason)
    story.offer(reason, story.ticket.wanted_technician_id)


def resolve_ticket(story: Story, command: ResolveTicket) -> Outcome | Refusal:
    """The solution is in place; the customer has a while to object."""
    moment = story.moment
    closes_at = moment.decided_at + timedelta(seconds=story.policy.close_after_seconds)
    story.tell(
        TicketResolved,
        Status.RESOLVED,
        technician_id=story.ticket.technician_id,
        solution=command.solution,
        closes_at=closes_at,
    )
    story.withdraw("resolved")
    story.change(resolved_at=moment.occurred_at, wakes_at=closes_at)
    return story.end()


def confirm_resolution(story: Story, command: ConfirmResolution) -> Outcome | Refusal:
    """The customer agrees: it closes at once."""
    return closed(story, "confirmed by the customer" if command.actor.kind is ActorKind.REQUESTER else "confirmed")


def closed(story: Story, reason: str) -> Outcome:
    """Close the ticket; it can be reopened for a while, for which little of it is needed."""
    moment = story.moment
    story.tell(TicketClosed, Status.CLOSED, reason=reason)
    story.change(
        closed_at=moment.occurred_at,
        wakes_at=moment.decided_at + timedelta(seconds=story.policy.reopen_within_seconds),
        declined_by=(),
        missed=(),
        resolution_due_at=None,
    )
    return story.end()


def reopen_ticket(story: Story, command: ReopenTicket) -> Outcome | Refusal:
    """It was not solved after all."""
    return _reopening_expired(story) or reopened(story, command.reason)


def reopened(story: Story, reason: str) -> Outcome:
    """Begin the next cycle, at best with the technician of the last; the age counts from the first opening."""
    ticket = story.ticket
    story.change(
        given_up=False,
        cycle=ticket.cycle + 1,
        last_technician_id=ticket.technician_id or ticket.last_technician_id,
        technician_id=None,
        declined_by=(),
        missed=(),
        resolution_due_at=None,
        resolved_at=None,
        closed_at=None,
    )
    story.tell(TicketReopened, Status.CLASSIFIED, reason=reason, cycle=ticket.cycle + 1)
    story.offer("reopened")
    return story.end()


def cancel_ticket(story: Story, command: CancelTicket) -> Outcome | Refusal:
    """The request is withdrawn."""
    story.tell(TicketCancelled, Status.CANCELLED, reason=command.reason)
    story.withdraw("cancelled")
    story.change(closed_at=story.moment.occurred_at)
    return story.end()


def merge_ticket(story: Story, command: MergeTicket) -> Outcome | Refusal:
    """It ends here; the other ticket goes on."""
    if command.into_ticket_id == story.ticket.ticket_id:
        return Refusal("a ticket can't be merged into itself; another ticket's id would be legal")
    story.tell(TicketMerged, Status.MERGED, into_ticket_id=command.into_ticket_id)
    story.withdraw("merged")
    story.change(closed_at=story.moment.occurred_at)
    return story.end(into_ticket_id=command.into_ticket_id)


def _reopening_expired(story: Story) -> Refusal | None:
    """Why a closed ticket may no longer be reopened. It goes by when the customer acted, not by when we decide."""
    ticket = story.ticket
    if ticket.status is not Status.CLOSED or ticket.wakes_at is None or story.moment.occurred_at <= ticket.wakes_at:
        return None
    return Refusal(f"the ticket could be reopened until {ticket.wakes_at.isoformat()}; OpenTicket is legal, a new one")
