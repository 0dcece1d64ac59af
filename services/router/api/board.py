"""`GET /board`: queues by pool with their slack and who carries how much, moving by itself, and assigning by hand.

Staff may look; only coordinators may assign. What they do goes to the ticket's ledger as a command like everyone's,
and comes back to all boards by the router's state: nothing here changes a pool.
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
from services._runtime.web.access import COORDINATOR
from services._runtime.web.door import HEADERS, STREAM_HEADERS, Door, add_door, event, html, language_asked
from services._runtime.web.tokens import Principal
from services.router.api.assigning import Assigning, add_assigning
from services.router.api.board_page import ASSETS, BoardPage, asset
from services.router.api.ports import PoolViews
from services.router.domain.board import Board

ROWS_MAX: Final = 60
"""Of a pool that is looked at alone."""
ROWS_EACH_MAX: Final = 12
LANES_MAX: Final = 8
"""So many pools are shown together, with so many rows each."""
LOOK_SECONDS: Final = 0.25
"""A change is on every board within this and what the changelog's follower takes (0.25 s between two of its looks)."""
WHOLE_LOOK_SECONDS: Final = 15.0
"""So often what only time changes is looked at anew: what is overdue by now."""
BEAT_LOOKS: Final = 60
"""After so many looks without news a stream says that it is alive, so that a lost one is noticed."""
STREAM_LOOKS_MAX: Final = 14_400
"""Then a stream ends and the browser comes back: whose token has expired meanwhile is asked for a new one."""
SNAPSHOTS_MAX: Final = 256

_Pool = Annotated[str | None, Query(max_length=128)]
_Lang = Annotated[str | None, Query(max_length=16)]


class _Look(NamedTuple):
    """A board, how far the view was then, and when it was looked at (monotonic seconds)."""

    board: Board
    changes: tuple[int, bool]
    at_seconds: float


class Boards:
    """Boards, looked up once a change for everyone who watches the same one."""

    def __init__(self, views: PoolViews, clock: Clock) -> None:
        self._views = views
        self._clock = clock
        self._looks: dict[tuple[str, str | None], _Look] = {}
        self._changes: tuple[int, bool] = (-1, False)
        self._changes_at_seconds = float("-inf")

    async def of(self, tenant: str, pool: str | None) -> Board:
        """The board as it stood at most `LOOK_SECONDS` ago; raises `Unavailable`."""
        key = (tenant, pool)
        changes = await self._latest()
        look = self._looks.get(key)
        now_seconds = self._clock.monotonic_seconds()
        if look is None or look.changes != changes or now_seconds - look.at_seconds >= WHOLE_LOOK_SECONDS:
            rows_max = ROWS_MAX if pool is not None else ROWS_EACH_MAX
            board = await self._views.board(tenant, pool, self._clock.now(), LANES_MAX, rows_max)
            if len(self._looks) >= SNAPSHOTS_MAX:
                self._looks.clear()
            look = self._looks[key] = _Look(board, changes, now_seconds)
        return look.board

    async def _latest(self) -> tuple[int, bool]:
        now_seconds = self._clock.monotonic_seconds()
        if now_seconds - self._changes_at_seconds >= LOOK_SECONDS:
            self._changes = await self._views.changes()
            self._changes_at_seconds = now_seconds
        return self._changes


def board_router(secret: SecretStr, views: PoolViews, page: BoardPage, assigning: Assigning, clock: Clock) -> APIRouter:
    """The page, its stream, its door, its assets and its actions; none of them in the API description."""
    router = APIRouter(include_in_schema=False)
    boards, door = Boards(views, clock), Door(secret, clock)

    @router.get("/board")
    async def board(request: Request, pool: _Pool = None, lang: _Lang = None) -> Response:
        language = language_asked(request, lang)
        principal = door.visitor(request)
        if principal is None:
            return html(page.sign_in(language), 401)
        may_assign = assigns(principal)
        try:
            found = await boards.of(principal.tenant, pool or None)
        except Unavailable as gone:
            text = page.board(None, pool or None, language, clock.now(), may_assign=may_assign)
            return html(text, 503, {"Retry-After": str(gone.retry_after_seconds)})
        return html(page.board(found, pool or None, language, clock.now(), may_assign=may_assign), 200)

    @router.get("/board/stream")
    async def stream(request: Request, pool: _Pool = None, lang: _Lang = None) -> Response:
        principal = door.visitor(request)
        if principal is None:
            return Response(status_code=401, headers=HEADERS)
        watch = Watch(principal.tenant, pool or None, language_asked(request, lang), assigns(principal))
        looks = looks_of(boards, page, clock, watch)
        return StreamingResponse(looks, media_type="text/event-stream", headers=STREAM_HEADERS)

    add_door(router, door, page.sign_in, {name: asset(name) for name in ASSETS})
    add_assigning(router, door, assigning)
    return router


def assigns(principal: Principal) -> bool:
    """Whether someone may assign by hand."""
    return COORDINATOR in principal.roles


class Watch(NamedTuple):
    """What a stream shows to whom."""

    tenant: str
    pool: str | None
    lang: Language
    may_assign: bool


async def looks_of(boards: Boards, page: BoardPage, clock: Clock, watch: Watch) -> AsyncIterator[str]:
    """Server-sent events: `board` with the lanes as HTML when they changed, `beat` now and then."""
    last: Board | None = None
    quiet_looks = 0
    yield "retry: 2000\n\n"
    for _ in range(STREAM_LOOKS_MAX):
        try:
            found = await boards.of(watch.tenant, watch.pool)
        except Unavailable:
            found = None
        if found is not None and found != last:
            last, quiet_looks = found, 0
            yield event("board", page.lanes(found, watch.lang, clock.now(), may_assign=watch.may_assign))
        else:
            quiet_looks += 1
            if quiet_looks % BEAT_LOOKS == 0:
                yield event("beat" if found is not None else "stale", "")
        await asyncio.sleep(LOOK_SECONDS)
