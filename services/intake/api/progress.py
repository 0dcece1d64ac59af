"""`GET /progress/{token}`: how far a ticket is, for whoever holds its signed link.

The page shows what the customer may know: nodes, answers, the solution. Not who works on it, nor why a technician
declined. It looks every few seconds whether something new happened (`/progress/{token}/latest`) and then draws itself
anew; without JavaScript it reloads now and then.
"""

from collections.abc import Sequence
from datetime import datetime
from importlib import resources
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import SecretStr

from schemas.vocabulary import Language, Status
from services._runtime.clock import Clock
from services._runtime.unavailable import Unavailable
from services._runtime.web.language import OTHER, language_of
from services._runtime.web.templates import templates_of
from services._runtime.web.tokens import AUDIENCE_PROGRESS, Link, TokenRefused, open_link
from services.intake.api.ports import Views
from services.intake.api.words import WORDS
from services.intake.domain.views import FINAL_STATUSES, TicketView, TimelineEntry

EVENTS_MAX: Final = 100
_TEMPLATES: Final = resources.files("services.intake").joinpath("templates")
_HEADERS: Final = {
    "Cache-Control": "no-store",
    # The address is a key: it must not travel on to other sites, nor into a search engine.
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
_ASSETS: Final = {"progress.js": "text/javascript", "progress.css": "text/css"}

STEPS: Final = (
    ("received", {Status.NEW, Status.CLASSIFIED, Status.QUEUED}),
    ("assigned", {Status.ASSIGNED}),
    ("in_progress", {Status.IN_PROGRESS, Status.PENDING, Status.ON_HOLD, Status.IN_REVIEW}),
    ("resolved", {Status.RESOLVED}),
    ("closed", {Status.CLOSED}),
)
"""The way of a ticket as a customer sees it, with the statuses that are each step."""

_Token = Annotated[str, Path(min_length=1, max_length=4_096)]
_Lang = Annotated[str | None, Query(max_length=16)]


class ProgressPage:
    """Draws the page."""

    def __init__(self, timezone: ZoneInfo) -> None:
        self._timezone = timezone
        environment = templates_of("services.intake")
        environment.filters["moment"] = self._moment
        self._template = environment.get_template("progress.html")

    def ticket(self, link: Link, ticket: TicketView | None, events: Sequence[TimelineEntry], lang: Language) -> str:
        """The page of a ticket; None where the ledger has not opened it yet."""
        shown = [event for event in events if f"event.{event.type}" in WORDS[lang]]
        return self._template.render(
            **_common(lang),
            ticket_id=link.subject,
            ticket=ticket,
            events=list(reversed(shown)),
            steps=_steps(ticket),
            expected=_expected(ticket),
            ended=ticket is not None and ticket.status in FINAL_STATUSES,
        )

    def message(self, lang: Language, name: str) -> str:
        """A page that only says something: `expired`, `unavailable`."""
        return self._template.render({**_common(lang), "message": name})

    def _moment(self, text: str) -> str:
        return datetime.fromisoformat(text).astimezone(self._timezone).strftime("%Y-%m-%d %H:%M")


def progress_router(page: ProgressPage, views: Views, secret: SecretStr, clock: Clock) -> APIRouter:
    """The page, its light poll and its two assets; none of them in the API description."""
    router = APIRouter(include_in_schema=False)

    def opened(token: str) -> Link | None:
        try:
            return open_link(secret, token, audience=AUDIENCE_PROGRESS, now=clock.now())
        except TokenRefused:
            return None

    @router.get("/progress/{token}")
    async def progress(request: Request, token: _Token, lang: _Lang = None) -> Response:
        accepted = request.headers.get("accept-language", "")
        link = opened(token)
        if link is None:
            return _html(page.message(language_of(lang, accepted, None), "expired"), 404)
        try:
            ticket, events = await _look_up(views, link)
        except Unavailable as gone:
            words = page.message(language_of(lang, accepted, None), "unavailable")
            return _html(words, 503, {"Retry-After": str(gone.retry_after_seconds)})
        language = language_of(lang, accepted, ticket.language if ticket else None)
        return _html(page.ticket(link, ticket, events, language), 200)

    @router.get("/progress/{token}/latest")
    async def latest(token: _Token) -> Response:
        link = opened(token)
        if link is None:
            return JSONResponse({}, 404, headers=_HEADERS)
        return JSONResponse({"sequence": await views.sequence(link.tenant, link.subject)}, headers=_HEADERS)

    @router.get("/assets/{name}")
    async def asset(name: str) -> Response:
        if name not in _ASSETS:
            return Response(status_code=404)
        content = _TEMPLATES.joinpath(name).read_bytes()
        return Response(content, media_type=_ASSETS[name], headers={"Cache-Control": "public, max-age=3600"})

    return router


async def _look_up(views: Views, link: Link) -> tuple[TicketView | None, list[TimelineEntry]]:
    if await views.sequence(link.tenant, link.subject) == 0:
        return None, []  # accepted a moment ago, or the view is being read anew: either way it is on its way
    ticket = await views.find(link.tenant, link.subject)
    return ticket, await views.timeline(link.tenant, link.subject, after=0, limit=EVENTS_MAX)


def _html(text: str, status: int, more: dict[str, str] | None = None) -> HTMLResponse:
    return HTMLResponse(text, status, headers={**_HEADERS, **(more or {})})


def _common(lang: Language) -> dict[str, Any]:
    return {"words": WORDS[lang], "lang": lang.value, "other_lang": OTHER[lang].value, "message": None}


def _steps(ticket: TicketView | None) -> list[tuple[str, str]]:
    """Each step and `done`, `current` or `ahead`; none for a ticket that left the way (cancelled, merged)."""
    if ticket is None or ticket.status in {Status.CANCELLED, Status.MERGED}:
        return []
    at = next(index for index, (_, statuses) in enumerate(STEPS) if ticket.status in statuses)
    return [
        (name, "done" if index < at else "current" if index == at else "ahead") for index, (name, _) in enumerate(STEPS)
    ]


def _expected(ticket: TicketView | None) -> str | None:
    """When the solution is due, while that clock runs."""
    targets = ticket.targets if ticket is not None else []
    running = (target for target in targets if target.target == "resolution" and target.state == "running")
    return next((target.due_at for target in running), None)
