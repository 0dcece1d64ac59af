"""The coordinator board in a real Chromium, over a real Redis: what it shows, dragging, choosing, and who may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from schemas.ticket_commands import AssignTicket, ReleaseTicket, TransferTicket
from schemas.vocabulary import ActorKind, Presence
from tests.browser import PHONE, chromium
from tests.integration.board_site import BoardSite
from tests.integration.pools_bed import DATABASE, PoolsBed
from tests.served import empty_database
from tests.topology.routing import POOL, present, rostered

pytestmark = pytest.mark.integration

OTHER_POOL = "cn-south"
QUEUE = f".queue[data-pool='{POOL}']"


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with chromium() as started:
        yield started


class Site(BoardSite):
    """The board over pools that a test changes."""

    def __init__(self, browser: Chrome, bed: PoolsBed, address: str) -> None:
        super().__init__(browser, address)
        self.bed = bed

    def text(self, selector: str) -> str:
        return str(self.script("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def card(self, ticket_id: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, f".card[data-ticket='{ticket_id}']")

    def person(self, technician_id: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, f".person[data-technician='{technician_id}']")

    def holds(self, technician_id: str, ticket_id: str) -> bool:
        return ticket_id in self.text(f".person[data-technician='{technician_id}']")

    def drag(self, thing: WebElement, to: WebElement) -> None:
        ActionChains(self.browser).drag_and_drop(thing, to).perform()

    def carry_out(self, commands: int) -> list[Any]:
        """Wait for so many commands, and let the ledger and the router do what they say."""
        self.wait_for(lambda: len(self.bed.producer.commands()) >= commands, "the command was written")
        self.bed.carry_out()
        self.bed.publish()
        return self.bed.producer.commands()


@pytest.fixture
def site(browser: Chrome, local_redis: str) -> Iterator[Site]:
    bed = PoolsBed(empty_database(local_redis, DATABASE))
    bed.router.send(rostered("li.na", "scanner"), rostered("wang.wei", "scanner"), rostered("zhao.min", capacity=4))
    bed.router.send(present("zhao.min", Presence.AWAY))
    for number in range(6):
        bed.offered(f"T-{number}", 600 * number - 900, skills=["scanner"], priority="P1" if number == 5 else "P2")
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    bed.publish()
    with bed.served() as address:
        yield Site(browser, bed, address)
    browser.get("about:blank")


def test_the_board_shows_queues_by_slack_and_who_carries_how_much(site: Site) -> None:
    site.sign_in("technician")
    queue = site.text(QUEUE)
    assert queue.index("T-5") < queue.index("T-4")
    assert "left" in queue
    assert site.text(".person[data-technician='li.na'] .load") == "2 / 2"
    assert "away" in site.text(".person[data-technician='zhao.min']")
    tiles = site.text(".tiles")
    assert "100%" in tiles
    assert "2/3" in tiles


def test_a_ticket_dragged_onto_someone_is_theirs_on_every_board_without_a_reload(site: Site) -> None:
    site.sign_in("coordinator")
    site.wait_until_live()
    site.script("window.stayed = true")
    site.drag(site.card("T-4"), site.person("zhao.min"))
    (command,) = site.carry_out(1)
    assert isinstance(command, AssignTicket)
    assert (command.ticket_id, command.technician_id) == ("T-4", "zhao.min")
    assert command.actor.kind is ActorKind.COORDINATOR
    site.wait_for(lambda: site.holds("zhao.min", "T-4"), "the ticket has moved")
    assert "T-4" not in site.text(QUEUE)
    assert site.script("return window.stayed") is True


def test_held_work_dragged_onto_the_queue_is_given_back(site: Site) -> None:
    site.sign_in("coordinator")
    site.wait_until_live()
    held = site.browser.find_element(By.CSS_SELECTOR, ".person[data-technician='li.na'] .card")
    ticket_id = held.get_attribute("data-ticket")
    site.drag(held, site.browser.find_element(By.CSS_SELECTOR, QUEUE))
    (command,) = site.carry_out(1)
    assert isinstance(command, ReleaseTicket)
    assert command.ticket_id == ticket_id
    # What was more urgent has taken its place, and it waits with its age.
    site.wait_for(lambda: site.holds("li.na", "T-5"), "the most urgent one has taken the place")


def test_several_tickets_are_picked_and_given_away_together(site: Site) -> None:
    site.sign_in("coordinator")
    site.wait_until_live()
    for ticket_id in ("T-4", "T-5"):
        site.card(ticket_id).find_element(By.CSS_SELECTOR, ".pick").click()
    assert site.script("return document.querySelectorAll('.card.picked').length") == 2
    site.drag(site.card("T-4"), site.person("zhao.min"))
    commands = site.carry_out(2)
    assert {(each.ticket_id, each.technician_id) for each in commands} == {("T-4", "zhao.min"), ("T-5", "zhao.min")}
    site.wait_for(lambda: site.holds("zhao.min", "T-4") and site.holds("zhao.min", "T-5"), "both have moved")
    assert site.script("return document.querySelectorAll('.card.picked').length") == 0


def other_pool(site: Site) -> None:
    """Someone works elsewhere, too."""
    site.bed.router.send(rostered("sun.li", "printer", pool=OTHER_POOL))
    site.bed.publish()


def test_a_ticket_is_moved_to_another_pool_by_the_keyboard_alone(site: Site) -> None:
    other_pool(site)
    site.sign_in("coordinator")
    site.wait_until_live()
    site.card("T-4").find_element(By.CSS_SELECTOR, ".transfer").send_keys(Keys.ENTER)
    site.wait_for(lambda: site.text("#chooser h2") == "Move T-4 to the pool", "the list is open")
    assert site.text("#chooser ul") == OTHER_POOL
    assert site.script("return document.activeElement.dataset.pool") == OTHER_POOL
    ActionChains(site.browser).send_keys(Keys.ENTER).perform()
    (command,) = site.carry_out(1)
    assert isinstance(command, TransferTicket)
    assert (command.ticket_id, command.pool) == ("T-4", OTHER_POOL)
    assert command.actor.kind is ActorKind.COORDINATOR
    lane = f".pool-lane[data-pool='{OTHER_POOL}']"
    site.wait_for(lambda: "T-4" in site.text(lane), "the ticket is in the other pool")
    assert "T-4" not in site.text(QUEUE)
    assert not site.text(".card[data-ticket='T-4'] .asked:not([hidden])")


def test_on_a_phone_held_and_waiting_tickets_that_are_picked_move_to_another_pool_together(site: Site) -> None:
    other_pool(site)
    site.browser.set_window_size(*PHONE)
    try:
        site.sign_in("coordinator", lang="zh-CN")
        site.wait_until_live()
        held = site.browser.find_element(By.CSS_SELECTOR, ".person[data-technician='li.na'] .card")
        moved = {"T-4", str(held.get_attribute("data-ticket"))}
        for ticket_id in moved:
            site.card(ticket_id).find_element(By.CSS_SELECTOR, ".pick").click()
        widths = site.script("return [document.documentElement.scrollWidth, window.innerWidth]")
        assert widths[0] <= widths[1]
        site.card("T-4").find_element(By.CSS_SELECTOR, ".transfer").click()
        site.wait_for(lambda: site.text("#chooser h2") == "将 T-4 +1 转到资源池", "the list is open")
        site.browser.find_element(By.CSS_SELECTOR, f"#chooser button[data-pool='{OTHER_POOL}']").click()
        commands = site.carry_out(2)
        assert {(each.ticket_id, each.pool) for each in commands} == {(each, OTHER_POOL) for each in moved}
        lane = f".pool-lane[data-pool='{OTHER_POOL}']"
        site.wait_for(lambda: all(each in site.text(lane) for each in moved), "both are in the other pool")
    finally:
        site.browser.set_window_size(1440, 1000)


def test_on_a_phone_a_technician_is_chosen_from_a_list_and_nothing_is_wider_than_the_screen(site: Site) -> None:
    site.browser.set_window_size(*PHONE)
    try:
        site.sign_in("coordinator", lang="zh-CN")
        site.wait_until_live()
        widths = site.script("return [document.documentElement.scrollWidth, window.innerWidth]")
        assert widths[0] <= widths[1]
        site.card("T-4").find_element(By.CSS_SELECTOR, ".assign").click()
        site.wait_for(lambda: site.text("#chooser h2") == "将 T-4 派给", "the list is open")
        site.browser.find_element(By.CSS_SELECTOR, "#chooser button[data-technician='zhao.min']").click()
        (command,) = site.carry_out(1)
        assert command.technician_id == "zhao.min"
        site.wait_for(lambda: site.holds("zhao.min", "T-4"), "the ticket has moved")
    finally:
        site.browser.set_window_size(1440, 1000)


def test_what_was_asked_for_shows_on_its_card_until_it_has_come(site: Site) -> None:
    site.sign_in("coordinator")
    site.wait_until_live()
    site.drag(site.card("T-4"), site.person("zhao.min"))
    asked = ".card[data-ticket='T-4'] .asked:not([hidden])"
    site.wait_for(lambda: site.text(asked), "the card says that it was asked for")
    site.carry_out(1)
    site.wait_for(lambda: site.holds("zhao.min", "T-4"), "the ticket has moved")
    assert not site.text(asked)


def test_who_is_no_coordinator_sees_no_way_to_assign(site: Site) -> None:
    site.sign_in("technician")
    assert site.text(QUEUE)
    assert not site.browser.find_elements(
        By.CSS_SELECTOR, ".assign, .transfer, [data-pools], .card[draggable], #chooser"
    )


def test_a_refusal_is_said_on_the_page(site: Site) -> None:
    site.sign_in("coordinator")
    site.wait_until_live()
    # Only the view has lost the ticket: the page still shows it.
    site.script("document.querySelector(\".card[data-ticket='T-4']\").dataset.ticket = 'T-GONE'")
    site.drag(site.card("T-GONE"), site.person("zhao.min"))
    site.wait_for(lambda: "T-GONE" in site.text("#said"), "the page says why not")
    assert site.bed.producer.commands() == []


def test_the_page_breaks_none_of_its_own_rules(site: Site) -> None:
    site.complaints()
    site.sign_in("coordinator")
    site.wait_until_live()
    site.drag(site.card("T-4"), site.person("zhao.min"))
    site.carry_out(1)
    assert site.complaints() == []
