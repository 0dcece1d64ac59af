"""`POST /v1/tickets/{ticket_id}/…`: what technicians, coordinators, requesters and other systems want done."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from fastapi import APIRouter, Depends, Request

from schemas.contract import Contract
from schemas.parts import Actor
from schemas.ticket_commands import (
    AcceptAssignment,
    AcknowledgeEscalation,
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
from services._runtime.clock import Clock
from services._runtime.kafka.producer import EventProducer
from services._runtime.web.access import COORDINATOR, REQUESTER, SYSTEM, TECHNICIAN, actor_of
from services._runtime.web.closed_json import AsJson
from services._runtime.web.commanding import command_records
from services._runtime.web.edge import traceparent_of
from services._runtime.web.problems import Problem
from services._runtime.web.tokens import Principal
from services.intake.api.access import Gatekeeper
from services.intake.api.command_bodies import (
    AssignBody,
    CommandAccepted,
    EscalationBody,
    MergeBody,
    PlanBody,
    PolicyBody,
    PriorityBody,
    ReasonBody,
    ReplyBody,
    SolutionBody,
    StatusBody,
    TransferBody,
)
from services.intake.api.idempotency import IdempotencyKey, IdempotencyStore
from services.intake.api.ports import Views
from services.intake.api.tickets import TicketIdInPath, visible_ticket

SOURCE: Final = "/aftercare/intake/api"
_IN_CHARGE: Final = (TECHNICIAN, COORDINATOR)
_CUSTOMER_SIDE: Final = (REQUESTER, COORDINATOR, SYSTEM)


class Call(NamedTuple):
    """One call of a command: who wants something done to which ticket, under which key."""

    ticket_id: str
    principal: Principal
    key: str | None
    traceparent: str

    @property
    def actor(self) -> Actor:
        """The caller in the command."""
        return actor_of(self.principal)


class CommandGateway:
    """Writes commands to Kafka, each with its audit record."""

    def __init__(self, views: Views, producer: EventProducer, calls: IdempotencyStore, clock: Clock, url: str) -> None:
        self._views = views
        self._producer = producer
        self._calls = calls
        self._clock = clock
        self._url = url

    async def ticket_of(self, principal: Principal, ticket_id: str) -> str:
        """The canonical id of a ticket that the caller may act on; raises as `visible_ticket`."""
        return (await visible_ticket(self._views, principal, ticket_id)).ticket_id

    async def send(self, call: Call, action: str, data: Contract) -> CommandAccepted:
        """Returns once Kafka has the command and its audit record; raises `Unavailable` or a `Problem` (422)."""
        asked = f"{action}\n{call.ticket_id}\n".encode() + msgspec.json.encode(data)
        write = partial(self._write, call, action, data)
        answer = await self._calls.once(call.principal, call.key, asked, write, now=self._clock.now())
        return CommandAccepted.model_validate(answer)

    async def _write(self, call: Call, action: str, data: Contract, key: str, at: datetime) -> CommandAccepted:
        command_id, records = command_records(
            call.principal,
            source=SOURCE,
            action=action,
            ticket_id=call.ticket_id,
            data=data,
            key=key,
            at=at,
            traceparent=call.traceparent,
        )
        await self._producer.send_all(records)
        events_url = f"{self._url}/v1/tickets/{call.ticket_id}/events"
        return CommandAccepted(command_id=command_id, ticket_id=call.ticket_id, events_url=events_url)


def commands_router(gatekeeper: Gatekeeper, gateway: CommandGateway, router: APIRouter) -> APIRouter:
    """Add the commands to `router`, which audits what is refused. Each endpoint's name is the action in the audit."""
    _add_assignee_commands(_calls_by(gatekeeper, gateway, *_IN_CHARGE), gateway, router)
    _add_coordination(gatekeeper, gateway, router)
    _add_customer_commands(gatekeeper, gateway, router)
    _add_escalation(gatekeeper, gateway, router)
    return router


def _calls_by(gatekeeper: Gatekeeper, gateway: CommandGateway, *roles: str) -> Callable[..., Any]:
    """A dependency: the call of someone with one of `roles` on a ticket that they may see."""

    async def call_of(
        request: Request,
        ticket_id: TicketIdInPath,
        principal: Annotated[Principal, Depends(gatekeeper.admit(*roles))],
        idempotency_key: IdempotencyKey = None,
    ) -> Call:
        known = await gateway.ticket_of(principal, ticket_id)
        return Call(known, principal, idempotency_key, traceparent_of(request))

    return call_of


