"""The ledger as a topology: what a ticket's life looks like from outside."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.contract import Contract
from schemas.dead_letters import Reason
from schemas.routing_work import OfferMade, OfferWithdrawn
from schemas.ticket_commands import CancelTicket
from schemas.ticket_events import TicketAssigned
from schemas.topics import (
    ROUTING_WORK,
    TICKET_ASSIGNMENTS,
    TICKET_COMMANDS,
    TICKET_EVENTS,
    TICKET_FEEDBACK,
    TICKET_SLA,
    TICKET_SNAPSHOTS,
    Topic,
)
from schemas.vocabulary import Status
from services._runtime.engine.driver import TopologyDriver
from services._runtime.engine.topology import Event
from services.intake.domain.ticket import Remnant, State, Ticket
from services.intake.handlers import ledger_topology
from services.intake.handlers.tally import CommandTurnedDown
from services.intake.settings import IntakeSettings
from tests.unit.intake import values as v
from tests.unit.intake.values import ID

Driver = TopologyDriver[State]

LIFE: list[tuple[Topic, Contract]] = [
    (TICKET_COMMANDS, v.opening()),
    (TICKET_SLA, v.target()),
    (TICKET_ASSIGNMENTS, v.assignment(1)),
    (TICKET_COMMANDS, v.decline()),
    (TICKET_ASSIGNMENTS, v.assignment(2, "wu")),
    (TICKET_COMMANDS, v.accept(v.WU)),
    (TICKET_COMMANDS, v.reply(v.WU)),
    (TICKET_COMMANDS, v.turn(Status.PENDING, v.WU)),
    (TICKET_COMMANDS, v.message()),
    (TICKET_SLA, v.escalation()),
    (TICKET_COMMANDS, v.turn(Status.IN_REVIEW, v.WU)),
    (TICKET_COMMANDS, v.resolve(v.WU)),
    (TICKET_COMMANDS, v.message(message_id="m-2")),
    (TICKET_ASSIGNMENTS, v.assignment(3, "wu")),
    (TICKET_COMMANDS, v.accept(v.WU)),
    (TICKET_COMMANDS, v.resolve(v.WU)),
    (TICKET_COMMANDS, v.confirm()),
    (TICKET_FEEDBACK, v.survey()),
    (TICKET_FEEDBACK, v.rating()),
]
PATH = [
    *(("TicketOpened", "new"), ("TicketClassified", "classified"), ("TicketQueued", "queued")),
    ("TicketAssigned", "assigned"),
    *(("TicketDeclined", "classified"), ("TicketQueued", "queued")),
    ("TicketAssigned", "assigned"),
    ("TicketAccepted", "in_progress"),
    ("AgentReplied", "in_progress"),
    ("StatusChanged", "pending"),
    *(("CustomerReplied", "pending"), ("StatusChanged", "in_progress")),
    ("TicketEscalated", "in_progress"),
    ("StatusChanged", "in_review"),
    ("TicketResolved", "resolved"),
    *(("CustomerReplied", "resolved"), ("TicketReopened", "classified"), ("TicketQueued", "queued")),
    ("TicketAssigned", "assigned"),
    ("TicketAccepted", "in_progress"),
    ("TicketResolved", "resolved"),
    ("TicketClosed", "closed"),
    ("SurveyOffered", "closed"),
    ("TicketRated", "closed"),
]


@pytest.fixture
def driver() -> Driver:
    return TopologyDriver(ledger_topology(v.POLICY))


def live(driver: Driver, inputs: list[tuple[Topic, Contract]]) -> None:
    for number, (topic, data) in enumerate(inputs):
        driver.send(topic, ID, data, event_id=f"in-{number}", tenant=v.TENANT)


def names(events: list[Event]) -> list[tuple[str, str]]:
    return [(type(event.data).__name__, event.data.status.value) for event in events]


def test_a_ticket_lives_from_opening_to_rating_through_decline_and_reopening(driver: Driver) -> None:
    live(driver, LIFE)
    events = driver.read(TICKET_EVENTS)
    assert names(events) == PATH
    assert [event.id for event in events] == [f"{ID}:{number}" for number in range(1, len(events) + 1)]
    assert {(event.key, event.subject, event.tenant) for event in events} == {(ID, ID, v.TENANT)}
    assert driver.dead_letters() == []


def test_every_event_says_what_caused_it_when_and_where_it_was_decided(driver: Driver) -> None:
    live(driver, LIFE[:1])
    for event in driver.read(TICKET_EVENTS):
        assert (event.data.cause, event.data.decided_at) == ("in-0", driver.now)
        assert event.data.position == "ticket.commands/0/0"


def test_a_decision_writes_one_snapshot_with_the_last_sequence(driver: Driver) -> None:
    live(driver, LIFE)
    snapshots = driver.read(TICKET_SNAPSHOTS)
    deciding = [topic for topic, data in LIFE if data is not LIFE[1][1]]
    assert len(snapshots) == len(deciding)
    assert [event.data.sequence for event in snapshots] == sorted({event.data.sequence for event in snapshots})
    last = snapshots[-1].data
    assert (last.status, last.sequence, last.technician_id, last.cycle) == (Status.CLOSED, len(PATH), "wu", 2)


def test_the_router_is_told_every_offer_and_its_end(driver: Driver) -> None:
    live(driver, LIFE)
    work = [(type(event.data).__name__, event.data.generation, event.key) for event in driver.read(ROUTING_WORK)]
    assert work == [
        ("OfferMade", 1, v.POOL),
        ("OfferWithdrawn", 1, v.POOL),
        ("OfferMade", 2, v.POOL),
        ("OfferWithdrawn", 2, v.POOL),
        ("OfferMade", 3, v.POOL),
        ("OfferWithdrawn", 3, v.POOL),
    ]


def test_ids_of_all_outputs_are_unique_and_the_same_in_another_run(driver: Driver) -> None:
    twin: Driver = TopologyDriver(ledger_topology(v.POLICY))
    live(driver, LIFE)
    live(twin, LIFE)
    for topic in (TICKET_EVENTS, TICKET_SNAPSHOTS, ROUTING_WORK):
        ids = [event.id for event in driver.read(topic)]
        assert len(set(ids)) == len(ids)
        assert driver.read_bytes(topic) == twin.read_bytes(topic)


@pytest.mark.parametrize("crash_after", range(1, len(LIFE)))
def test_a_crash_at_any_point_changes_no_output(crash_after: int) -> None:
    whole: Driver = TopologyDriver(ledger_topology(v.POLICY))
    crashed: Driver = TopologyDriver(ledger_topology(v.POLICY))
    for number, (topic, data) in enumerate(LIFE):
        whole.send(topic, ID, data, event_id=f"in-{number}")
        crashed.send(topic, ID, data, event_id=f"in-{number}")
        if number == crash_after:
            crashed.crash()
    for topic in (TICKET_EVENTS, TICKET_SNAPSHOTS, ROUTING_WORK):
        assert crashed.read_bytes(topic) == whole.read_bytes(topic)
    assert crashed.states() == whole.states()
    assert crashed.timers(ID) == whole.timers(ID)


def test_inputs_that_come_twice_write_nothing_the_second_time(driver: Driver) -> None:
    live(driver, LIFE[:6])
    before = driver.read(TICKET_EVENTS)
    live(driver, LIFE[:6])
    assert len(before) > 0
    assert driver.read(TICKET_EVENTS) == []


def test_a_stale_assignment_is_withdrawn_and_changes_nothing(driver: Driver) -> None:
    live(driver, LIFE[:4])
    driver.read(ROUTING_WORK)
    driver.read(TICKET_EVENTS)
    before = driver.state(ID)
    driver.send(TICKET_ASSIGNMENTS, ID, v.assignment(1, "sun"))
    (event,) = driver.read(ROUTING_WORK)
    assert isinstance(event.data, OfferWithdrawn)
    assert (event.data.generation, event.key, event.subject) == (1, v.POOL, ID)
    assert driver.read(TICKET_EVENTS) == []
    assert driver.state(ID) == before


def test_an_offer_taken_back_and_the_assignment_that_crossed_it_are_withdrawn_under_ids_of_their_own(
    driver: Driver,
) -> None:
    driver.send(TICKET_COMMANDS, ID, v.opening())
    driver.send(TICKET_COMMANDS, ID, v.cancel())
    driver.send(TICKET_ASSIGNMENTS, ID, v.assignment(1))
    withdrawn = [event.id for event in driver.read(ROUTING_WORK) if isinstance(event.data, OfferWithdrawn)]
    assert len(withdrawn) == len(set(withdrawn)) == 2


def test_an_assignment_of_a_ticket_nobody_knows_is_withdrawn(driver: Driver) -> None:
    driver.send(TICKET_ASSIGNMENTS, ID, v.assignment(4))
    (event,) = driver.read(ROUTING_WORK)
    assert event.data.generation == 4
    assert driver.states() == {}


def test_outputs_are_the_tickets_tenants_whoever_caused_them(driver: Driver) -> None:
    driver.send(TICKET_COMMANDS, ID, v.opening(), tenant="acme")
    driver.send(TICKET_ASSIGNMENTS, ID, v.assignment(), tenant="whose presence made room")
    assert {event.tenant for event in driver.read(TICKET_EVENTS)} == {"acme"}
    assert {event.tenant for event in driver.read(TICKET_SNAPSHOTS)} == {"acme"}


def test_a_refused_command_is_answered_and_counted(driver: Driver) -> None:
    live(driver, LIFE[:1])
    driver.read(TICKET_EVENTS)
    driver.send(TICKET_COMMANDS, ID, v.resolve(), event_id="too-early")
    (event,) = driver.read(TICKET_EVENTS)
    assert event.id == f"{ID}:4"
    assert event.data.command == "aftercare.command.resolve_ticket.v1"
    assert event.data.command_id == "too-early"
    assert driver.effects == [CommandTurnedDown("aftercare.command.resolve_ticket.v1")]


# ── time ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_resolved_ticket_closes_by_itself_and_shrinks_and_leaves(driver: Driver) -> None:
    live(driver, LIFE[:12])
    driver.read(TICKET_EVENTS)
    assert set(driver.timers(ID)) == {"close"}
    driver.crash()
    driver.advance(3_599)
    assert driver.read(TICKET_EVENTS) == []
    driver.advance(1)
    (closed,) = driver.read(TICKET_EVENTS)
    assert names([closed]) == [("TicketClosed", "closed")]
    assert (closed.occurred_at, closed.tenant) == (driver.now, v.TENANT)
    assert set(driver.timers(ID)) == {"shrink"}
    driver.advance(7_200)
    state = driver.state(ID)
    assert isinstance(state, Remnant)
    assert state.sequence == closed.data.sequence
    driver.advance(86_400)
    assert driver.states() == {}
    assert driver.read(TICKET_EVENTS) == []
    assert driver.dead_letters() == []


def test_a_customer_who_objects_in_time_keeps_the_ticket_from_closing(driver: Driver) -> None:
    live(driver, LIFE[:12])
    driver.advance(3_000)
    driver.send(TICKET_COMMANDS, ID, v.message(message_id="not yet"))
    driver.read(TICKET_EVENTS)
    driver.advance(100_000)
    assert "TicketClosed" not in [name for name, _ in names(driver.read(TICKET_EVENTS))]


def test_an_assignment_that_nobody_accepts_goes_back_to_the_queue(driver: Driver) -> None:
    live(driver, LIFE[:3])
    driver.read(TICKET_EVENTS)
    driver.advance(600)
    assert names(driver.read(TICKET_EVENTS)) == [("TicketDeclined", "classified"), ("TicketQueued", "queued")]
    offer = driver.read(ROUTING_WORK)[-1].data
    assert isinstance(offer, OfferMade)
    assert (offer.generation, offer.declined_by, offer.due_at) == (2, [], v.target().due_at)
    assert [each.technician_id for each in offer.missed] == ["li"]


def test_an_accepted_assignment_is_not_taken_back(driver: Driver) -> None:
    live(driver, LIFE[:3])
    driver.send(TICKET_COMMANDS, ID, v.accept())
    driver.read(TICKET_EVENTS)
    driver.advance(100_000)
    assert driver.read(TICKET_EVENTS) == []


def test_a_second_assignment_has_a_time_limit_of_its_own(driver: Driver) -> None:
    live(driver, LIFE[:3])
    driver.advance(599)
    driver.send(TICKET_COMMANDS, ID, v.decline())
    driver.send(TICKET_ASSIGNMENTS, ID, v.assignment(2, "wu"))
    driver.read(TICKET_EVENTS)
    driver.advance(599)
    assert driver.read(TICKET_EVENTS) == []
    driver.advance(1)
    assert names(driver.read(TICKET_EVENTS))[0] == ("TicketDeclined", "classified")


def test_a_ticket_closed_long_ago_refuses_with_a_reason_and_goes_on_counting(driver: Driver) -> None:
    live(driver, LIFE)
    driver.advance(10_000)
    driver.read(TICKET_EVENTS)
    driver.send(TICKET_COMMANDS, ID, v.message(message_id="much later"))
    (event,) = driver.read(TICKET_EVENTS)
    assert event.id == f"{ID}:{len(PATH) + 1}"
    assert "legal" in event.data.reason
    assert driver.dead_letters() == []


# ── what can't be decided ───────────────────────────────────────────────────────────────────────────────────────────


def test_poison_goes_to_the_dead_letters_and_parks_its_ticket_alone(driver: Driver) -> None:
    other = v.OTHER_ID
    driver.send(TICKET_COMMANDS, ID, v.opening())
    driver.send_bytes(TICKET_COMMANDS, ID, b"{no event")
    driver.send(TICKET_COMMANDS, ID, v.cancel())
    driver.send(TICKET_COMMANDS, other, v.opening(other))
    letters = driver.dead_letters()
    assert [letter.reason for letter in letters] == [Reason.UNDECODABLE, Reason.PARKED]
    assert driver.parked() == {ID: 2}
    assert isinstance(driver.state(other), Ticket)
    driver.send_bytes(TICKET_COMMANDS, ID, None, redriven=True)
    driver.send_bytes(TICKET_COMMANDS, ID, letters[1].body.encode(), redriven=True)
    assert driver.parked() == {}
    assert isinstance(driver.state(ID), Remnant)


def test_a_command_under_another_tickets_key_is_set_aside(driver: Driver) -> None:
    driver.send(TICKET_COMMANDS, v.OTHER_ID, CancelTicket.new(ticket_id=ID, actor=v.CUSTOMER, reason="wrong key"))
    (letter,) = driver.dead_letters()
    assert (letter.reason, letter.error) == (Reason.UNDECIDABLE, "WrongTicketError")


def test_a_cause_with_the_longest_id_there_is_can_still_be_named(driver: Driver) -> None:
    driver.send(TICKET_COMMANDS, ID, v.opening(), event_id="c" * 1_024)
    assert len(driver.read(TICKET_EVENTS)) == 3


def test_the_services_settings_are_a_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCARE_SECRET", "s" * 32)
    monkeypatch.setenv("AFTERCARE_CLOSE_AFTER_SECONDS", "5")
    monkeypatch.setenv("AFTERCARE_WORK_WEIGHTS", '{"P2": 7}')
    driver: Driver = TopologyDriver(ledger_topology(IntakeSettings()))
    live(driver, LIFE[:12])
    offer = driver.read(ROUTING_WORK)[0].data
    assert offer.weight == 7
    driver.read(TICKET_EVENTS)
    driver.advance(5)
    assert names(driver.read(TICKET_EVENTS)) == [("TicketClosed", "closed")]


# ── whatever comes ──────────────────────────────────────────────────────────────────────────────────────────────────

steps = st.lists(
    st.tuples(st.sampled_from(LIFE), st.integers(0, 30), st.sampled_from([0, 0, 0, 400, 4_000])), max_size=40
)


@given(steps)
@settings(max_examples=100, deadline=None)
def test_whatever_comes_the_log_has_no_holes_and_a_crash_changes_nothing(
    history: list[tuple[tuple[Topic, Contract], int, int]],
) -> None:
    whole: Driver = TopologyDriver(ledger_topology(v.POLICY))
    crashing: Driver = TopologyDriver(ledger_topology(v.POLICY))
    for (topic, data), cause, seconds in history:
        for each in (whole, crashing):
            each.advance(seconds)
            each.send(topic, ID, data, event_id=f"in-{cause}")
        crashing.crash()
    events = whole.read(TICKET_EVENTS)
    assert [event.data.sequence for event in events] == list(range(1, len(events) + 1))
    assert whole.dead_letters() == []
    for output in (TICKET_EVENTS, TICKET_SNAPSHOTS, ROUTING_WORK):
        assert crashing.read_bytes(output) == whole.read_bytes(output)


def test_assigned_means_by_hand_where_a_coordinator_chose(driver: Driver) -> None:
    live(driver, LIFE[:1])
    driver.send(TICKET_COMMANDS, ID, v.assign("wu"))
    driver.send(TICKET_ASSIGNMENTS, ID, v.assignment(1, "li"))
    driver.send(TICKET_ASSIGNMENTS, ID, v.assignment(2, "wu", by_hand=True))
    assigned: list[Any] = [event.data for event in driver.read(TICKET_EVENTS) if isinstance(event.data, TicketAssigned)]
    assert [(each.technician_id, each.generation, each.by_hand) for each in assigned] == [("wu", 2, True)]
