"""What coordinators do on the board: give a ticket to someone, back to the queue or to another pool, by commands."""

from __future__ import annotations

import secrets
from typing import Annotated, Final, NamedTuple

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel

from schemas.contract import Contract
from schemas.ticket_commands import AssignTicket, ReleaseTicket, TransferTicket
from schemas.vocabulary import Line, Name, TicketId
from services._runtime.clock import Clock
from services._runtime.kafka.producer import EventProducer
from services._runtime.metrics import ROUTER_BOARD_COMMANDS
from services._runtime.web.access import COORDINATOR, actor_of
from services._runtime.web.closed_json import AsJson, Body
from services._runtime.web.commanding import command_records
from services._runtime.web.door import Door
from services._runtime.web.edge import traceparent_of
from services._runtime.web.problems import Problem
from services._runtime.web.tokens import Principal
from services.router.api.ports import PoolViews

SOURCE: Final = "/aftercare/router/board"
BOARD_HEADER: Final = "x-aftercare-board"
"""Sent by the board's script. Another site's form can't send it, and its script would have to ask first."""


class AssignBody(Body):
    """Who is to have which ticket of a pool."""

    pool: Name
    ticket_id: TicketId
    technician_id: Name


class ReleaseBody(Body):
    """Which ticket goes back to the queue of its pool, and why."""

    pool: Name
    ticket_id: TicketId
    reason: Line = "given back by the coordinator"


class TransferBody(Body):
    """Which ticket goes to which other pool, and why. The skills that it needed here are not asked for there."""

    pool: Name
    ticket_id: TicketId
    to_pool: Name
    reason: Line = "moved by the coordinator"


class Asked(BaseModel):
    """The command is safe; the ticket's ledger carries it out or refuses it, which its events tell."""

    command_id: str
    ticket_id: str


class _Caller(NamedTuple):
    principal: Principal
    traceparent: str


class Assigning:
    """Checks what is asked against the view, and writes it."""

    def __init__(self, views: PoolViews, producer: EventProducer, clock: Clock) -> None:
        self._views = views
        self._producer = producer
        self._clock = clock

    async def assign(self, caller: _Caller, body: AssignBody) -> Asked:
        """Ask the ledger to give the ticket to the technician, whatever the rules say.

        Raises:
            Problem: 404 for a ticket that is not on the board, 422 for someone who is not on the pool's roster.
            Unavailable: nothing was written, or nobody can say.
        """
        await self._check_ticket(caller, body.pool, body.ticket_id)
        if await self._views.technician(body.pool, body.technician_id) is None:
            raise Problem(
                422,
                "not-on-roster",
                f"{body.technician_id!r} is not on the roster of pool {body.pool!r}; choose someone who is.",
            )
        data = AssignTicket.new(
            ticket_id=body.ticket_id, actor=actor_of(caller.principal), technician_id=body.technician_id
        )
        return await self._write(caller, "assign", body.ticket_id, data)

    async def release(self, caller: _Caller, body: ReleaseBody) -> Asked:
        """Ask the ledger to take the ticket from its holder and offer it anew, its age kept; raises as `assign`."""
        await self._check_ticket(caller, body.pool, body.ticket_id)
        data = ReleaseTicket.new(ticket_id=body.ticket_id, actor=actor_of(caller.principal), reason=body.reason)
        return await self._write(caller, "release", body.ticket_id, data)

    async def transfer(self, caller: _Caller, body: TransferBody) -> Asked:
        """Ask the ledger to withdraw the ticket here and to offer it to another pool, its age kept.

        Raises:
            Problem: 404 for a ticket that is not on the board, 422 for a pool that is none or the ticket's own.
            Unavailable: as `assign`.
        """
        await self._check_ticket(caller, body.pool, body.ticket_id)
        if body.to_pool == body.pool or not await self._views.has_pool(body.to_pool):
            raise Problem(
                422,
                "no-other-pool",
                f"{body.to_pool!r} is no pool other than {body.pool!r}; choose one that is on the board.",
            )
        data = TransferTicket.new(
            ticket_id=body.ticket_id, actor=actor_of(caller.principal), pool=body.to_pool, reason=body.reason
        )
        return await self._write(caller, "transfer", body.ticket_id, data)

    async def _check_ticket(self, caller: _Caller, pool: str, ticket_id: str) -> None:
        if await self._views.offer(caller.principal.tenant, pool, ticket_id) is None:
            raise Problem(
                404,
                "ticket-not-on-board",
                f"Ticket {ticket_id!r} neither waits in pool {pool!r} nor is held there. Look at the board again.",
            )

    async def _write(self, caller: _Caller, action: str, ticket_id: str, data: Contract) -> Asked:
        command_id, records = command_records(
            caller.principal,
            source=SOURCE,
            action=action,
            ticket_id=ticket_id,
            data=data,
            key=secrets.token_hex(16),
            at=self._clock.now(),
            traceparent=caller.traceparent,
        )
        await self._producer.send_all(records)
        ROUTER_BOARD_COMMANDS.labels(action).inc()
        return Asked(command_id=command_id, ticket_id=ticket_id)


def add_assigning(router: APIRouter, door: Door, assigning: Assigning) -> None:
    """Add the actions. The cookie is sent to this site only, and the header keeps out what other pages could do."""

    def caller_of(request: Request, marked: str | None) -> _Caller:
        principal = door.visitor(request)
        if principal is None:
            raise Problem(401, "unauthenticated", "Sign in to the board again.")
        if COORDINATOR not in principal.roles:
            raise Problem(403, "forbidden", "Only coordinators assign by hand; technicians accept or decline.")
        if marked is None:
            raise Problem(403, "not-from-the-board", f"Send the header {BOARD_HEADER} with any value.")
        return _Caller(principal, traceparent_of(request))

    @router.post("/board/assign", status_code=202)
    async def assign(
        request: Request,
        body: Annotated[AssignBody, AsJson()],
        marked: Annotated[str | None, Header(alias=BOARD_HEADER)] = None,
    ) -> Asked:
        return await assigning.assign(caller_of(request, marked), body)

    @router.post("/board/release", status_code=202)
    async def release(
        request: Request,
        body: Annotated[ReleaseBody, AsJson()],
        marked: Annotated[str | None, Header(alias=BOARD_HEADER)] = None,
    ) -> Asked:
        return await assigning.release(caller_of(request, marked), body)

    @router.post("/board/transfer", status_code=202)
    async def transfer(
        request: Request,
        body: Annotated[TransferBody, AsJson()],
        marked: Annotated[str | None, Header(alias=BOARD_HEADER)] = None,
    ) -> Asked:
        return await assigning.transfer(caller_of(request, marked), body)
