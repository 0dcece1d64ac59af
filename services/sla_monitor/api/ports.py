"""What the HTTP edge needs of the rest of the monitor; `app` gives it the adapters."""

from __future__ import annotations

from typing import Protocol

from services.sla_monitor.domain.board import Board
from services.sla_monitor.domain.calendar import AnyCalendar
from services.sla_monitor.domain.policy import Policy
from services.sla_monitor.state import Kept, TicketClocks


class Clocks(Protocol):
    """The clocks as the view shows them; every method raises `Unavailable`."""

    async def state(self, tenant: str, ticket_id: str) -> TicketClocks | None:
        """The last committed state of a ticket's clocks, None where there is none."""
        ...

    async def board(self, tenant: str, pool: str | None, now_us: int, rows_max: int) -> Board:
        """The board at `now_us`, of one pool or of all."""
        ...


class Rules(Protocol):
    """Knows what tickets are judged by. Answers without I/O, and never fails."""

    def of(self, kept: Kept) -> tuple[Policy, AnyCalendar]:
        """The policy and the calendars of a ticket."""
        ...
