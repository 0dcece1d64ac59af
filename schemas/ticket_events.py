"""`ticket.events`: the life of the ticket. Key: ticket id. Writer: the intake ledger, nobody else.

`sequence` runs 1, 2, 3 … without holes for each ticket, and the envelope's `id` is `<ticket id>:<sequence>`. Every
event carries the `status` after it, what caused it (`cause`, the id of a command or event), and when and from which
input position it was decided, so that the decision can be replayed.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from schemas.contract import Contract, Instant, Personal
from schemas.parts import Actor, Requester
from schemas.vocabulary import (
    Category,
    Channel,
    Impact,
    Level,
    Line,
    Name,
    Priority,
    Sequence,
    Status,
    Text,
    TicketId,
    Urgency,
)

ROUTING: Final = "routing"
"""What a `TicketEscalated` names as its target that no clock raised, but the router: nobody took the ticket. Its steps
are the ticket's offers. It is between our own people; the customer hears of clocks alone."""

Score = Annotated[int, Field(ge=0, le=10)]


class TicketEvent(Contract):
    """What every event of a ticket states."""

    ticket_id: TicketId
    sequence: Sequence
    status: Status
    cause: Line
    decided_at: Instant
    position: Line


class TicketOpened(TicketEvent, type_name="aftercare.ticket.opened.v1"):
    """A ticket exists."""

    channel: Channel
    external_id: Line
    conversation: Line
    requester: Requester
    subject: Annotated[Line, Personal]
    body: Annotated[Text, Personal]
    issue_type: Name | None = None
    product: Name | None = None
    version: Name | None = None
    users_affected_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    steps_to_reproduce: Annotated[Text | None, Personal] = None
    screenshot_url: Line | None = None
    impact: Impact
    urgency: Urgency
    priority: Priority
    pool: Name | None = None
    missing_fields: list[Name] = []


class TicketClassified(TicketEvent, type_name="aftercare.ticket.classified.v1"):
    """What kind of work it is, how urgent, and for whom."""

    category: Category
    priority: Priority
    priority_reason: Line
    pool: Name
    skills: list[Name]
    level: Level


class TicketQueued(TicketEvent, type_name="aftercare.ticket.queued.v1"):
    """Offered to the pool's router under `generation`."""

    pool: Name
    priority: Priority
    generation: Sequence
    reason: Line


class TicketAssigned(TicketEvent, type_name="aftercare.ticket.assigned.v1"):
    """The ledger accepted the router's assignment of the current generation."""

    pool: Name
    technician_id: Name
    generation: Sequence
    by_hand: bool = False


class TicketAccepted(TicketEvent, type_name="aftercare.ticket.accepted.v1"):
    """The assignee works on it."""

    technician_id: Name


class TicketDeclined(TicketEvent, type_name="aftercare.ticket.declined.v1"):
    """The assignee gave it back."""

    technician_id: Name
    reason: Line


class TicketTransferred(TicketEvent, type_name="aftercare.ticket.transferred.v1"):
    """Another pool takes over, with the skills that are needed there; the ticket keeps its age."""

    previous_pool: Name
    pool: Name
    skills: list[Name]
    actor: Actor
    reason: Line


class CustomerReplied(TicketEvent, type_name="aftercare.ticket.customer_replied.v1"):
    """A further message of the customer."""

    message_id: Line
    channel: Channel
    body: Annotated[Text, Personal]


class AgentReplied(TicketEvent, type_name="aftercare.ticket.agent_replied.v1"):
    """An answer to the customer."""

    technician_id: Name
    body: Annotated[Text, Personal]


class StatusChanged(TicketEvent, type_name="aftercare.ticket.status_changed.v1"):
    """Pending, on hold, in review, or back in progress."""

    previous: Status
    actor: Actor
    reason: Line | None = None


class PriorityChanged(TicketEvent, type_name="aftercare.ticket.priority_changed.v1"):
    """The priority in force is another."""

    previous: Priority
    priority: Priority
    actor: Actor
    reason: Line


class TicketEscalated(TicketEvent, type_name="aftercare.ticket.escalated.v1"):
    """A step of an escalation ladder reached the ticket. Fields are those of `EscalationRaised`."""

    target: Name
    cycle: Sequence
    step: Sequence
    role: Name
    others: list[Name] = []
    level: Level
    reason: Line
    repetition: Annotated[int, Field(ge=0)] = 0
    acknowledge_by: Instant | None = None
    plan: bool = False
    late: bool = False


class EscalationRequested(TicketEvent, type_name="aftercare.ticket.escalation_requested.v1"):
    """Someone wants the ticket escalated by hand; the policy says what follows."""

    actor: Actor
    reason: Line


class EscalationAcknowledged(TicketEvent, type_name="aftercare.ticket.escalation_acknowledged.v1"):
    """Someone answers for the escalation of one target's cycle, or of all that run (`target` null)."""

    actor: Actor
    target: Name | None = None
    cycle: Sequence | None = None


class PlanSubmitted(TicketEvent, type_name="aftercare.ticket.plan_submitted.v1"):
    """How the ticket is going to be handled, as an escalation or an emergency asks for it."""

    actor: Actor
    plan: Annotated[Text, Personal]


class PolicyChanged(TicketEvent, type_name="aftercare.ticket.policy_changed.v1"):
    """The ticket goes by this version of an SLA policy from here on; running targets are re-targeted."""

    policy_id: Name
    policy_version: Sequence
    actor: Actor
    reason: Line


class TicketResolved(TicketEvent, type_name="aftercare.ticket.resolved.v1"):
    """The solution is in place; the customer is told and may confirm or reopen."""

    technician_id: Name
    solution: Annotated[Text, Personal]
    closes_at: Instant


class TicketClosed(TicketEvent, type_name="aftercare.ticket.closed.v1"):
    """Done: confirmed by the customer, or the time to object has passed."""

    reason: Line


class TicketReopened(TicketEvent, type_name="aftercare.ticket.reopened.v1"):
    """Not solved after all; a new resolution cycle begins."""

    reason: Line
    cycle: Sequence


class TicketCancelled(TicketEvent, type_name="aftercare.ticket.cancelled.v1"):
    """Withdrawn."""

    reason: Line


class TicketMerged(TicketEvent, type_name="aftercare.ticket.merged.v1"):
    """Ended in another ticket."""

    into_ticket_id: TicketId


class SurveyOffered(TicketEvent, type_name="aftercare.ticket.survey_offered.v1"):
    """The customer is asked for a rating until `expires_at`."""

    survey_id: Name
    expires_at: Instant


class SurveyWaived(TicketEvent, type_name="aftercare.ticket.survey_waived.v1"):
    """The customer is not asked for a rating, and why."""

    reason: Line


class TicketRated(TicketEvent, type_name="aftercare.ticket.rated.v1"):
    """The customer's rating: CSAT 1 to 5, NPS 0 to 10, whichever was asked; `low`: the customer is dissatisfied."""

    survey_id: Name
    csat: Annotated[int, Field(ge=1, le=5)] | None = None
    nps: Score | None = None
    low: bool = False


class CommandRefused(TicketEvent, type_name="aftercare.ticket.command_refused.v1"):
    """A command that the ticket's state doesn't allow, and why; nothing else changed."""

    command: Line
    command_id: Line
    reason: Line
