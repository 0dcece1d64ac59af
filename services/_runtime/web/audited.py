"""`audit`: every change that someone asked for, carried on or refused.

What was accepted is written together with what it causes; what was refused, whoever refused it, by the route class
here. Calls without a valid token are not audited: nobody is known to have made them, and the metrics count them.
"""

import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, NamedTuple

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import SecretStr

from schemas import envelope
from schemas.audit import ActionAudited
from schemas.ids import digest_id
from schemas.topics import AUDIT
from services._runtime.clock import Clock
from services._runtime.kafka.producer import EventProducer, Outgoing
from services._runtime.logs import get_logger
from services._runtime.unavailable import Unavailable
from services._runtime.web.access import actor_of
from services._runtime.web.edge import traceparent_of
from services._runtime.web.problems import Problem
from services._runtime.web.tokens import Principal, TokenRefused, principal_from

AUDIT_KIND: Final = "A"
ACCEPTED: Final = "accepted"
_BEARER: Final = "bearer "

Handler = Callable[[Request], Awaitable[Response]]

log = get_logger(__name__)


class Action(NamedTuple):
    """What someone does through an API: who, what, to which entity, under which trace."""

    principal: Principal
    name: str
    entity: str
    traceparent: str


def audit_record(
    principal: Principal,
    *,
    source: str,
    action: str,
    entity: str,
    outcome: str,
    cause: str,
    at: datetime,
    traceparent: str,
) -> Outgoing:
    """The record of one call to the API `source`; the same `cause` and outcome give the same event id."""
    actor = actor_of(principal)
    value = envelope.encode(
        type_name=ActionAudited.type_name,
        event_id=digest_id(AUDIT_KIND, principal.tenant, cause, outcome),
        source=source,
        time=at,
        subject=entity or None,
        tenant=principal.tenant,
        data=ActionAudited.new(actor=actor, action=action, entity=entity, outcome=outcome),
        traceparent=traceparent,
    )
    return Outgoing(AUDIT.name, actor.actor_id, value)


def audited_route(
    producer: EventProducer, secret: SecretStr, clock: Clock, *, source: str, entity: str = "ticket_id"
) -> type[APIRoute]:
    """A route class for a router of changes; an endpoint's name is its action, `entity` of its path what it changes."""

    async def note_refusal(request: Request, action: str, outcome: str) -> None:
        principal = _caller(request, secret, clock)
        if principal is None:
            return
        record = audit_record(
            principal,
            source=source,
            action=action,
            entity=str(request.path_params.get(entity, ""))[:64],
            outcome=outcome,
            cause=secrets.token_hex(16),  # each refused call counts, though it may be the same as the last
            at=clock.now(),
            traceparent=traceparent_of(request),
        )
        try:
            await producer.send_all([record])
        except (Unavailable, ValueError) as error:
            # The caller is answered all the same: a refusal changes nothing.
            log.warning("audit_not_written", outcome=outcome, error=type(error).__name__)

    class AuditedRoute(APIRoute):
        """Audits what was refused."""

        def get_route_handler(self) -> Callable[[Request], Any]:
            """Called by FastAPI."""
            handle: Handler = super().get_route_handler()

            async def audited(request: Request) -> Response:
                try:
                    return await handle(request)
                except RequestValidationError:
                    await note_refusal(request, self.name, "refused: validation")
                    raise
                except Problem as problem:
                    await note_refusal(request, self.name, f"refused: {problem.code}")
                    raise

            return audited

    return AuditedRoute


def _caller(request: Request, secret: SecretStr, clock: Clock) -> Principal | None:
    header = request.headers.get("authorization", "")
    if not header.lower().startswith(_BEARER):
        return None
    try:
        return principal_from(secret, header[len(_BEARER) :].strip(), now=clock.now())
    except TokenRefused:
        return None
