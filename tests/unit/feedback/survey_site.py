"""The survey page as a browser or program meets it, over ASGI, on a clock that stands still."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
from pydantic import SecretStr

from services._runtime.clock import ManualClock
from services._runtime.web.tokens import AUDIENCE_SURVEY, issue_link
from services._runtime.web.web import create_web
from services.feedback.api.answers import Sender
from services.feedback.api.pages import SurveyPages
from services.feedback.api.routes import SurveyApi, survey_routes

SECRET: Final = SecretStr("s" * 32)
NOON: Final = datetime(2026, 1, 7, 12, 0, tzinfo=UTC)
TICKET: Final = "T-8ZKD-3M0Q-V7XA-2HRC"
SURVEY: Final = "S-0000-1111-2222-3333"


def token(subject: str = f"{TICKET}/{SURVEY}", audience: str = AUDIENCE_SURVEY, hours: float = 24) -> str:
    """A signed link's token, good for so many hours after `NOON`."""
    expires_at = NOON + timedelta(hours=hours)
    return issue_link(SECRET, audience=audience, tenant="acme", subject=subject, now=NOON, expires_at=expires_at)


class SurveySite:
    """The web application over a sender of answers."""

    def __init__(self, sender: Sender) -> None:
        self.clock = ManualClock(NOON)
        api = SurveyApi(secret=SECRET, sender=sender, clock=self.clock, pages=SurveyPages())
        self.web = create_web("surveys", clock=self.clock, routers=[survey_routes(api)])

    async def exchange(self, method: str, path: str, **sent: Any) -> httpx.Response:
        """One request, on the loop that runs."""
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.web), base_url="http://survey") as client:
            return await client.request(method, path, **sent)

    def get(self, path: str, **sent: Any) -> httpx.Response:
        """One request, on a loop of its own."""
        return asyncio.run(self.exchange("GET", path, **sent))

    def post(self, path: str, **sent: Any) -> httpx.Response:
        """One request, on a loop of its own."""
        return asyncio.run(self.exchange("POST", path, **sent))
