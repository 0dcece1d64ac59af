"""Somebody who watches the coordinator board of a running stack: its stream, read as a browser would."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import httpx
from pydantic import SecretStr

from deploy.local.services import TENANT
from services._runtime.clock import SystemClock
from services._runtime.web.tokens import issue_access

SEEN_SECONDS: Final = 20.0
"""The promise is one second on a machine of its own; this bounds the wait on any."""
_CLOCK: Final = SystemClock()
_CARD: Final = re.compile(r'<li class="card[^>]*data-ticket="(?P<ticket>[^"]+)"[^>]*data-holder="(?P<holder>[^"]+)"')


def caller(secret: str, subject: str, role: str) -> dict[str, str]:
    """The header of somebody with a role."""
    now = _CLOCK.now()
    token = issue_access(
        SecretStr(secret), tenant=TENANT, subject=subject, roles={role}, now=now, expires_at=now + timedelta(hours=1)
    )
    return {"Authorization": f"Bearer {token}"}


class Watcher:
    """Reads one stream of a board."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def wait_for_someone(self, ticket_id: str) -> str:
        """Whoever the board shows the ticket with first; fails after a bound."""
        return self._wait(ticket_id, lambda _: True)

    def wait_for(self, ticket_id: str, technician_id: str) -> None:
        """Return once the board shows the ticket with this technician; fails after a bound."""
        self._wait(ticket_id, lambda holder_id: holder_id == technician_id)

    def _wait(self, ticket_id: str, is_meant: Callable[[str], bool]) -> str:
        ends_at_seconds = _CLOCK.monotonic_seconds() + SEEN_SECONDS
        for line in self._lines:
            if line.startswith("data: "):
                holder_id = _held(json.loads(line.removeprefix("data: "))).get(ticket_id)
                if holder_id is not None and is_meant(holder_id):
                    return holder_id
            assert _CLOCK.monotonic_seconds() < ends_at_seconds, f"{ticket_id} is not shown with whom it should be"
        raise AssertionError("the stream has ended")


@contextmanager
def watching(url: str, pool: str, header: dict[str, str]) -> Iterator[Watcher]:
    """Look at a pool's board until the end of the block."""
    timeout = httpx.Timeout(SEEN_SECONDS)
    with (
        httpx.Client(timeout=timeout, headers=header) as client,
        client.stream("GET", f"{url}/board/stream", params={"pool": pool, "lang": "en"}) as answer,
    ):
        assert answer.status_code == httpx.codes.OK
        yield Watcher(answer.iter_lines())


def _held(lanes: str) -> dict[str, str]:
    """The technician of each ticket that the lanes show with one."""
    return {card["ticket"]: card["holder"] for card in _CARD.finditer(lanes)}
