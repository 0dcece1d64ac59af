"""Tickets as the read model shows them: one, its events, a technician's, those in a status, and counts."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query

from schemas.vocabulary import Status
from services._runtime.web.access import COORDINATOR, STAFF, SYSTEM
from services._runtime.web.problems import Problem
from services._runtime.web.tokens import Principal
from services.intake.api.access import EVERYONE, Gatekeeper
from services.intake.api.ports import Views
from services.intake.api.tickets import TicketIdInPath, visible_ticket
from services.intake.domain.views import Stats, TicketPage, TicketView, TimelineEntry

PAGE_TICKETS: Final = 50
PAGE_TICKETS_MAX: Final = 200
EVENTS_MAX: Final = 500

_Limit = Annotated[int, Query(ge=1, le=PAGE_TICKETS_MAX, description="Tickets at most.")]
_Cursor = Annotated[
    str | None, Query(max_length=128, description="`next` of the page before; without it the first page.")
]


def queries_router(gatekeeper: Gatekeeper, views: Views) -> APIRouter:
    """The routes, with what they read."""
    router = APIRouter(tags=["queries"])
    _add_ticket_queries(router, gatekeeper, views)
    _add_lists(router, gatekeeper, views)
    return router


def _add_ticket_queries(router: APIRouter, gatekeeper: Gatekeeper, views: Views) -> None:
    everyone = gatekeeper.admit(*EVERYONE)

    @router.get("/v1/tickets/{ticket_id}", summary="A ticket as it stands")
    async def ticket(ticket_id: TicketIdInPath, principal: Annotated[Principal, Depends(everyone)]) -> TicketView:
        """Customers' people see their own tickets only."""
        return await visible_ticket(views, principal, ticket_id)

    @router.get("/v1/tickets/{ticket_id}/events", summary="What happened to a ticket")
    async def ticket_events(
        ticket_id: TicketIdInPath,
        principal: Annotated[Principal, Depends(everyone)],
        after: Annotated[int, Query(ge=0, description="Only events with a higher sequence.")] = 0,
        limit: Annotated[int, Query(ge=1, le=EVENTS_MAX)] = EVENTS_MAX,
    ) -> list[TimelineEntry]:
        """Oldest first; of very long lives only the latest events are kept."""
        known = await visible_ticket(views, principal, ticket_id)
        return await views.timeline(principal.tenant, known.ticket_id, after=after, limit=limit)


def _add_lists(router: APIRouter, gatekeeper: Gatekeeper, views: Views) -> None:
    staff = gatekeeper.admit(*STAFF)

    @router.get("/v1/technicians/{technician_id}/tickets", summary="What a technician has in work")
    async def technician_tickets(
        technician_id: Annotated[str, Path(min_length=1, max_length=128)],
        principal: Annotated[Principal, Depends(staff)],
        limit: _Limit = PAGE_TICKETS_MAX,
    ) -> TicketPage:
        """Assigned, in progress, pending, on hold or in review; oldest first. Technicians see their own."""
        if principal.subject != technician_id and principal.roles.isdisjoint((COORDINATOR, SYSTEM)):
            raise Problem(403, "not-yourself", "Technicians see their own tickets; coordinators see everyone's.")
        return await views.held_by(principal.tenant, technician_id, limit=limit)

    @router.get("/v1/tickets", summary="Tickets in a status, a page at a time")
    async def tickets(
        status: Annotated[Status, Query(description="Where they stand.")],
        principal: Annotated[Principal, Depends(staff)],
        limit: _Limit = PAGE_TICKETS,
        cursor: _Cursor = None,
    ) -> TicketPage:
        """Newest first, by opening; of ended tickets only the newest some thousand."""
        try:
            return await views.in_status(principal.tenant, status.value, limit=limit, cursor=cursor)
        except ValueError as error:
            raise Problem(422, "cursor", "`cursor` must be the `next` of an earlier page.") from error

    @router.get("/v1/stats", summary="Counts by status, channel and type of event")
    async def stats(principal: Annotated[Principal, Depends(staff)]) -> Stats:
        """Of the whole tenant, since the topics' beginning."""
        return await views.stats(principal.tenant)
