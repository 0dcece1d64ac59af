"""The monitor's web server in process, over clocks that a test sets by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from fastapi.testclient import TestClient
from pydantic import SecretStr

from services._runtime.clock import ManualClock
from services._runtime.unavailable import RedisUnavailable
from services._runtime.web.tokens import issue_access
from services._runtime.web.web import create_web
from services.sla_monitor.api.board import board_router
from services.sla_monitor.api.board_page import BoardPage
from services.sla_monitor.api.explain import explain_router
from services.sla_monitor.domain.board import LANES, Board, Row
from services.sla_monitor.state import TicketClocks
from tests.topology.monitored import Monitored

SECRET: Final = SecretStr("s" * 32)
NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class FakeClocks:
    """Shows what it is given; `gone` makes it fail as Redis would. `asked` notes whose board was asked for."""

    def __init__(self) -> None:
        self.states: dict[tuple[str, str], TicketClocks] = {}
        self.rows: list[Row] = []
        self.asked: list[tuple[str, str | None]] = []
        self.gone = False

    async def state(self, tenant: str, ticket_id: str) -> TicketClocks | None:
        self._answer()
        return self.states.get((tenant, ticket_id))

    async def board(self, tenant: str, pool: str | None, now_us: int, rows_max: int) -> Board:
        self._answer()
        self.asked.append((tenant, pool))
        rows = {lane: [row for row in self.rows if row.lane == lane] for lane in LANES}
        return Board(
            counts={lane: len(each) for lane, each in rows.items()},
            rows={lane: each[:rows_max] for lane, each in rows.items()},
            due_within_hour=sum(row.at_us < now_us + 3_600_000_000 for row in rows["running"]),
            pools=["north", "south"],
            fresh=True,
        )

    def _answer(self) -> None:
        if self.gone:
            raise RedisUnavailable("gone")


class ClocksSite:
    """The site with a client that follows redirects only when told."""

    def __init__(self, monitored: Monitored | None = None) -> None:
        self.monitored = monitored or Monitored(NOW)
        self.clocks = FakeClocks()
        self.clock = ManualClock(NOW)
        web = create_web(
            "clocks",
            clock=self.clock,
            routers=(
                explain_router(SECRET, self.clocks, self.monitored.rulings, self.clock),
                board_router(SECRET, self.clocks, BoardPage(ZoneInfo("Asia/Shanghai")), self.clock),
            ),
        )
        self.client = TestClient(web, base_url="http://board", follow_redirects=False)

    def token(self, *roles: str, tenant: str = "acme", seconds: float = 90 * 86_400) -> str:
        """A token that is valid for so long."""
        return issue_access(
            SECRET,
            tenant=tenant,
            subject="someone",
            roles=set(roles),
            now=NOW,
            expires_at=NOW + timedelta(seconds=seconds),
        )

    def bearer(self, *roles: str, tenant: str = "acme") -> dict[str, str]:
        """The header of a program."""
        return {"Authorization": f"Bearer {self.token(*roles, tenant=tenant)}"}

    def publish(self, ticket_id: str) -> None:
        """Show a ticket as the topology left it."""
        state = self.monitored.driver.state(ticket_id)
        assert state is not None
        self.clocks.states["acme", ticket_id] = state