def _add_assignee_commands(in_charge: Callable[..., Any], gateway: CommandGateway, router: APIRouter) -> None:
    @router.post("/v1/tickets/{ticket_id}/accept", status_code=202, summary="Take an assigned ticket on")
    async def accept(call: Annotated[Call, Depends(in_charge)]) -> CommandAccepted:
        data = AcceptAssignment.new(ticket_id=call.ticket_id, actor=call.actor)
        return await gateway.send(call, "accept", data)

    @router.post("/v1/tickets/{ticket_id}/decline", status_code=202, summary="Give an assigned ticket back")
    async def decline(
        call: Annotated[Call, Depends(in_charge)], body: Annotated[ReasonBody, AsJson()]
    ) -> CommandAccepted:
        data = DeclineAssignment.new(ticket_id=call.ticket_id, actor=call.actor, reason=body.reason)
        return await gateway.send(call, "decline", data)

    @router.post("/v1/tickets/{ticket_id}/release", status_code=202, summary="Put a held ticket back into the queue")
    async def release(
        call: Annotated[Call, Depends(in_charge)], body: Annotated[ReasonBody, AsJson()]
    ) -> CommandAccepted:
        data = ReleaseTicket.new(ticket_id=call.ticket_id, actor=call.actor, reason=body.reason)
        return await gateway.send(call, "release", data)

    @router.post("/v1/tickets/{ticket_id}/reply", status_code=202, summary="Answer the customer")
    async def reply(call: Annotated[Call, Depends(in_charge)], body: Annotated[ReplyBody, AsJson()]) -> CommandAccepted:
        data = ReplyToCustomer.new(ticket_id=call.ticket_id, actor=call.actor, body=body.body)
        return await gateway.send(call, "reply", data)

    @router.post("/v1/tickets/{ticket_id}/status", status_code=202, summary="Say where work stands")
    async def status(
        call: Annotated[Call, Depends(in_charge)], body: Annotated[StatusBody, AsJson()]
    ) -> CommandAccepted:
        data = ChangeStatus.new(ticket_id=call.ticket_id, actor=call.actor, status=body.status, reason=body.reason)
        return await gateway.send(call, "status", data)

    @router.post("/v1/tickets/{ticket_id}/resolve", status_code=202, summary="The solution is in place")
    async def resolve(
        call: Annotated[Call, Depends(in_charge)], body: Annotated[SolutionBody, AsJson()]
    ) -> CommandAccepted:
        data = ResolveTicket.new(ticket_id=call.ticket_id, actor=call.actor, solution=body.solution)
        return await gateway.send(call, "resolve", data)


def _add_coordination(gatekeeper: Gatekeeper, gateway: CommandGateway, router: APIRouter) -> None:
    in_charge = _calls_by(gatekeeper, gateway, *_IN_CHARGE)
    staff = _calls_by(gatekeeper, gateway, *_IN_CHARGE, SYSTEM)

    @router.post("/v1/tickets/{ticket_id}/assign", status_code=202, summary="Name the technician by hand")
    async def assign(
        call: Annotated[Call, Depends(in_charge)], body: Annotated[AssignBody, AsJson()]
    ) -> CommandAccepted:
        data = AssignTicket.new(ticket_id=call.ticket_id, actor=call.actor, technician_id=body.technician_id)
        return await gateway.send(call, "assign", data)

    @router.post("/v1/tickets/{ticket_id}/transfer", status_code=202, summary="Move it to another pool")
    async def transfer(
        call: Annotated[Call, Depends(staff)], body: Annotated[TransferBody, AsJson()]
    ) -> CommandAccepted:
        data = TransferTicket.new(
            ticket_id=call.ticket_id, actor=call.actor, pool=body.pool, skills=body.skills, reason=body.reason
        )
        return await gateway.send(call, "transfer", data)

    @router.post("/v1/tickets/{ticket_id}/priority", status_code=202, summary="Put another priority in force")
    async def priority(
        call: Annotated[Call, Depends(staff)], body: Annotated[PriorityBody, AsJson()]
    ) -> CommandAccepted:
        data = ChangePriority.new(
            ticket_id=call.ticket_id, actor=call.actor, priority=body.priority, reason=body.reason
        )
        return await gateway.send(call, "priority", data)

    @router.post("/v1/tickets/{ticket_id}/merge", status_code=202, summary="End this ticket in another")
    async def merge(call: Annotated[Call, Depends(staff)], body: Annotated[MergeBody, AsJson()]) -> CommandAccepted:
        into = await _merge_target(gateway, call, body.into_ticket_id)
        data = MergeTicket.new(ticket_id=call.ticket_id, actor=call.actor, into_ticket_id=into)
        return await gateway.send(call, "merge", data)


