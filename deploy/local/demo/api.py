"""A client of intake's public HTTP API: tokens, one retry rule, and the few calls that the demo's people make."""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import aiohttp
from pydantic import SecretStr

from deploy.local.services import TENANT
from services._runtime.clock import SystemClock
from services._runtime.web.tokens import issue_access

GIVE_UP_SECONDS: Final = 30.0
TOKEN_LIFETIME: Final = timedelta(hours=2)
_TIMEOUT_SECONDS: Final = 8.0
_CONNECTIONS_MAX: Final = 64
_KEEP_SECONDS: Final = 3.0
_PAUSE_SECONDS: Final = 0.4
_PAUSE_SECONDS_MAX: Final = 3.0
_NOT_FOUND: Final = 404
_UNAVAILABLE: Final = 503
_PAGE_TICKETS: Final = 100

_clock = SystemClock()


def now() -> datetime:
    """Return the time of this machine, which all clocks of the stack share."""
    return _clock.now()


def now_ms() -> float:
    """Return the time of this machine in milliseconds since 1970."""
    return now().timestamp() * 1_000


class CallFailedError(Exception):
    """A call was refused, or nobody answered within the time that the caller had."""


def client() -> aiohttp.ClientSession:
    """Return an HTTP client for addresses of this machine; no proxy of the environment is asked. Use it on one loop."""
    # Connections are let go before the server would close them under a call.
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS_MAX, keepalive_timeout=_KEEP_SECONDS)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS))


class Api:
    """Calls intake on behalf of whoever a token is made for.

    Every call that changes something has an Idempotency-Key, so it may be repeated: it is, on 503 and broken
    connections, until `give_up_seconds` are over. `retries` counts these repetitions, `answered_ms` keeps by method how
    long each answer took.
    """

    def __init__(
        self, base_url: str, secret: str, http: aiohttp.ClientSession, *, give_up_seconds: float = GIVE_UP_SECONDS
    ) -> None:
        self.base_url = base_url
        self.retries = 0
        self.answered_ms: dict[str, list[float]] = {"GET": [], "POST": []}
        self._secret = SecretStr(secret)
        self._http = http
        self._give_up_seconds = give_up_seconds
        self._tokens: dict[tuple[str, str], str] = {}

    def token(self, subject: str, role: str) -> str:
        """Return a bearer token for `subject` in one role."""
        if (subject, role) not in self._tokens:
            at = now()
            self._tokens[subject, role] = issue_access(
                self._secret, tenant=TENANT, subject=subject, roles={role}, now=at, expires_at=at + TOKEN_LIFETIME
            )
        return self._tokens[subject, role]

    async def send_request(self, body: Mapping[str, Any], *, token: str, key: str | None = None) -> dict[str, Any]:
        """Send in a customer's message; returns the answer of the 202. Raises CallFailedError."""
        return await self._call("POST", "/v1/requests", token, key=key, body=body)

    async def command(
        self, ticket_id: str, action: str, *, token: str, key: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Give a command about a ticket, which may have been accepted a moment ago. Raises CallFailedError."""
        path = f"/v1/tickets/{ticket_id}/{action}"
        return await self._call("POST", path, token, key=key, body=body, wait_for_it=True)

    async def held_by(self, technician_id: str, *, token: str) -> list[dict[str, Any]]:
        """Return what a technician has in work. Raises CallFailedError."""
        page = await self._call("GET", f"/v1/technicians/{technician_id}/tickets", token)
        tickets: list[dict[str, Any]] = page["tickets"]
        return tickets

    async def in_status(self, status: str, *, token: str) -> list[dict[str, Any]]:
        """Return the newest tickets in a status. Raises CallFailedError."""
        page = await self._call("GET", f"/v1/tickets?status={status}&limit={_PAGE_TICKETS}", token)
        tickets: list[dict[str, Any]] = page["tickets"]
        return tickets

    async def ticket(self, ticket_id: str, *, token: str) -> dict[str, Any]:
        """Return a ticket as it stands. Raises CallFailedError."""
        return await self._call("GET", f"/v1/tickets/{ticket_id}", token, wait_for_it=True)

    async def _call(
        self,
        method: str,
        path: str,
        token: str,
        *,
        key: str | None = None,
        body: Mapping[str, Any] | None = None,
        wait_for_it: bool = False,
    ) -> dict[str, Any]:
        """Call until there is an answer. `wait_for_it`: a 404 may mean that the view has not caught up."""
        headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
        loop = asyncio.get_running_loop()
        ends_at, pause_seconds, last = loop.time() + self._give_up_seconds, _PAUSE_SECONDS, "nothing"
        while True:
            asked = loop.time()
            try:
                async with self._http.request(method, self.base_url + path, headers=headers, json=body) as answer:
                    text = await answer.text()
            except (aiohttp.ClientError, TimeoutError) as error:
                last = type(error).__name__
            else:
                self.answered_ms[method].append((loop.time() - asked) * 1_000)
                if answer.ok:
                    value: dict[str, Any] = json.loads(text)
                    return value
                last = f"{answer.status} {text[:300]}"
                if answer.status != _UNAVAILABLE and not (wait_for_it and answer.status == _NOT_FOUND):
                    break
            if loop.time() + pause_seconds > ends_at:
                break
            self.retries += 1
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 1.5, _PAUSE_SECONDS_MAX)
        raise CallFailedError(f"{method} {path}: {last}")
