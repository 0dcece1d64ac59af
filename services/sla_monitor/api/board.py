"""`GET /board`: running clocks by slack, breaches, and escalations that nobody answers for; it moves by itself.

Who may look is who has a token with a staff role; how it is shown is `_runtime.web.door`'s matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final, NamedTuple

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import SecretStr

from schemas.vocabulary import Language
from services._runtime.clock import Clock
from services._runtime.unavailable import Unavailable
from services._runtime.web.door import HEADERS, STREAM_HEADERS, Door, add_door, event, html, language_asked
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


def board_router(secret: SecretStr, clocks: Clocks, page: BoardPage, clock: Clock) -> APIRouter:
    """The page, its stream, its door and its assets; none of them in the API description."""
    router = APIRouter(include_in_schema=False)
    boards, door = Boards(clocks, clock), Door(secret, clock)

    @router.get("/board")
    async def board(request: Request, pool: _Pool = None, lang: _Lang = None) -> Response:
        language = language_asked(request, lang)
        principal = door.visitor(request)
        if principal is None:
            return html(page.sign_in(language), 401)
        try:
            found = await boards.of(principal.tenant, pool or None)
        except Unavailable as gone:
            text = page.board(None, pool or None, language, clock.now())
            return html(text, 503, {"Retry-After": str(gone.retry_after_seconds)})
        return html(page.board(found, pool or None, language, clock.now()), 200)

    @router.get("/board/stream")
    async def stream(request: Request, pool: _Pool = None, lang: _Lang = None) -> Response:
        principal = door.visitor(request)
        if principal is None:
            return Response(status_code=401, headers=HEADERS)
        looks = _looks(boards, page, clock, principal.tenant, pool or None, language_asked(request, lang))
        return StreamingResponse(looks, media_type="text/event-stream", headers=STREAM_HEADERS)

    add_door(router, door, page.sign_in, {name: asset(name) for name in ASSETS})
    return router


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
            yield event("board", page.lanes(found, lang, clock.now()))
        else:
            quiet_looks += 1
            if quiet_looks % BEAT_LOOKS == 0:
                yield event("beat" if found is not None else "stale", "")
        await asyncio.sleep(LOOK_SECONDS)


async def _found(boards: Boards, tenant: str, pool: str | None) -> Board | None:
    try:
        return await boards.of(tenant, pool)
    except Unavailable:
        return None
