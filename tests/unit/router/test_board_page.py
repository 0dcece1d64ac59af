"""The coordinator board over HTTP: who gets in, who may assign, what is refused, and how it moves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient

from schemas.ticket_commands import AssignTicket, ReleaseTicket, TransferTicket
from schemas.topics import AUDIT
from schemas.vocabulary import Language, Level, Presence
from services._runtime.clock import ManualClock
from services._runtime.unavailable import RedisUnavailable
from services._runtime.web.tokens import issue_access
from services._runtime.web.web import create_web
from services.router.api.assigning import BOARD_HEADER, Assigning
from services.router.api.board import LOOK_SECONDS, WHOLE_LOOK_SECONDS, Boards, Watch, board_router, looks_of
from services.router.api.board_page import ASSETS, BoardPage
from services.router.api.words import WORDS
from services.router.domain.board import Board, Holding, OfferRow, PoolCounts, PoolLane, TechnicianRow
from tests.kafka_stand_in import KafkaStandIn
from tests.served import SECRET

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ASKED = {"pool": "north", "ticket_id": "T-1", "technician_id": "li.na"}
MOVED = {"pool": "north", "ticket_id": "T-1", "to_pool": "south"}


def row(ticket_id: str, due_seconds: float | None = 600, **more: Any) -> OfferRow:
    due_at = None if due_seconds is None else NOW + timedelta(seconds=due_seconds)
    return OfferRow(ticket_id, "P1", 1, NOW - timedelta(hours=1), NOW - timedelta(hours=1), due_at, **more)


class FakePools:
    """Shows one pool; `gone` makes it fail as Redis would. `asked` notes whose board was asked for."""

    def __init__(self) -> None:
        self.rows = [row("T-1")]
        self.count = 1
        self.asked: list[tuple[str, str | None]] = []
        self.gone = False

    async def changes(self) -> tuple[int, bool]:
        self._answer()
        return self.count, True

    async def board(self, tenant: str, pool: str | None, now: datetime, lanes_max: int, rows_max: int) -> Board:
        del now, lanes_max
        self._answer()
        self.asked.append((tenant, pool))
        counts = PoolCounts("north", len(self.rows), 0, 1, 3, 4, {"available": 1, "busy": 0, "away": 0, "offline": 0})
        li_na = TechnicianRow("li.na", Level.L2, 4, Presence.AVAILABLE, rostered=True, skills=("scanner",))
        people = (Holding(li_na, 3, (row("T-HELD", technician_id="li.na"),)),)
        return Board((counts,), (PoolLane(counts, tuple(self.rows[:rows_max]), people),), fresh=True)

    async def offer(self, tenant: str, pool: str, ticket_id: str) -> OfferRow | None:
        self._answer()
        mine = tenant == "acme" and pool == "north"
        return next((each for each in self.rows if mine and each.ticket_id == ticket_id), None)

    async def technician(self, pool: str, technician_id: str) -> TechnicianRow | None:
        known = pool == "north" and technician_id == "li.na"
        return TechnicianRow(technician_id, Level.L1, 1, Presence.AVAILABLE, rostered=True) if known else None

    async def has_pool(self, pool: str) -> bool:
        return pool in {"north", "south"}

    def _answer(self) -> None:
        if self.gone:
            raise RedisUnavailable("gone")


class BoardSite:
    def __init__(self) -> None:
        self.pools = FakePools()
        self.kafka = KafkaStandIn()
        self.clock = ManualClock(NOW)
        self.page = BoardPage(ZoneInfo("Asia/Shanghai"))
        assigning = Assigning(self.pools, self.kafka, self.clock)
        routes = board_router(SECRET, self.pools, self.page, assigning, self.clock)
        web = create_web("router", clock=self.clock, routers=(routes,))
        self.client = TestClient(web, base_url="http://board", follow_redirects=False)

    def headers(self, *roles: str, tenant: str = "acme", **more: str) -> dict[str, str]:
        token = issue_access(
            SECRET, tenant=tenant, subject="boss", roles=set(roles), now=NOW, expires_at=NOW + timedelta(hours=1)
        )
        return {"Authorization": f"Bearer {token}", **more}

    def post(self, action: str, body: Any, *roles: str, tenant: str = "acme", marked: bool = True) -> Any:
        more = {BOARD_HEADER: "1"} if marked else {}
        return self.client.post(f"/board/{action}", json=body, headers=self.headers(*roles, tenant=tenant, **more))


@pytest.fixture
def site() -> BoardSite:
    return BoardSite()


def test_who_has_not_signed_in_is_asked_for_a_token_and_gets_nothing(site: BoardSite) -> None:
    assert "Access token" in site.client.get("/board?lang=en").text
    assert site.client.get("/board").status_code == 401
    assert site.client.get("/board/stream").status_code == 401
    assert site.client.post("/board/assign", json=ASKED).status_code == 401
    assert site.client.get("/board", headers=site.headers("requester")).status_code == 401


def test_the_board_shows_the_viewers_own_tenant(site: BoardSite) -> None:
    text = site.client.get("/board?lang=en", headers=site.headers("technician", tenant="other")).text
    assert site.pools.asked == [("other", None)]
    assert "T-1" in text
    assert "10 min left" in text
    assert "3 / 4" in text


def test_only_coordinators_are_shown_how_to_assign(site: BoardSite) -> None:
    technician = site.client.get("/board", headers=site.headers("technician")).text
    assert "board.js" not in technician
    assert "draggable" not in technician
    coordinator = site.client.get("/board", headers=site.headers("coordinator")).text
    assert "board.js" in coordinator
    assert "draggable" in coordinator


def test_what_has_no_target_counts_its_wait(site: BoardSite) -> None:
    site.pools.rows = [row("T-1", None)]
    text = site.client.get("/board?lang=en", headers=site.headers("technician")).text
    assert "for 1 h" in text


def test_assigning_is_a_command_to_the_ledger_and_audited(site: BoardSite) -> None:
    answer = site.post("assign", ASKED, "coordinator")
    assert answer.status_code == 202
    (command,) = site.kafka.commands()
    assert isinstance(command, AssignTicket)
    assert (command.ticket_id, command.technician_id, command.actor.actor_id) == ("T-1", "li.na", "boss")
    (audit,) = site.kafka.on(AUDIT)
    assert (audit.action, audit.entity, audit.outcome) == ("assign", "T-1", "accepted")


def test_giving_back_is_a_command_too(site: BoardSite) -> None:
    assert site.post("release", {"pool": "north", "ticket_id": "T-1"}, "coordinator").status_code == 202
    (command,) = site.kafka.commands()
    assert isinstance(command, ReleaseTicket)
    assert command.ticket_id == "T-1"


def test_moving_to_another_pool_is_a_command_too(site: BoardSite) -> None:
    assert site.post("transfer", MOVED, "coordinator").status_code == 202
    (command,) = site.kafka.commands()
    assert isinstance(command, TransferTicket)
    assert (command.ticket_id, command.pool, command.skills, command.actor.actor_id) == ("T-1", "south", [], "boss")
    (audit,) = site.kafka.on(AUDIT)
    assert (audit.action, audit.entity, audit.outcome) == ("transfer", "T-1", "accepted")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"ticket_id": "T-2"}, 404, "ticket-not-on-board"),
        ({"to_pool": "nowhere"}, 422, "no-other-pool"),
        ({"to_pool": "north"}, 422, "no-other-pool"),
        ({"more": 1}, 422, "validation"),
    ],
)
def test_what_cannot_move_stays_and_nothing_is_written(
    site: BoardSite, change: dict[str, Any], status: int, code: str
) -> None:
    answer = site.post("transfer", {**MOVED, **change}, "coordinator")
    assert answer.status_code == status
    assert answer.json()["type"].endswith(code)
    assert site.kafka.commands() == []


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"ticket_id": "T-2"}, 404, "ticket-not-on-board"),
        ({"technician_id": "ghost"}, 422, "not-on-roster"),
        ({"pool": "south"}, 404, "ticket-not-on-board"),
        ({"more": 1}, 422, "validation"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    site: BoardSite, change: dict[str, Any], status: int, code: str
) -> None:
    answer = site.post("assign", {**ASKED, **change}, "coordinator")
    assert answer.status_code == status
    assert answer.json()["type"].endswith(code)
    assert site.kafka.commands() == []


def test_another_tenants_ticket_is_not_there(site: BoardSite) -> None:
    assert site.post("assign", ASKED, "coordinator", tenant="other").status_code == 404


@pytest.mark.parametrize("role", ["technician", "system"])
def test_who_is_no_coordinator_may_not_assign(site: BoardSite, role: str) -> None:
    assert site.post("assign", ASKED, role).status_code == 403
    assert site.post("release", ASKED, role).status_code in {403, 422}
    assert site.post("transfer", MOVED, role).status_code == 403
    assert site.kafka.commands() == []


def test_what_does_not_come_from_the_boards_own_script_is_refused(site: BoardSite) -> None:
    for action, body in (("assign", ASKED), ("transfer", MOVED)):
        assert site.post(action, body, "coordinator", marked=False).status_code == 403
    assert site.kafka.commands() == []


def test_without_redis_the_page_says_that_it_comes_back(site: BoardSite) -> None:
    site.pools.gone = True
    answer = site.client.get("/board?lang=en", headers=site.headers("technician"))
    assert answer.status_code == 503
    assert "comes back by itself" in answer.text


def test_pages_may_load_nothing_from_elsewhere_and_have_no_scripts_of_their_own(site: BoardSite) -> None:
    answer = site.client.get("/board", headers=site.headers("coordinator"))
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "style=" not in answer.text
    assert "https://" not in answer.text
    for name in ASSETS:
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        assert site.client.get(f"/board/assets/{name}").headers["content-type"].startswith(kind)
    assert site.client.get("/board/assets/board.html").status_code == 404


def test_watchers_of_one_board_share_a_look_until_something_changes(site: BoardSite) -> None:
    async def scenario() -> None:
        boards = Boards(site.pools, site.clock)
        for _ in range(3):
            await boards.of("acme", None)
        assert len(site.pools.asked) == 1
        site.clock.advance(timedelta(seconds=LOOK_SECONDS))
        await boards.of("acme", None)
        assert len(site.pools.asked) == 1
        site.pools.count += 1
        site.clock.advance(timedelta(seconds=LOOK_SECONDS))
        await boards.of("acme", None)
        assert len(site.pools.asked) == 2
        # What only time changes is looked at now and then.
        site.clock.advance(timedelta(seconds=WHOLE_LOOK_SECONDS))
        await boards.of("acme", None)
        assert len(site.pools.asked) == 3

    asyncio.run(scenario())


def test_the_stream_tells_news_at_the_next_look(site: BoardSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time moves by hand: each sleep of the stream lets a look's time go by."""
    slept: list[float] = []

    async def lets_time_pass(seconds: float) -> None:
        slept.append(seconds)
        site.clock.advance(timedelta(seconds=seconds))
        if len(slept) == 3:
            site.pools.rows.append(row("T-NEWS"))
            site.pools.count += 1

    monkeypatch.setattr("services.router.api.board.asyncio.sleep", lets_time_pass)

    async def scenario() -> list[str]:
        watch = Watch("acme", None, Language.EN, may_assign=True)
        stream = looks_of(Boards(site.pools, site.clock), site.page, site.clock, watch)
        return [await anext(stream) for _ in range(3)]

    retry, first, news = asyncio.run(scenario())
    assert retry.startswith("retry:")
    assert "T-NEWS" not in first
    assert "T-NEWS" in news
    assert sum(slept) < 1.0


def test_both_languages_say_the_same_things() -> None:
    assert len({frozenset(words) for words in WORDS.values()}) == 1
