"""A ticket's whole life through every topology, with the settings of the product: what is kept of it, and for how long.

Rule 8 of the processor. Texts and addresses that people write are marked, so that they are found wherever they lie.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import pytest

from schemas.contract import Contract
from schemas.feedback import SurveyAnswered
from schemas.ids import ticket_id
from schemas.notifications import DeliveryAttempted, Outcome
from schemas.parts import Requester
from schemas.routing_work import TechnicianRostered
from schemas.ticket_commands import AcceptAssignment, ReplyToCustomer, ResolveTicket
from schemas.topics import (
    FEEDBACK_ANSWERS,
    INTAKE_REQUESTS,
    NOTIFIER_RESULTS,
    ROUTING_WORK,
    TICKET_COMMANDS,
    TICKET_EVENTS,
    TICKET_FEEDBACK,
    TOPICS,
    Topic,
)
from schemas.vocabulary import Channel, Language, Level, Medium
from services._runtime.directory.directory import Directory
from services._runtime.engine.driver import TopologyDriver
from services._runtime.engine.topology import Event
from services.feedback.handlers import attainment_topology, feedback_topology
from services.feedback.settings import FeedbackSettings
from services.intake.adapters.rule_file import load_rules
from services.intake.handlers import ledger_topology, normaliser_topology
from services.intake.settings import IntakeSettings
from services.notifier.adapters.package_data import load_audience, load_library
from services.notifier.handlers.delivery import delivery_topology
from services.notifier.handlers.notify import notify_topology
from services.notifier.handlers.recipients import Lookups
from services.notifier.settings import NotifierSettings
from services.router.handlers import router_topology
from services.router.settings import RouterSettings
from services.sla_monitor.adapters.terms import DirectoryTerms
from services.sla_monitor.handlers import clocks_topology, surges_topology
from services.sla_monitor.settings import SlaMonitorSettings
from tests.topology.notifying import pool, technician
from tests.unit.intake import values as v

TENANT: Final = "acme"
TICKET: Final = ticket_id(TENANT, "email", "first")
BODY: Final = "the-words-of-somebody"
SUBJECT: Final = "the-subject-line"
NAME: Final = "the-name-of-the-customer"
ADDRESS: Final = "customer@somewhere.example"
MARKS: Final = {"body": BODY, "subject": SUBJECT, "name": NAME, "address": ADDRESS}
MUST_BE_KEPT: Final = {
    # Who is told, by which name, of what: until a while after the ticket ended.
    "notifier.notify": {"subject", "name", "address"},
    # The message while it may have to be sent again: until the delivery ended.
    "notifier.delivery": {"body", "subject", "name", "address"},
}
"""The states that hold what a person wrote or is reached by, while they need it; no other one ever may."""
HOUR: Final = 3_600
DAY: Final = 24 * HOUR
SECRET: Final = {"secret": "s" * 32}


class World:
    """All topologies on synchronous drivers; what one writes the others read, and one clock moves for all."""

    def __init__(self) -> None:
        notifier = NotifierSettings.model_validate(SECRET)
        monitor = SlaMonitorSettings.model_validate(SECRET)
        lookups = Lookups(
            technician={"li": technician()}.get, pool=lambda _: pool(), template=lambda _: None, version=lambda: 0
        )
        topologies = (
            normaliser_topology(load_rules()),
            ledger_topology(IntakeSettings.model_validate(SECRET)),
            router_topology(RouterSettings.model_validate(SECRET)),
            clocks_topology(monitor, DirectoryTerms(Directory(), monitor)),
            surges_topology(DirectoryTerms(Directory(), monitor)),
            notify_topology(notifier, load_audience(None, [Medium.EMAIL]), load_library(), lookups),
            delivery_topology(notifier, load_library()),
            feedback_topology(FeedbackSettings.model_validate(SECRET)),
            attainment_topology(FeedbackSettings.model_validate(SECRET)),
        )
        self.drivers: dict[str, TopologyDriver[Any]] = {each.name: TopologyDriver(each) for each in topologies}
        self.seen: dict[str, list[Event]] = {}

    def send(self, topic: Topic, key: str, data: Contract) -> None:
        """Somebody outside writes a record, and everything follows that comes of it at once."""
        self._put(topic, key, data)
        self._flow()

    def wait(self, seconds: float, times: int = 1) -> None:
        """Let time pass for all; what comes of it is heard after each of the `times`."""
        for _ in range(times):
            for driver in self.drivers.values():
                driver.advance(seconds)
            self._flow()

    def changelog(self, name: str) -> list[tuple[str, bytes | None]]:
        """Every record that a topology wrote of its state: key and value."""
        driver = self.drivers[name]
        return [(each.key.decode(), each.value) for each in driver.read_bytes(driver.topology.changelog)]

    def _flow(self) -> None:
        while moved := [*self._written(), *self._attempts()]:
            for topic, event in moved:
                self.seen.setdefault(topic.name, []).append(event)
                self._put(topic, event.key, event.data, event.id, event.occurred_at)

    def _written(self) -> Iterator[tuple[Topic, Event]]:
        outputs = [topic for topic in TOPICS if topic.types and not topic.name.endswith(".dlq")]
        for driver in self.drivers.values():
            assert driver.dead_letters() == []
            for topic in outputs:
                yield from ((topic, event) for event in driver.read(topic))

    def _put(
        self, topic: Topic, key: str, data: Contract, event_id: str | None = None, occurred_at: datetime | None = None
    ) -> None:
        for driver in self.drivers.values():
            if topic in driver.topology.inputs:
                driver.send(topic, key, data, tenant=TENANT, event_id=event_id, occurred_at=occurred_at)

    def _attempts(self) -> Iterator[tuple[Topic, Event]]:
        """The mail server has a bad moment at each first attempt, and takes the second."""
        driver = self.drivers["notifier.delivery"]
        effects, driver.effects = driver.effects, []
        for attempt in effects:
            outcome = Outcome.SENT if attempt.number > 1 else Outcome.UNREACHABLE
            delivery_id, number = attempt.delivery_id, attempt.number
            data = DeliveryAttempted.new(delivery_id=delivery_id, attempt=number, outcome=outcome, detail="421")
            event_id = f"{delivery_id}:{number}"
            yield (
                NOTIFIER_RESULTS,
                Event(NOTIFIER_RESULTS.name, delivery_id, event_id, data.type_name, driver.now, TENANT, data),
            )


def live() -> World:
    """From a mail to a rating: assigned, answered, asked again, solved, closed by itself, surveyed."""
    world = World()
    requester = Requester.new(requester_id="contact-1", name=NAME, email=ADDRESS, language=Language.EN)
    mail = v.request(requester=requester, subject=SUBJECT, body=BODY, issue_type="malfunction", product="scanhub")
    world.send(
        ROUTING_WORK,
        v.POOL,
        TechnicianRostered.new(
            technician_id="li",
            pool=v.POOL,
            team="first",
            skills=[],
            languages=[Language.EN],
            level=Level.L3,
            capacity=5,
        ),
    )
    world.send(INTAKE_REQUESTS, mail.conversation, mail)
    world.send(TICKET_COMMANDS, TICKET, AcceptAssignment.new(ticket_id=TICKET, actor=v.LI))
    world.send(TICKET_COMMANDS, TICKET, ReplyToCustomer.new(ticket_id=TICKET, actor=v.LI, body=BODY))
    world.wait(10, times=6)
    again = v.request("second", requester=requester, subject=SUBJECT, body=BODY)
    world.send(INTAKE_REQUESTS, again.conversation, again)
    world.send(TICKET_COMMANDS, TICKET, ResolveTicket.new(ticket_id=TICKET, actor=v.LI, solution=BODY))
    world.wait(10, times=6)
    for _ in range(3 * 24 + 2):
        world.wait(HOUR)
        world.wait(10, times=3)
    (survey,) = [each for each in world.seen[TICKET_FEEDBACK.name] if hasattr(each.data, "expires_at")]
    answer = SurveyAnswered.new(
        ticket_id=TICKET, survey_id=survey.data.survey_id, channel=Channel.SURVEY, csat=5, comment=BODY
    )
    world.send(FEEDBACK_ANSWERS, TICKET, answer)
    return world


@pytest.fixture(scope="module")
def lived() -> World:
    """A life that tests only read."""
    return live()


NAMES: Final = [*World().drivers]
OF_POOLS: Final = "sla_monitor.surges"
"""Keeps windows of pools, and of tickets only their ids in them."""


def hours_to_outlive(world: World, name: str) -> int:
    """The longest that any input of a topology can be read again; for the ledger, whatever it numbered."""
    topics: list[Topic] = [*world.drivers[name].topology.sources]
    if name == "intake.ledger":
        topics.append(TICKET_EVENTS)
    return max(topic.retention_hours for topic in topics)


def marks_in(value: bytes | None) -> set[str]:
    """Which of the marked texts a record holds."""
    return {mark for mark, text in MARKS.items() if text.encode() in (value or b"")}


def test_the_life_is_a_whole_one(lived: World) -> None:
    told = [type(event.data).__name__ for event in lived.seen[TICKET_EVENTS.name]]
    assert [each for each in told if each in {"TicketOpened", "TicketAccepted", "AgentReplied", "CustomerReplied"}] == [
        "TicketOpened",
        "TicketAccepted",
        "AgentReplied",
        "CustomerReplied",
    ]
    assert told[-4:] == ["TicketResolved", "TicketClosed", "SurveyOffered", "TicketRated"]
    assert lived.seen["ticket.notifications"]
    assert {type(event.data).__name__ for event in lived.seen["ticket.notifications"]} == {"NotificationSent"}


@pytest.mark.parametrize("name", NAMES)
def test_what_people_write_and_are_reached_by_is_in_no_state_that_can_do_without_it(lived: World, name: str) -> None:
    found: set[str] = set()
    for _, value in lived.changelog(name):
        found |= marks_in(value)
    assert found == MUST_BE_KEPT.get(name, set())


@pytest.mark.parametrize("name", NAMES)
def test_no_key_of_a_state_says_anything_of_a_person(lived: World, name: str) -> None:
    keys = {key for key, _ in lived.changelog(name)}
    assert keys
    assert not any(marks_in(key.encode()) for key in keys)


def test_a_finished_delivery_holds_nothing_of_its_message(lived: World) -> None:
    last = dict(lived.changelog("notifier.delivery"))
    assert last
    assert all(value is not None and not marks_in(value) for value in last.values())


@pytest.mark.parametrize("name", [name for name in NAMES if name != OF_POOLS])
def test_a_ticket_that_is_over_is_remembered_until_its_inputs_are_gone_and_then_leaves_by_tombstone(name: str) -> None:
    world = live()
    driver = world.drivers[name]
    # What is known of technicians and of the pool's rules is as much as the directory has, however many tickets pass.
    mine = {key for key in driver.states() if not any(kind in key for kind in ("/technician/", "/tally/", "/policy"))}
    assert mine
    world.wait(DAY, times=hours_to_outlive(world, name) // 24 - 4)
    assert set(driver.states()) >= mine
    assert not any(marks_in(value) for value in dict(world.changelog(name)).values())
    world.wait(DAY, times=90)
    assert not mine & set(driver.states())
    assert all(dict(world.changelog(name))[key] is None for key in mine)
    assert driver.partition.timers_pending == 0


def test_a_pools_verdicts_are_kept_as_long_as_their_window() -> None:
    world = live()
    driver = world.drivers[OF_POOLS]
    assert any(value is not None for _, value in world.changelog(OF_POOLS))
    world.wait(HOUR)
    assert driver.states() == {}
    assert driver.partition.timers_pending == 0


def test_an_answer_that_comes_after_months_is_numbered_after_what_was_told() -> None:
    world = live()
    world.wait(DAY, times=180)
    late = v.request("late", known_ticket_id=TICKET, body=BODY)
    world.send(INTAKE_REQUESTS, late.conversation, late)
    world.wait(DAY, times=320)
    later = v.request("later", known_ticket_id=TICKET, body=BODY)
    world.send(INTAKE_REQUESTS, later.conversation, later)
    events = world.seen[TICKET_EVENTS.name]
    assert [type(event.data).__name__ for event in events[-2:]] == ["CommandRefused"] * 2
    assert [event.data.sequence for event in events] == list(range(1, len(events) + 1))
