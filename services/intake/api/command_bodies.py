"""What the commands take besides the ticket and the caller."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from schemas.vocabulary import Name, Priority, Sequence, Status
from services._runtime.web.closed_json import Body

BULK_TICKETS_MAX: Final = 200
"""So many tickets in one call: their commands and audit records are written together, within the producer's bound."""

_Reason = Annotated[str, Field(min_length=1, max_length=500)]
_TicketId = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{3,64}$")]
_Prose = Annotated[str, Field(min_length=1, max_length=50_000)]


class ReasonBody(Body):
    """Why."""

    reason: _Reason


class ReplyBody(Body):
    """What the customer is to be answered."""

    body: _Prose


class SolutionBody(Body):
    """What solved it, as the customer is told."""

    solution: _Prose


class StatusBody(Body):
    """Where work on the ticket stands now."""

    status: Literal[Status.IN_PROGRESS, Status.PENDING, Status.ON_HOLD, Status.IN_REVIEW]
    reason: _Reason | None = None


class PriorityBody(Body):
    """The priority in force from now on."""

    priority: Priority
    reason: _Reason


class EscalationBody(Body):
    """Which escalation is answered for: that of one target's cycle, or, with neither, all that run."""

    target: Name | None = None
    cycle: Sequence | None = None


class PlanBody(Body):
    """How the ticket is going to be handled."""

    plan: _Prose


class PolicyBody(Body):
    """The version of an SLA policy that the ticket goes by from now on."""

    policy_id: Name
    policy_version: Sequence
    reason: _Reason


class AssignBody(Body):
    """Whose ticket it is to be."""

    technician_id: Name


class TransferBody(Body):
    """The pool that takes over, and the skills that are needed there."""

    pool: Name
    skills: list[Name] = Field(default_factory=list, max_length=100)
    reason: _Reason


class MergeBody(Body):
    """The ticket that goes on instead."""

    into_ticket_id: _TicketId


class TicketsBody(Body):
    """Which tickets are meant."""

    ticket_ids: Annotated[list[_TicketId], Field(min_length=1, max_length=BULK_TICKETS_MAX)]


class CommandAccepted(BaseModel):
    """The command is safe and will be carried out or refused by the ticket's ledger, in the ticket's order.

    Either shows in the ticket's events, with `cause` (for a refusal also its reason) naming `command_id`.
    """

    command_id: str
    ticket_id: str
    events_url: str
