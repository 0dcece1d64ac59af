"""`POST /v1/requests`: what customers ask over portal, app, phone desk, sales relay, chat and WeChat."""

from datetime import timedelta
from typing import Annotated, Final, Literal

import msgspec
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, SecretStr

from schemas.parts import Requester
from schemas.vocabulary import Channel, Impact, Language, Tier, Urgency
from services._runtime.clock import Clock
from services._runtime.web.closed_json import AsJson, Body
from services._runtime.web.edge import traceparent_of
from services._runtime.web.problems import Problem
from services._runtime.web.tokens import AUDIENCE_PROGRESS, Principal, issue_link
from services.intake.api.access import EVERYONE, Gatekeeper, is_only_requester
from services.intake.api.idempotency import IdempotencyKey, IdempotencyStore
from services.intake.api.ports import Customers, Requests, Views
from services.intake.api.tickets import visible_ticket
from services.intake.domain.arrival import Arrival, with_profile
from services.intake.domain.threads import conversation_key

HttpChannel = Literal[
    Channel.PORTAL, Channel.APP, Channel.PHONE, Channel.RELAY, Channel.CHAT, Channel.WECHAT, Channel.API
]
BODY_CHARACTERS_MAX: Final = 50_000
_Short = Annotated[str, Field(min_length=1, max_length=128)]
_Line = Annotated[str, Field(min_length=1, max_length=500)]


class RequesterBody(Body):
    """The person who asks. `requester_id` is the sending system's id of them, never a name or an address."""

    requester_id: _Short
    name: _Line | None = None
    email: Annotated[str, Field(pattern=r"^[^@\s]{1,64}@[^@\s]{1,255}$")] | None = None
    phone: Annotated[str, Field(pattern=r"^\+?[0-9 ()-]{3,30}$")] | None = None
    company: _Line | None = None
    tier: Tier | None = None
    language: Language | None = None


class RequestBody(Body):
    """One message of a customer.

    `external_id` is the sending system's id of the message; without it the Idempotency-Key is taken. The same channel
    and id is the same ticket, however often it comes. `conversation` holds messages together that belong to one
    matter (a chat, a WeChat group); without it a message stands alone. `ticket_id` adds the message to a ticket.
    """

    channel: HttpChannel
    external_id: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    conversation: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    ticket_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{3,64}$")] | None = None
    requester: RequesterBody
    subject: Annotated[str, Field(min_length=1, max_length=500)]
    body: Annotated[str, Field(max_length=BODY_CHARACTERS_MAX)]
    issue_type: _Short | None = None
    product: _Short | None = None
    version: _Short | None = None
    impact: Impact | None = None
    urgency: Urgency | None = None
    users_affected_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    steps_to_reproduce: Annotated[str, Field(max_length=BODY_CHARACTERS_MAX)] | None = None
    screenshot_url: Annotated[str, Field(pattern=r"^https?://\S{1,900}$")] | None = None
    attachments: Annotated[int, Field(ge=0, le=1_000)] = 0


class Accepted(BaseModel):
    """The request is safe. `progress_url` is for the customer, `status_url` for systems; both work within seconds."""

    ticket_id: str
    progress_url: str
    status_url: str


_DETAILS: Final = (
    "issue_type",
    "product",
    "version",
    "impact",
    "urgency",
    "users_affected_percent",
    "steps_to_reproduce",
    "screenshot_url",
    "attachments",
)


class ProgressLinks:
    """Addresses of progress pages. `base_url` has no slash at the end."""

    def __init__(self, secret: SecretStr, *, base_url: str, lifetime: timedelta) -> None:
        self._secret = secret
        self._base_url = base_url
        self._lifetime = lifetime

    def accepted(self, tenant: str, ticket_id: str, received: Arrival) -> Accepted:
        """The answer for a ticket; the same arrival gets the same links."""
        token = issue_link(
            self._secret,
            audience=AUDIENCE_PROGRESS,
            tenant=tenant,
            subject=ticket_id,
            now=received.occurred_at,
            expires_at=received.occurred_at + self._lifetime,
        )
        return Accepted(
            ticket_id=ticket_id,
            progress_url=f"{self._base_url}/progress/{token}",
            status_url=f"{self._base_url}/v1/tickets/{ticket_id}",
        )


