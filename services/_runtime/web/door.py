"""The door of a board: pages that move by themselves, for people with a token.

A browser can't send a token with a page or a stream, so the page takes it once and keeps it in a cookie that scripts
can't read and other sites can't use; programs send it as elsewhere. Boards of one host share the cookie, so whoever has
signed in to one is let in to the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import SecretStr

from schemas.vocabulary import Language
from services._runtime.clock import Clock
from services._runtime.web.access import STAFF
from services._runtime.web.language import language_of
from services._runtime.web.tokens import TOKEN_LENGTH_MAX, Principal, TokenRefused, principal_from

COOKIE: Final = "aftercare_board"
PATH: Final = "/board"
PAGE_FILES: Final = ("page.css", "page.js")
"""What all boards begin with."""
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
STREAM_HEADERS: Final = {**HEADERS, "X-Accel-Buffering": "no"}
_MEDIA_TYPES: Final = {"js": "text/javascript", "css": "text/css"}

SignIn = Callable[[Language, bool], str]
"""Draws the form that asks for a token; true where one was refused."""


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


def add_door(router: APIRouter, door: Door, sign_in: SignIn, assets: Mapping[str, bytes]) -> None:
    """Add signing in and out, and the page's own scripts and style sheets by name."""
    files = {**{name: _page_file(name) for name in PAGE_FILES}, **assets}

    @router.post("/board/session")
    async def enter(
        request: Request,
        token: Annotated[str, Form(max_length=TOKEN_LENGTH_MAX)] = "",
        lang: Annotated[str | None, Form(max_length=16)] = None,
    ) -> Response:
        language = language_asked(request, lang)
        if door.enters(token) is None:
            return html(sign_in(language, True), 401)  # noqa: FBT003 - the only thing that it is told
        answer = RedirectResponse(f"{PATH}?lang={language.value}", 303, headers=HEADERS)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, token.strip(), path=PATH, httponly=True, samesite="strict", secure=secure)
        return answer

    @router.post("/board/session/end")
    async def leave(request: Request) -> Response:
        answer = RedirectResponse(f"{PATH}?lang={language_asked(request, None).value}", 303, headers=HEADERS)
        answer.delete_cookie(COOKIE, path=PATH)
        return answer

    @router.get("/board/assets/{name}")
    async def asset(name: str) -> Response:
        if name not in files:
            return Response(status_code=404)
        headers = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
        return Response(files[name], media_type=_MEDIA_TYPES[name.rpartition(".")[2]], headers=headers)


def event(name: str, text: str) -> str:
    """A server-sent event; `text` arrives as JSON text."""
    return f"event: {name}\ndata: {msgspec.json.encode(text).decode()}\n\n"


def language_asked(request: Request, asked: str | None) -> Language:
    """What `?lang=` says, else the browser's."""
    return language_of(asked, request.headers.get("accept-language", ""))


def html(text: str, status: int, more: Mapping[str, str] | None = None) -> HTMLResponse:
    """A page with what keeps it to itself."""
    return HTMLResponse(text, status, headers={**HEADERS, **(more or {})})


def _page_file(name: str) -> bytes:
    return resources.files(__package__).joinpath("templates", name).read_bytes()
