"""The board over HTTP: who gets in, what it says, and how it moves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from schemas.vocabulary import Language
from services._runtime.web.door import COOKIE
from services.sla_monitor.api.board import LOOK_SECONDS, Boards, _looks
from services.sla_monitor.api.board_page import ASSETS, BoardPage
from services.sla_monitor.domain.board import LANES, LATE, OVERDUE, WAITING, Board, Row, SurgeRow
from services.sla_monitor.domain.instants import SECOND_US, from_datetime
from services.sla_monitor.domain.targets import RUNNING
from tests.unit.sla_monitor.clocks_site import NOW, ClocksSite


def row(lane: str, seconds: float, ticket_id: str = "T-1", **more: object) -> Row:
    """A row whose instant lies so many seconds ahead."""
    now_us = from_datetime(NOW)
    at_us = now_us + int(seconds * SECOND_US)
    given = {
        "lane": lane,
        "at_us": at_us,
        "ticket_id": ticket_id,
        "target": "resolution",
        "cycle": 1,
        "priority": "P1",
        "pool": "north",
        "started_us": now_us - 3_600 * SECOND_US,
        "due_us": at_us,
        "budget_us": 7_200 * SECOND_US,
        **more,
    }
    return Row(**given)  # type: ignore[arg-type]


@pytest.fixture
def site() -> ClocksSite:
    return ClocksSite()


def test_who_has_not_signed_in_is_asked_for_a_token_in_their_language(site: ClocksSite) -> None:
    page = site.client.get("/board", headers={"Accept-Language": "en"})
    assert page.status_code == 401
    assert "Access token" in page.text
    assert "访问令牌" in site.client.get("/board").text
    assert site.client.get("/board/stream").status_code == 401


def test_a_token_opens_the_board_and_stays_where_scripts_cannot_read_it(site: ClocksSite) -> None:
    answer = site.client.post("/board/session", data={"token": site.token("coordinator"), "lang": "en"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/board?lang=en"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    for word in ("HttpOnly", "SameSite=strict", "Path=/board"):
        assert word.casefold() in cookie.casefold()
    assert site.client.get("/board?lang=en").status_code == 200
    site.client.post("/board/session/end")
    assert site.client.get("/board").status_code == 401


@pytest.mark.parametrize("roles", [("requester",), ()])
def test_a_token_without_a_staff_role_opens_nothing(site: ClocksSite, roles: tuple[str, ...]) -> None:
    answer = site.client.post("/board/session", data={"token": site.token(*roles), "lang": "en"})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "not valid" in answer.text


def test_an_expired_token_is_asked_for_anew(site: ClocksSite) -> None:
    site.client.post("/board/session", data={"token": site.token("technician", seconds=60)})
    assert site.client.get("/board").status_code == 200
    site.clock.advance(timedelta(seconds=61))
    assert site.client.get("/board").status_code == 401


def test_rows_say_what_is_overdue_by_how_much_and_who_was_told(site: ClocksSite) -> None:
    site.clocks.rows = [
        row(OVERDUE, -3_720, "T-OVER", role="supervisor"),
        row(WAITING, 600, "T-WAIT", target="manual_escalation", role="director"),
        row(RUNNING, 300, "T-SOON"),
        row(RUNNING, 7_200, "T-LATER"),
        row(LATE, -60, "T-LATE", due_us=from_datetime(NOW) - 660 * SECOND_US),
    ]
    text = site.client.get("/board?lang=en", headers=site.bearer("technician")).text
    for said in (
        "1 h 2 min over",
        "→ supervisor",
        "5 min left",
        "2 h left",
        "10 min over",
        "manual escalation",
    ):
        assert said in text
    assert text.index("T-OVER") < text.index("T-WAIT") < text.index("T-SOON") < text.index("T-LATER")
    assert 'class="card over"' in text
    assert 'class="card soon"' in text
    assert "升级至 总监" in site.client.get("/board?lang=zh-CN", headers=site.bearer("technician")).text


def test_surges_of_the_pool_stand_above_the_lanes() -> None:
    now_us = from_datetime(NOW)
    board = Board(
        counts=dict.fromkeys(LANES, 0),
        rows=dict.fromkeys(LANES, ()),
        due_within_hour=0,
        pools=["north"],
        fresh=True,
        surges=[SurgeRow("<north>", "P0", 7, now_us - 600 * SECOND_US)],
    )
    page = BoardPage(ZoneInfo("UTC"))
    english, chinese = (page.lanes(board, language, NOW) for language in (Language.EN, Language.ZH_CN))
    assert "surge of breaches in &lt;north&gt;: 7 within the window" in english
    assert "资源池 &lt;north&gt; 超时激增：窗口内 7 项" in chinese
    assert english.index('role="status"') < english.index("lanes")
    assert 'role="status"' not in page.lanes(msgspec.structs.replace(board, surges=()), Language.EN, NOW)


def test_texts_from_outside_are_shown_and_never_run(site: ClocksSite) -> None:
    site.clocks.rows = [row(RUNNING, 60, pool="<script>alert(1)</script>")]
    text = site.client.get("/board", headers=site.bearer("technician")).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_a_pool_is_asked_for_alone_and_each_tenant_sees_its_own(site: ClocksSite) -> None:
    site.client.get("/board?pool=south", headers=site.bearer("technician", tenant="other"))
    assert site.clocks.asked == [("other", "south")]


def test_everyone_who_watches_the_same_board_is_served_by_one_look(site: ClocksSite) -> None:
    for _ in range(5):
        site.client.get("/board", headers=site.bearer("technician"))
    assert len(site.clocks.asked) == 1
    site.clock.advance(timedelta(seconds=LOOK_SECONDS))
    site.client.get("/board", headers=site.bearer("technician"))
    assert len(site.clocks.asked) == 2


def test_without_redis_the_page_says_that_it_comes_back(site: ClocksSite) -> None:
    site.clocks.gone = True
    answer = site.client.get("/board?lang=en", headers=site.bearer("technician"))
    assert answer.status_code == 503
    assert "comes back by itself" in answer.text


def test_pages_may_load_nothing_from_elsewhere_and_have_no_scripts_of_their_own(site: ClocksSite) -> None:
    site.clocks.rows = [row(RUNNING, 60)]
    answer = site.client.get("/board", headers=site.bearer("technician"))
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "style=" not in answer.text
    assert "http://" not in answer.text
    assert "https://" not in answer.text
    for name, kind in (
        *((name, "text/css") for name in ASSETS),
        ("page.css", "text/css"),
        ("page.js", "text/javascript"),
    ):
        assert site.client.get(f"/board/assets/{name}").headers["content-type"].startswith(kind)
    assert site.client.get("/board/assets/board.html").status_code == 404


def test_the_stream_tells_news_once_and_that_it_lives(site: ClocksSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time moves by hand: each sleep of the stream lets a look's time go by."""

    async def lets_time_pass(seconds: float) -> None:
        site.clock.advance(timedelta(seconds=seconds))

    monkeypatch.setattr("services.sla_monitor.api.board.asyncio.sleep", lets_time_pass)
    site.clocks.rows = [row(RUNNING, 60, "T-FIRST")]

    async def scenario() -> list[str]:
        page = BoardPage(ZoneInfo("Asia/Shanghai"))
        stream = _looks(Boards(site.clocks, site.clock), page, site.clock, "acme", None, Language.EN)
        heard = [await anext(stream), await anext(stream), await anext(stream)]
        site.clocks.rows = [row(OVERDUE, -1, "T-SECOND")]
        heard += [await anext(stream)]
        site.clocks.gone = True
        heard += [await anext(stream)]
        await _close(stream)
        return heard

    retry, first, beat, second, stale = asyncio.run(scenario())
    assert retry.startswith("retry:")
    assert "T-FIRST" in _html_of(first)
    assert beat.startswith("event: beat\n")
    assert "T-SECOND" in _html_of(second)
    assert stale.startswith("event: stale\n")


def _html_of(event: str) -> str:
    name, data, *_ = event.split("\n")
    assert name == "event: board"
    text: str = json.loads(data.removeprefix("data: "))
    return text


async def _close(stream: AsyncIterator[str]) -> None:
    await stream.aclose()  # type: ignore[attr-defined]
