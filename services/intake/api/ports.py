"""What the HTTP edge needs of the rest of intake; `app` gives it the adapters."""

from __future__ import annotations

from typing import Protocol

from schemas.directory import CustomerDefined
from services.intake.domain.arrival import Arrival
from services.intake.domain.views import Stats, TicketPage, TicketView, TimelineEntry


class Requests(Protocol):
    """Takes in what customers send."""

    async def accept(self, arrival: Arrival) -> str:
        """The ticket that the arrival opens or joins, once Kafka has it; raises `Unavailable`."""
        ...


class Customers(Protocol):
    """Knows the customers."""

    def customer_of(self, email: str | None) -> CustomerDefined | None:
        """The customer that an e-mail address belongs to."""
        ...


class Views(Protocol):
    """Tickets as the read model shows them; every method raises `Unavailable`."""

    async def find(self, tenant: str, ticket_id: str) -> TicketView | None:
        """The ticket, or None where there is none."""
        ...

    async def timeline(self, tenant: str, ticket_id: str, *, after: int, limit: int) -> list[TimelineEntry]:
        """Events of a ticket above a sequence, oldest first."""
        ...

    async def sequence(self, tenant: str, ticket_id: str) -> int:
        """The sequence of a ticket's last event, 0 where there is none yet."""
        ...

    async def held_by(self, tenant: str, technician_id: str, *, limit: int) -> TicketPage:
        """A technician's tickets in work, oldest first."""
        ...

    async def in_status(self, tenant: str, status: str, *, limit: int, cursor: str | None) -> TicketPage:
        """Tickets in a status, newest first; raises ValueError for a cursor that is not ours."""
        ...

    async def stats(self, tenant: str) -> Stats:
        """Counts of a tenant."""
        ...
