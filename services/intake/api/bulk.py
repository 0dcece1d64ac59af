"""`POST /v1/bulk/…`: the same command on many tickets, with an outcome for each.

Each ticket has a ledger of its own, which carries its command out or refuses it; what a bulk has in common is the call:
its caller, its key, its moment. What is set free comes to the routers as offers one by one, and they spread it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from schemas.contract import Contract
from schemas.ticket_commands import AssignTicket, ChangeStatus, ReleaseTicket, TransferTicket
from schemas.vocabulary import Name, Status
from services._runtime.clock import Clock
from services._runtime.kafka.producer import EventProducer, Outgoing
from services._runtime.web.access import COORDINATOR, SYSTEM, TECHNICIAN, actor_of
from services._runtime.web.audited import audit_record
from services._runtime.web.closed_json import AsJson
from services._runtime.web.commanding import command_records
from services._runtime.web.edge import traceparent_of
from services._runtime.web.problems import Problem
from services._runtime.web.tokens import Principal
from services.intake.api.access import Gatekeeper
from services.intake.api.command_bodies import AssignBody, ReasonBody, TicketsBody, TransferBody
from services.intake.api.commands import SOURCE
from services.intake.api.idempotency import IdempotencyKey, IdempotencyStore
from services.intake.api.ports import Views
from services.intake.api.tickets import visible_ticket

LOOKED_UP_AT_ONCE: Final = 16
"""So many tickets are asked for together, so that one bulk leaves connections to the read model to others."""

CommandOn = Callable[[str], Contract]
"""The command for one ticket, given the ticket's id."""


class AssignMany(TicketsBody, AssignBody):
    """Which tickets are to be whose."""


class ManyWithReason(TicketsBody, ReasonBody):
    """Which tickets, and why."""


class TransferMany(TicketsBody, TransferBody):
    """Which tickets another pool takes over."""


class BulkOutcome(BaseModel):
    """What became of one ticket's command.

    `accepted`: it is safe, and the ticket's ledger carries it out or refuses it, which the events at `events_url` tell.
    `refused`: nothing was written for this ticket; `problem` says what a call for it alone would have been told.
    """

    ticket_id: str
    outcome: Literal["accepted", "refused"]
    command_id: str | None = None
    events_url: str | None = None
    problem: dict[str, Any] | None = None


class BulkAccepted(BaseModel):
    """One outcome a ticket, in the order in which they were named; a ticket named twice has one."""

    accepted: int
    refused: int
    outcomes: list[BulkOutcome]


class BulkCall(NamedTuple):
    """Who wants something done to many tickets, under which key and trace."""

    principal: Principal
    key: str | None
    traceparent: str


class BulkGateway:
    """Writes the commands of a bulk to Kafka, each with its audit record."""

    def __init__(self, views: Views, producer: EventProducer, calls: IdempotencyStore, clock: Clock, url: str) -> None:
        self._views = views
        self._producer = producer
        self._calls = calls
        self._clock = clock
        self._url = url

    async def send(self, call: BulkCall, action: str, body: TicketsBody, command_on: CommandOn) -> BulkAccepted:
        """Returns once Kafka has every command; raises `Unavailable` or a `Problem` (422), then some may be written."""
        asked = f"bulk {action}\n".encode() + msgspec.json.encode(body.model_dump(mode="json"))
        write = partial(self._write, call, action, body.ticket_ids, command_on)
        answer = await self._calls.once(call.principal, call.key, asked, write, now=self._clock.now())
        return BulkAccepted.model_validate(answer)

    async def _write(
        self, call: BulkCall, action: str, named: Sequence[str], command_on: CommandOn, key: str, at: datetime
    ) -> BulkAccepted:
        outcomes: dict[str, BulkOutcome] = {}
        records: list[Outgoing] = []
        for ticket_id, problem in await self._look_up(call.principal, named):
            if ticket_id in outcomes:
                continue
            if problem is not None:
                outcomes[ticket_id] = BulkOutcome(ticket_id=ticket_id, outcome="refused", problem=problem.document())
                records.append(_refusal(call, action, ticket_id, problem, key, at))
                continue
            command_id, written = command_records(
                call.principal,
                source=SOURCE,
                action=action,
                ticket_id=ticket_id,
                data=command_on(ticket_id),
                key=key,
                at=at,
                traceparent=call.traceparent,
            )
            records += written
            outcomes[ticket_id] = BulkOutcome(
                ticket_id=ticket_id,
                outcome="accepted",
                command_id=command_id,
                events_url=f"{self._url}/v1/tickets/{ticket_id}/events",
            )
        await self._producer.send_all(records)
        return _summed([*outcomes.values()])

    async def _look_up(self, principal: Principal, named: Sequence[str]) -> list[tuple[str, Problem | None]]:
        found: list[tuple[str, Problem | None]] = []
        for start in range(0, len(named), LOOKED_UP_AT_ONCE):
            some = named[start : start + LOOKED_UP_AT_ONCE]
            found += await asyncio.gather(*(self._found(principal, each) for each in some))
        return found

    async def _found(self, principal: Principal, ticket_id: str) -> tuple[str, Problem | None]:
        """The canonical id of a ticket that the caller may act on, or the id as named and what is wrong with it."""
        try:
            return (await visible_ticket(self._views, principal, ticket_id)).ticket_id, None
        except Problem as problem:
            return ticket_id, problem