def _add_escalation(gatekeeper: Gatekeeper, gateway: CommandGateway, router: APIRouter) -> None:
    staff = _calls_by(gatekeeper, gateway, *_IN_CHARGE, SYSTEM)
    coordination = _calls_by(gatekeeper, gateway, COORDINATOR, SYSTEM)
    everyone = _calls_by(gatekeeper, gateway, *_CUSTOMER_SIDE, TECHNICIAN)

    @router.post("/v1/tickets/{ticket_id}/escalate", status_code=202, summary="Escalate by hand")
    async def escalate(
        call: Annotated[Call, Depends(everyone)], body: Annotated[ReasonBody, AsJson()]
    ) -> CommandAccepted:
        data = EscalateTicket.new(ticket_id=call.ticket_id, actor=call.actor, reason=body.reason)
        return await gateway.send(call, "escalate", data)

    @router.post("/v1/tickets/{ticket_id}/acknowledge", status_code=202, summary="Answer for an escalation")
    async def acknowledge(
        call: Annotated[Call, Depends(staff)], body: Annotated[EscalationBody, AsJson()]
    ) -> CommandAccepted:
        data = AcknowledgeEscalation.new(
            ticket_id=call.ticket_id, actor=call.actor, target=body.target, cycle=body.cycle
        )
        return await gateway.send(call, "acknowledge", data)

    @router.post("/v1/tickets/{ticket_id}/plan", status_code=202, summary="Say how it is going to be handled")
    async def plan(call: Annotated[Call, Depends(staff)], body: Annotated[PlanBody, AsJson()]) -> CommandAccepted:
        data = SubmitPlan.new(ticket_id=call.ticket_id, actor=call.actor, plan=body.plan)
        return await gateway.send(call, "plan", data)

    @router.post("/v1/tickets/{ticket_id}/policy", status_code=202, summary="Move it to a version of an SLA policy")
    async def policy(
        call: Annotated[Call, Depends(coordination)], body: Annotated[PolicyBody, AsJson()]
    ) -> CommandAccepted:
        data = ChangePolicy.new(
            ticket_id=call.ticket_id,
            actor=call.actor,
            policy_id=body.policy_id,
            policy_version=body.policy_version,
            reason=body.reason,
        )
        return await gateway.send(call, "policy", data)


async def _merge_target(gateway: CommandGateway, call: Call, ticket_id: str) -> str:
    try:
        return await gateway.ticket_of(call.principal, ticket_id)
    except Problem as problem:
        raise Problem(
            422, "merge-target-unknown", "There is no ticket with the id in #/into_ticket_id; nothing was merged."
        ) from problem


def _add_customer_commands(gatekeeper: Gatekeeper, gateway: CommandGateway, router: APIRouter) -> None:
    customer_side = _calls_by(gatekeeper, gateway, *_CUSTOMER_SIDE)
    everyone = _calls_by(gatekeeper, gateway, *_CUSTOMER_SIDE, TECHNICIAN)

    @router.post("/v1/tickets/{ticket_id}/confirm", status_code=202, summary="The customer agrees that it is solved")
    async def confirm(call: Annotated[Call, Depends(customer_side)]) -> CommandAccepted:
        data = ConfirmResolution.new(ticket_id=call.ticket_id, actor=call.actor)
        return await gateway.send(call, "confirm", data)

    @router.post("/v1/tickets/{ticket_id}/reopen", status_code=202, summary="It was not solved after all")
    async def reopen(
        call: Annotated[Call, Depends(everyone)], body: Annotated[ReasonBody, AsJson()]
    ) -> CommandAccepted:
        data = ReopenTicket.new(ticket_id=call.ticket_id, actor=call.actor, reason=body.reason)
        return await gateway.send(call, "reopen", data)

    @router.post("/v1/tickets/{ticket_id}/cancel", status_code=202, summary="Withdraw the request")
    async def cancel(
        call: Annotated[Call, Depends(customer_side)], body: Annotated[ReasonBody, AsJson()]
    ) -> CommandAccepted:
        data = CancelTicket.new(ticket_id=call.ticket_id, actor=call.actor, reason=body.reason)
        return await gateway.send(call, "cancel", data)
