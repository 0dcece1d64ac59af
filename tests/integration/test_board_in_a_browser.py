"""The board in a real Chromium, over a real Redis: signing in, what it shows, and that it moves by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from schemas.vocabulary import Status
from services._runtime.clock import SystemClock
from tests.browser import PHONE, chromium
from tests.integration.board_site import BoardSite
from tests.integration.clocks_bed import project_now, served, url_of
from tests.topology.monitored import Monitored

pytestmark = pytest.mark.integration

HOUR = 3_600


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with chromium() as started:
        yield started


class Site(BoardSite):
    """A served board with tickets that began a while ago, and a browser that looks at it."""

    def __init__(self, browser: Chrome, monitored: Monitored, redis_url: str, address: str) -> None:
        super().__init__(browser, address)
        self.monitored = monitored
        self._redis_url = redis_url

    def publish(self) -> None:
        project_now(self.monitored, self._redis_url)

    def lane(self, name: str) -> str:
        # Asked in one step: the stream may put new lanes in the place of those that were found a moment ago.
        return str(self.script(f"return document.querySelector('.lane.{name}').innerText"))


@pytest.fixture
def site(browser: Chrome, local_redis: str) -> Iterator[Site]:
    url = url_of(local_redis)
    monitored = Monitored(SystemClock().now() - timedelta(hours=1))
    for number in range(3):
        monitored.opened(f"T-NORTH-{number}", pool="north")
    monitored.opened("T-SOUTH", priority="P0", pool="south")
    monitored.assigned("T-NORTH-2")
    monitored.answered("T-NORTH-2")
    monitored.stands("T-NORTH-2", Status.PENDING)
    monitored.driver.advance(HOUR)
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    with served(monitored, url) as address:
        made = Site(browser, monitored, url, address)
        made.publish()
        yield made
    browser.get("about:blank")


def test_a_coordinator_signs_in_and_sees_what_is_overdue_first(site: Site) -> None:
    site.sign_in("coordinator")
    overdue = site.lane("overdue")
    assert "T-SOUTH" in overdue
    assert "over" in overdue
    assert "T-NORTH-2" in site.lane("paused")
    assert "T-NORTH-0" in site.lane("running")
    assert "overdue" in site.script("return document.querySelector('.tiles').innerText")


def test_a_customer_is_not_let_in(site: Site) -> None:
    site.sign_in("requester")
    assert site.browser.find_element(By.CSS_SELECTOR, ".refused").is_displayed()
    assert not site.browser.find_elements(By.CSS_SELECTOR, ".lane")


def test_what_happens_appears_without_a_reload(site: Site) -> None:
    site.sign_in("coordinator")
    site.wait_until_live()
    site.script("window.stayed = true")
    site.monitored.opened("T-NEWS", pool="north")
    site.publish()
    site.wait_for(lambda: "T-NEWS" in site.lane("running"), "the new ticket is on the board")
    site.monitored.cancelled("T-NEWS")
    site.publish()
    site.wait_for(lambda: "T-NEWS" not in site.lane("running"), "the ticket has left")
    assert site.script("return window.stayed") is True


def test_a_surge_appears_above_the_lanes_of_its_pool_and_leaves_when_it_is_over(site: Site) -> None:
    site.sign_in("coordinator")
    site.wait_for(lambda: site.browser.find_elements(By.CSS_SELECTOR, ".pulse.live"), "the stream is open")
    told = "return (document.querySelector('.surges') || {innerText: ''}).innerText"
    site.monitored.tallied("north", 25)
    site.publish()
    site.wait_for(lambda: "surge of breaches in north: 25" in site.script(told), "the surge is on the board")
    assert site.script("return document.documentElement.scrollWidth <= window.innerWidth") is True
    site.monitored.pools.advance(HOUR)
    site.publish()
    site.wait_for(lambda: not site.script(told), "the surge has left")


def test_clocks_count_on_between_two_looks(site: Site) -> None:
    site.sign_in("technician")
    text = "return document.querySelector('.lane.overdue .card .slack').textContent"
    site.wait_until_live()
    first = site.script(text)
    assert "over" in first
    site.wait_for(lambda: site.script(text) != first, "the clock counts on")


def test_a_pool_is_chosen_and_the_language_changed_on_the_page(site: Site) -> None:
    site.sign_in("coordinator")
    Select(site.browser.find_element(By.NAME, "pool")).select_by_visible_text("south")
    site.wait_for(lambda: "pool=south" in site.browser.current_url, "the pool is asked for")
    assert "T-SOUTH" in site.lane("overdue")
    assert "T-NORTH" not in site.script("return document.querySelector('main').innerText")
    site.browser.find_element(By.LINK_TEXT, "中文").click()
    site.wait_for(lambda: "时限看板" in site.browser.title, "the page is Chinese")
    assert "pool=south" in site.browser.current_url
    assert "已超时" in site.lane("overdue")


def test_on_a_phone_nothing_is_wider_than_the_screen(site: Site) -> None:
    site.sign_in("coordinator", lang="zh-CN")
    site.browser.set_window_size(*PHONE)
    try:
        widths = site.script("return [document.documentElement.scrollWidth, window.innerWidth]")
        assert widths[0] <= widths[1]
        tops = site.script(
            "return [...document.querySelectorAll('.lane')].map((lane) => lane.getBoundingClientRect().left)"
        )
        assert len(set(tops)) == 1
    finally:
        site.browser.set_window_size(1440, 1000)


def test_the_page_breaks_none_of_its_own_rules(site: Site) -> None:
    site.complaints()
    site.sign_in("coordinator")
    site.wait_until_live()
    assert site.complaints() == []


def test_signing_out_closes_the_board(site: Site) -> None:
    site.sign_in("coordinator")
    site.browser.find_element(By.CSS_SELECTOR, "nav button").click()
    site.wait_for(lambda: site.browser.find_elements(By.ID, "token"), "the door is shown")
    site.browser.get(f"{site.address}/board?lang=en")
    assert not site.browser.find_elements(By.CSS_SELECTOR, ".lane")