def bulk_router(gatekeeper: Gatekeeper, gateway: BulkGateway, router: APIRouter) -> APIRouter:
    """Add the bulks to `router`, which audits what is refused as a whole."""
    in_charge = _calls_by(gatekeeper, TECHNICIAN, COORDINATOR)

    @router.post("/v1/bulk/assign", status_code=202, summary="Name the technician of many tickets by hand")
    async def bulk_assign(
        call: Annotated[BulkCall, Depends(in_charge)], body: Annotated[AssignMany, AsJson()]
    ) -> BulkAccepted:
        return await gateway.send(call, "assign", body, _assigning(call, body.technician_id))

    @router.post("/v1/bulk/take", status_code=202, summary="Take many tickets over oneself")
    async def bulk_take(
        call: Annotated[BulkCall, Depends(_calls_by(gatekeeper, TECHNICIAN))], body: Annotated[TicketsBody, AsJson()]
    ) -> BulkAccepted:
        return await gateway.send(call, "take", body, _assigning(call, call.principal.subject))

    @router.post("/v1/bulk/release", status_code=202, summary="Put many held tickets back into the queue")
    async def bulk_release(
        call: Annotated[BulkCall, Depends(in_charge)], body: Annotated[ManyWithReason, AsJson()]
    ) -> BulkAccepted:
        actor = actor_of(call.principal)
        return await gateway.send(
            call, "release", body, lambda each: ReleaseTicket.new(ticket_id=each, actor=actor, reason=body.reason)
        )

    @router.post("/v1/bulk/hold", status_code=202, summary="Put work on many tickets on hold")
    async def bulk_hold(
        call: Annotated[BulkCall, Depends(in_charge)], body: Annotated[ManyWithReason, AsJson()]
    ) -> BulkAccepted:
        actor = actor_of(call.principal)

        def hold(ticket_id: str) -> Contract:
            return ChangeStatus.new(ticket_id=ticket_id, actor=actor, status=Status.ON_HOLD, reason=body.reason)

        return await gateway.send(call, "hold", body, hold)

    @router.post("/v1/bulk/transfer", status_code=202, summary="Move many tickets to another pool")
    async def bulk_transfer(
        call: Annotated[BulkCall, Depends(_calls_by(gatekeeper, TECHNICIAN, COORDINATOR, SYSTEM))],
        body: Annotated[TransferMany, AsJson()],
    ) -> BulkAccepted:
        stated: dict[str, Any] = {"pool": body.pool, "skills": body.skills, "reason": body.reason}
        actor = actor_of(call.principal)
        return await gateway.send(
            call, "transfer", body, lambda each: TransferTicket.new(ticket_id=each, actor=actor, **stated)
        )

    return router


def _calls_by(gatekeeper: Gatekeeper, *roles: str) -> Callable[..., Awaitable[BulkCall]]:
    """A dependency: the call of someone with one of `roles`."""

    async def call_of(
        request: Request,
        principal: Annotated[Principal, Depends(gatekeeper.admit(*roles))],
        idempotency_key: IdempotencyKey = None,
    ) -> BulkCall:
        return BulkCall(principal, idempotency_key, traceparent_of(request))

    return call_of


def _assigning(call: BulkCall, technician_id: Name) -> CommandOn:
    actor = actor_of(call.principal)
    return lambda each: AssignTicket.new(ticket_id=each, actor=actor, technician_id=technician_id)


def _refusal(call: BulkCall, action: str, ticket_id: str, problem: Problem, key: str, at: datetime) -> Outgoing:
    """The audit record of a ticket that was refused alone."""
    return audit_record(
        call.principal,
        source=SOURCE,
        action=action,
        entity=ticket_id,
        outcome=f"refused: {problem.code}",
        cause=f"bulk {action} {ticket_id} {key}",
        at=at,
        traceparent=call.traceparent,
    )


def _summed(outcomes: list[BulkOutcome]) -> BulkAccepted:
    accepted = sum(each.outcome == "accepted" for each in outcomes)
    return BulkAccepted(accepted=accepted, refused=len(outcomes) - accepted, outcomes=outcomes)
