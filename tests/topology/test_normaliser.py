"""The normaliser as a topology: one command for each message that a person wrote."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas.dead_letters import Reason
from schemas.ids import ticket_id
from schemas.intake_requests import RequestReceived
from schemas.ticket_commands import AddCustomerMessage, OpenTicket
from schemas.topics import INTAKE_REQUESTS, TICKET_COMMANDS
from schemas.vocabulary import Category, Channel, Impact
from services._runtime.engine.driver import TopologyDriver
from services._runtime.metrics import INTAKE_REQUESTS as REQUESTS_COUNTED
from services.intake.adapters.rule_file import load_rules
from services.intake.handlers import count_effects, ledger_topology, normaliser_topology
from services.intake.handlers.tally import Fate, RequestHandled
from services.intake.state import Conversation
from tests.unit.intake import values as v
from tests.unit.intake.values import request

Driver = TopologyDriver[Conversation]

KEY = "conversation-1"
FIRST = ticket_id("acme", "email", "first")
DAY_SECONDS = 86_400


@pytest.fixture
def driver() -> Driver:
    return TopologyDriver(normaliser_topology(load_rules()))


def receive(driver: Driver, *requests: RequestReceived, tenant: str = "acme") -> None:
    for each in requests:
        driver.send(INTAKE_REQUESTS, each.conversation, each, tenant=tenant)


def commands(driver: Driver) -> list[Any]:
    return [event.data for event in driver.read(TICKET_COMMANDS)]


def test_a_first_message_opens_a_ticket_named_by_what_it_is(driver: Driver) -> None:
    receive(driver, request(issue_type="malfunction", product="scanhub"))
    (event,) = driver.read(TICKET_COMMANDS)
    assert isinstance(event.data, OpenTicket)
    assert (event.id, event.key, event.subject) == (f"{FIRST}:open", FIRST, FIRST)
    assert (event.data.category, event.data.pool, event.data.impact) == (
        Category.TECHNICAL,
        "technical-support",
        Impact.MINOR,
    )
    assert "version" in event.data.missing_fields
    assert driver.effects == [RequestHandled(Channel.EMAIL, Fate.OPENED)]


def test_nothing_that_the_customer_filled_in_is_lost(driver: Driver) -> None:
    filled = request(
        product="scanhub",
        version="4.2",
        users_affected_percent=35,
        steps_to_reproduce="1. scan",
        screenshot_url="https://files.example/s.png",
    )
    receive(driver, filled)
    (opening,) = commands(driver)
    for field in ("requester", "product", "version", "users_affected_percent", "steps_to_reproduce", "screenshot_url"):
        assert getattr(opening, field) == getattr(filled, field)


def test_the_same_message_again_makes_no_second_command(driver: Driver) -> None:
    receive(driver, request(), request())
    driver.crash()
    receive(driver, request())
    assert len(commands(driver)) == 1
    assert driver.effects[1:] == [RequestHandled(Channel.EMAIL, Fate.DUPLICATE)] * 2


def test_the_same_message_by_another_conversation_is_the_same_command(driver: Driver) -> None:
    receive(driver, request(), request(conversation="conversation-2"))
    assert [event.id for event in driver.read(TICKET_COMMANDS)] == [f"{FIRST}:open"] * 2


def test_a_further_message_joins_the_conversations_ticket(driver: Driver) -> None:
    receive(driver, request(), request("second", body="Any news?"))
    _, joined = driver.read(TICKET_COMMANDS)
    assert isinstance(joined.data, AddCustomerMessage)
    second = ticket_id("acme", "email", "second")
    assert (joined.id, joined.key, joined.subject) == (f"{FIRST}:message:{second}", FIRST, FIRST)
    assert (joined.data.message_id, joined.data.body) == ("second", "Any news?")


def test_a_known_ticket_comes_before_the_conversation_and_becomes_its_ticket(driver: Driver) -> None:
    receive(driver, request(), request("second", known_ticket_id=v.OTHER_ID), request("third"))
    assert [command.ticket_id for command in commands(driver)] == [FIRST, v.OTHER_ID, v.OTHER_ID]


def test_a_first_message_that_the_thread_index_knows_already_still_opens_its_ticket(driver: Driver) -> None:
    receive(driver, request(known_ticket_id=FIRST))
    (command,) = commands(driver)
    assert isinstance(command, OpenTicket)


def test_a_message_after_the_window_opens_a_ticket_of_its_own(driver: Driver) -> None:
    receive(driver, request())
    driver.advance(8 * DAY_SECONDS)
    receive(driver, request("second"))
    assert [type(command) for command in commands(driver)] == [OpenTicket.struct] * 2


def test_automatic_mail_makes_no_command_and_is_counted(driver: Driver) -> None:
    counter = REQUESTS_COUNTED.labels("email", "automatic")
    before = counter._value.get()
    receive(driver, request(automatic="auto-replied"), request("bounce", automatic="auto-generated"))
    assert commands(driver) == []
    assert driver.states() == {}
    count_effects(driver.effects)
    assert counter._value.get() == before + 2


def test_tenants_with_equal_names_never_share_a_ticket(driver: Driver) -> None:
    receive(driver, request(), tenant="acme")
    receive(driver, request("second"), tenant="other")
    events = driver.read(TICKET_COMMANDS)
    assert [type(event.data) for event in events] == [OpenTicket.struct] * 2
    assert [event.tenant for event in events] == ["acme", "other"]


def test_secrets_leave_in_no_command(driver: Driver) -> None:
    card = "4111 1111 1111 1111"
    receive(driver, request(subject=card, body=card, steps_to_reproduce=card), request("second", body=f"again: {card}"))
    written = b"".join(output.value or b"" for output in driver.read_bytes(TICKET_COMMANDS))
    assert card.encode() not in written
    assert written.count(b"****1111") == 4


def test_the_time_of_the_fact_is_kept(driver: Driver) -> None:
    driver.send(INTAKE_REQUESTS, KEY, request(), occurred_at=v.later(-500))
    (event,) = driver.read(TICKET_COMMANDS)
    assert event.occurred_at == v.later(-500)


def test_a_conversation_is_remembered_as_long_as_its_requests_can_be_read_again(driver: Driver) -> None:
    alone = request("call-1", channel=Channel.SURVEY, conversation="alone")
    receive(driver, alone)
    driver.advance(INTAKE_REQUESTS.retention_hours * 3_600 - 1)
    receive(driver, alone)
    assert len(commands(driver)) == 1
    driver.advance(1)
    assert driver.states() == {}


def test_a_conversation_is_forgotten_once_nothing_can_join_it() -> None:
    rules = load_rules()
    threading = msgspec.structs.replace(rules.threading, remember_seconds=3 * DAY_SECONDS)
    driver: Driver = TopologyDriver(normaliser_topology(msgspec.structs.replace(rules, threading=threading)))
    receive(driver, request(), request("call-1", channel=Channel.SURVEY, conversation="alone"))
    driver.advance(3 * DAY_SECONDS)
    assert set(driver.states()) == {f"acme/{KEY}"}
    driver.advance(4 * DAY_SECONDS)
    assert driver.states() == {}


def test_poison_parks_its_conversation_alone(driver: Driver) -> None:
    driver.send_bytes(INTAKE_REQUESTS, KEY, b"{no event")
    receive(driver, request(), request(conversation="conversation-2"))
    assert [letter.reason for letter in driver.dead_letters()] == [Reason.UNDECODABLE, Reason.PARKED]
    assert len(commands(driver)) == 1
    assert driver.parked() == {KEY: 2}


def test_a_crash_between_messages_changes_no_command() -> None:
    received = [request(), request("second"), request(), request("third", known_ticket_id=v.OTHER_ID)]
    whole: Driver = TopologyDriver(normaliser_topology(load_rules()))
    crashing: Driver = TopologyDriver(normaliser_topology(load_rules()))
    for each in received:
        receive(whole, each)
        receive(crashing, each)
        crashing.crash()
    assert crashing.read_bytes(TICKET_COMMANDS) == whole.read_bytes(TICKET_COMMANDS)
    assert crashing.states() == whole.states()


def test_the_ledger_takes_what_the_normaliser_writes(driver: Driver) -> None:
    ledger = TopologyDriver(ledger_topology(v.POLICY))
    receive(driver, request(), request("second"))
    for output in driver.read_bytes(TICKET_COMMANDS):
        ledger.send_bytes(TICKET_COMMANDS, output.key.decode(), output.value)
    assert ledger.dead_letters() == []
    state = ledger.state(FIRST)
    assert state is not None
    assert state.sequence == 4
