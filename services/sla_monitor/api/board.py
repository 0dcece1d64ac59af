"""`GET /board`: running clocks by slack, breaches, and escalations that nobody answers for; it moves by itself.

Who may look is who has a token with a staff role. A browser can't send one with a page or a stream, so the page takes
it once and keeps it in a cookie that scripts can't read and other sites can't use; programs send it as elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final, NamedTuple

import msgspec
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from pydantic import SecretStr

from schemas.vocabulary import Language
from services._runtime.clock import Clock
from services._runtime.unavailable import Unavailable
from services._runtime.web.access import STAFF
from services._runtime.web.language import language_of
from services._runtime.web.tokens import TOKEN_LENGTH_MAX, Principal, TokenRefused, principal_from
from services.sla_monitor.api.board_page import ASSETS, BoardPage, asset
from services.sla_monitor.api.ports import Clocks
from services.sla_monitor.domain.board import Board
from services.sla_monitor.domain.instants import from_datetime

ROWS_MAX: Final = 60
LOOK_SECONDS: Final = 1.0
BEAT_LOOKS: Final = 15
"""After so many looks without news a stream says that it is alive, so that a lost one is noticed."""
STREAM_LOOKS_MAX: Final = 3_600
"""Then a stream ends and the browser comes back: whose token has expired meanwhile is asked for a new one."""
SNAPSHOTS_MAX: Final = 256
COOKIE: Final = "aftercare_board"
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}

_Pool = Annotated[str | None, Query(max_length=128)]
_Lang = Annotated[str | None, Query(max_length=16)]


class _Look(NamedTuple):
    """A board, and when it was looked at (monotonic seconds)."""

    board: Board
    at_seconds: float


class Boards:
    """Boards, looked up once a second for everyone who watches the same one."""

    def __init__(self, clocks: Clocks, clock: Clock) -> None:
        self._clocks = clocks
        self._clock = clock
        self._looks: dict[tuple[str, str | None], _Look] = {}

    async def of(self, tenant: str, pool: str | None) -> Board:
        """The board, at most `LOOK_SECONDS` old; raises `Unavailable`."""
        key = (tenant, pool)
        look = self._looks.get(key)
        now_seconds = self._clock.monotonic_seconds()
        if look is None or now_seconds - look.at_seconds >= LOOK_SECONDS:
            board = await self._clocks.board(tenant, pool, from_datetime(self._clock.now()), ROWS_MAX)
            if len(self._looks) >= SNAPSHOTS_MAX:
                self._looks.clear()
            look = self._looks[key] = _Look(board, now_seconds)
        return look.board


class Door:
    """Lets staff in, by cookie or by `Authorization: Bearer`."""

    def __init__(self, secret: SecretStr, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock

    def enters(self, token: str | None) -> Principal | None:
        """Whose token this is, None where it opens nothing here."""
        if not token:
            return None
        try:
            principal = principal_from(self._secret, token.strip(), now=self._clock.now())
        except TokenRefused:
            return None
        return None if principal.roles.isdisjoint(STAFF) else principal

    def visitor(self, request: Request) -> Principal | None:
        """Who asks."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return self.enters(token if scheme.casefold() == "bearer" else request.cookies.get(COOKIE))


def board_router(secret: SecretStr, clocks: Clocks, page: BoardPage, clock: Clock) -> APIRouter:
    """The page, its stream, its door and its assets; none of them in the API description."""
    router = APIRouter(include_in_schema=False)
    boards, door = Boards(clocks, clock), Door(secret, clock)

    @router.get("/board")
    async def board(request: Request, pool: _Pool = None, lang: _Lang = None) -> Response:
        language = _language(request, lang)
        principal = door.visitor(request)
        if principal is None:
            return _html(page.sign_in(language, refused=False), 401)
        try:
            found = await boards.of(principal.tenant, pool or None)
        except Unavailable as gone:
            text = page.board(None, pool or None, language, clock.now())
            return _html(text, 503, {"Retry-After": str(gone.retry_after_seconds)})
        return _html(page.board(found, pool or None, language, clock.now()), 200)

    @router.get("/board/stream")
    async def stream(request: Request, pool: _Pool = None, lang: _Lang = None) -> Response:
        principal = door.visitor(request)
        if principal is None:
            return Response(status_code=401, headers=_HEADERS)
        looks = _looks(boards, page, clock, principal.tenant, pool or None, _language(request, lang))
        headers = {**_HEADERS, "X-Accel-Buffering": "no"}
        return StreamingResponse(looks, media_type="text/event-stream", headers=headers)

    _add_door(router, page, door)
    return router


def _add_door(router: APIRouter, page: BoardPage, door: Door) -> None:
    @router.post("/board/session")
    async def sign_in(
        request: Request,
        token: Annotated[str, Form(max_length=TOKEN_LENGTH_MAX)] = "",
        lang: Annotated[str | None, Form(max_length=16)] = None,
    ) -> Response:
        language = _language(request, lang)
        if door.enters(token) is None:
            return _html(page.sign_in(language, refused=True), 401)
        answer = RedirectResponse(f"/board?lang={language.value}", 303, headers=_HEADERS)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, token.strip(), path="/board", httponly=True, samesite="strict", secure=secure)
        return answer

    @router.post("/board/session/end")
    async def sign_out(request: Request) -> Response:
        answer = RedirectResponse(f"/board?lang={_language(request, None).value}", 303, headers=_HEADERS)
        answer.delete_cookie(COOKIE, path="/board")
        return answer

    @router.get("/board/assets/{name}")
    async def assets(name: str) -> Response:
        if name not in ASSETS:
            return Response(status_code=404)
        headers = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
        return Response(asset(name), media_type=ASSETS[name], headers=headers)


async def _looks(
    boards: Boards, page: BoardPage, clock: Clock, tenant: str, pool: str | None, lang: Language
) -> AsyncIterator[str]:
    """Server-sent events: `board` with the lanes as HTML when they changed, `beat` now and then."""
    last: Board | None = None
    quiet_looks = 0
    yield "retry: 2000\n\n"
    for _ in range(STREAM_LOOKS_MAX):
        found = await _found(boards, tenant, pool)
        if found is not None and found != last:
            last, quiet_looks = found, 0
            yield _event("board", page.lanes(found, lang, clock.now()))
        else:
            quiet_looks += 1
            if quiet_looks % BEAT_LOOKS == 0:
                yield _event("beat" if found is not None else "stale", "")
        await asyncio.sleep(LOOK_SECONDS)


async def _found(boards: Boards, tenant: str, pool: str | None) -> Board | None:
    try:
        return await boards.of(tenant, pool)
    except Unavailable:
        return None


def _event(name: str, text: str) -> str:
    return f"event: {name}\ndata: {msgspec.json.encode(text).decode()}\n\n"


def _language(request: Request, asked: str | None) -> Language:
    return language_of(asked, request.headers.get("accept-language", ""))


def _html(text: str, status: int, more: dict[str, str] | None = None) -> HTMLResponse:
    return HTMLResponse(text, status, headers={**_HEADERS, **(more or {})})
