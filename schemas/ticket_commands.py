"""`ticket.commands`: what someone outside wants done to a ticket. Key: ticket id.

Writers: the normaliser, and the API for agents and other systems; services write none. The envelope's `id` is the
command's id: the ledger carries out each id once and answers an illegal command with `CommandRefused`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.contract import Contract, Personal
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


class OpenTicket(Contract, type_name="aftercare.command.open_ticket.v1"):
    """Begin a ticket, already classified by the normaliser; a second one for the same id changes nothing."""

    ticket_id: TicketId
    channel: Channel
    external_id: Annotated[str, Field(min_length=1, max_length=512)]
    conversation: Annotated[str, Field(min_length=1, max_length=512)]
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
    category: Category
    priority: Priority
    priority_reason: Line
    pool: Name
    skills: list[Name] = []
    level: Level = Level.L1
    missing_fields: list[Name] = []


class AddCustomerMessage(Contract, type_name="aftercare.command.add_customer_message.v1"):
    """A further message of the customer; on a resolved ticket it reopens."""

    ticket_id: TicketId
    message_id: Annotated[str, Field(min_length=1, max_length=512)]
    channel: Channel
    body: Annotated[Text, Personal]


class ReplyToCustomer(Contract, type_name="aftercare.command.reply_to_customer.v1"):
    """An answer that the customer is to get."""

    ticket_id: TicketId
    actor: Actor
    body: Annotated[Text, Personal]


class AcceptAssignment(Contract, type_name="aftercare.command.accept_assignment.v1"):
    """The technician takes the ticket on; only the current assignee may."""

    ticket_id: TicketId
    actor: Actor


class DeclineAssignment(Contract, type_name="aftercare.command.decline_assignment.v1"):
    """The assignee gives the ticket back; it keeps its age and goes to someone else."""

    ticket_id: TicketId
    actor: Actor
    reason: Line


class AssignTicket(Contract, type_name="aftercare.command.assign_ticket.v1"):
    """A coordinator names the technician; wins over every rule of the router."""

    ticket_id: TicketId
    actor: Actor
    technician_id: Name


class ReleaseTicket(Contract, type_name="aftercare.command.release_ticket.v1"):
    """Give the ticket back to the queue with its age; unlike a decline it says nothing against who held it."""

    ticket_id: TicketId
    actor: Actor
    reason: Line


class TransferTicket(Contract, type_name="aftercare.command.transfer_ticket.v1"):
    """Move the ticket to another pool, with the skills that it needs there; whoever holds it gives it up."""

    ticket_id: TicketId
    actor: Actor
    pool: Name
    skills: list[Name] = []
    reason: Line


class ChangeStatus(Contract, type_name="aftercare.command.change_status.v1"):
    """Put a ticket in work on pending, on hold, in review, or back in progress."""

    ticket_id: TicketId
    actor: Actor
    status: Status
    reason: Line | None = None


class ChangePriority(Contract, type_name="aftercare.command.change_priority.v1"):
    """Raise or lower the priority; running targets are re-targeted from their original start."""

    ticket_id: TicketId
    actor: Actor
    priority: Priority
    reason: Line


class EscalateTicket(Contract, type_name="aftercare.command.escalate_ticket.v1"):
    """Escalate by hand: a level can't solve it, or the customer is dissatisfied."""

    ticket_id: TicketId
    actor: Actor
    reason: Line


class AcknowledgeEscalation(Contract, type_name="aftercare.command.acknowledge_escalation.v1"):
    """Answer for the escalation of one target's cycle, or of all that run (`target` null)."""

    ticket_id: TicketId
    actor: Actor
    target: Name | None = None
    cycle: Sequence | None = None


class SubmitPlan(Contract, type_name="aftercare.command.submit_plan.v1"):
    """Say how the ticket is going to be handled."""

    ticket_id: TicketId
    actor: Actor
    plan: Annotated[Text, Personal]


class ChangePolicy(Contract, type_name="aftercare.command.change_policy.v1"):
    """Move the ticket to a version of an SLA policy; otherwise it keeps the one that it began with."""

    ticket_id: TicketId
    actor: Actor
    policy_id: Name
    policy_version: Sequence
    reason: Line


class ResolveTicket(Contract, type_name="aftercare.command.resolve_ticket.v1"):
    """The solution is in place."""

    ticket_id: TicketId
    actor: Actor
    solution: Annotated[Text, Personal]


class ConfirmResolution(Contract, type_name="aftercare.command.confirm_resolution.v1"):
    """The customer agrees that it is solved: the ticket closes."""

    ticket_id: TicketId
    actor: Actor


class ReopenTicket(Contract, type_name="aftercare.command.reopen_ticket.v1"):
    """It was not solved after all."""

    ticket_id: TicketId
    actor: Actor
    reason: Line


class CancelTicket(Contract, type_name="aftercare.command.cancel_ticket.v1"):
    """The request is withdrawn."""

    ticket_id: TicketId
    actor: Actor
    reason: Line


class MergeTicket(Contract, type_name="aftercare.command.merge_ticket.v1"):
    """This ticket is the same matter as another and ends there."""

    ticket_id: TicketId
    actor: Actor
    into_ticket_id: TicketId