class Submission:
    """Takes in one message over HTTP: names it, answers repetitions, hands it to the gateway."""

    def __init__(
        self,
        *,
        requests: Requests,
        views: Views,
        customers: Customers,
        calls: IdempotencyStore,
        links: ProgressLinks,
        clock: Clock,
    ) -> None:
        self._requests = requests
        self._views = views
        self._customers = customers
        self._calls = calls
        self._links = links
        self._clock = clock

    async def submit(self, body: RequestBody, principal: Principal, key: str | None, traceparent: str) -> Accepted:
        """Returns once Kafka has the message; raises `Unavailable` or a `Problem` (403, 404, 422)."""
        external_id = _external_id(body, principal, key)
        _refuse_strangers_names(body, principal)
        # Without a key of its own the call is named by what it is about: a message has one answer.
        key = key or f"{body.channel.value}:{external_id}"
        call = b"requests\n" + msgspec.json.encode(body.model_dump(mode="json"))
        begun = await self._calls.begin(principal, key, call, now=self._clock.now())
        if begun.answer is not None:
            return Accepted.model_validate(begun.answer)
        arrival = Arrival(
            tenant=principal.tenant,
            channel=Channel(body.channel),
            external_id=external_id,
            requester=_requester(body.requester, principal, self._customers),
            subject=body.subject,
            body=body.body,
            occurred_at=begun.received_at,
            conversation=_conversation(body, principal),
            signed_ticket_id=await self._ticket_named(body, principal),
            traceparent=traceparent,
            details={name: value for name in _DETAILS if (value := getattr(body, name)) is not None},
        )
        ticket_id = await self._requests.accept(arrival)
        accepted = self._links.accepted(principal.tenant, ticket_id, arrival)
        await self._calls.finish(principal, key, begun, accepted.model_dump())
        return accepted

    async def _ticket_named(self, body: RequestBody, principal: Principal) -> str | None:
        if body.ticket_id is None:
            return None
        return (await visible_ticket(self._views, principal, body.ticket_id)).ticket_id


def requests_router(gatekeeper: Gatekeeper, submission: Submission) -> APIRouter:
    """The route, with what it needs."""
    router = APIRouter(tags=["requests"])
    anyone = gatekeeper.admit(*EVERYONE)

    @router.post("/v1/requests", status_code=202, summary="Send in a customer's message")
    async def send_request(
        request: Request,
        body: Annotated[RequestBody, AsJson()],
        principal: Annotated[Principal, Depends(anyone)],
        idempotency_key: IdempotencyKey = None,
    ) -> Accepted:
        """Accepted means written to every in-sync replica. After a 503 send the same again: nothing happens twice."""
        return await submission.submit(body, principal, idempotency_key, traceparent_of(request))

    return router


def _external_id(body: RequestBody, principal: Principal, key: str | None) -> str:
    external_id = body.external_id or key
    if external_id is None:
        error = {
            "pointer": "#/external_id",
            "code": "missing",
            "problem": "Neither external_id nor an Idempotency-Key names this message",
            "do": "Send this field, or the header Idempotency-Key.",
        }
        raise Problem(
            422, "validation", "Correct what `errors` names and send the request again.", extra={"errors": [error]}
        )
    if is_only_requester(principal):
        # A number space of their own: guessing a stranger's id must not give the link to a stranger's ticket.
        return "own-" + conversation_key(principal.subject, external_id)
    return external_id


def _refuse_strangers_names(body: RequestBody, principal: Principal) -> None:
    if is_only_requester(principal) and body.requester.requester_id != principal.subject:
        raise Problem(403, "not-yourself", "With this token, requester.requester_id must be the token's own subject.")


def _requester(body: RequesterBody, principal: Principal, customers: Customers) -> Requester:
    # Tier and company decide how a ticket is treated: only systems of ours may claim them, not the customer.
    trusted = not is_only_requester(principal)
    requester = Requester.new(
        requester_id=body.requester_id,
        name=body.name,
        email=body.email,
        phone=body.phone,
        company=body.company if trusted else None,
        tier=(body.tier if trusted else None) or Tier.STANDARD,
    )
    return with_profile(requester, customers.customer_of(body.email), language=body.language)


def _conversation(body: RequestBody, principal: Principal) -> str | None:
    if body.conversation is None:
        return None
    # A customer's own conversations only: guessing a name must not lead into a stranger's ticket.
    owner = principal.subject if is_only_requester(principal) else ""
    return f"{body.channel.value}-{conversation_key(principal.tenant, owner, body.conversation)}"
