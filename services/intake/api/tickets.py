"""Which ticket a caller may see: what commands and queries share."""

from typing import Annotated, Final

from fastapi import Path

from schemas.ids import find_ticket_id
from services._runtime.web.problems import Problem
from services._runtime.web.tokens import Principal
from services.intake.api.access import is_only_requester
from services.intake.api.ports import Views
from services.intake.domain.views import TicketView

TicketIdInPath = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9-]{3,64}$", description="As in `T-8ZKD-3M0Q-V7XA-2HRC`; letters in any case.")
]
_NOT_FOUND: Final = "There is no such ticket, or it is not yours. One that was accepted a moment ago appears shortly."


async def visible_ticket(views: Views, principal: Principal, ticket_id: str) -> TicketView:
    """The ticket, if it is of the caller's tenant and, for a customer's person, their own.

    Raises:
        Problem: 404, in the same words whether it does not exist or is not theirs to see.
        Unavailable: nobody can say now.
    """
    ticket = await views.find(principal.tenant, find_ticket_id(ticket_id) or ticket_id)
    if ticket is None or (is_only_requester(principal) and ticket.requester_id != principal.subject):
        raise Problem(404, "ticket-not-found", _NOT_FOUND)
    return ticket
