"""A surge of breaches is told to the people of its pool, once, and stated for the tickets that it names."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.pool_sla import SurgeDetected
from schemas.topics import NOTIFIER_OUTBOX, POOL_SLA, TICKET_NOTIFICATIONS
from schemas.vocabulary import Language
from services._runtime.engine.driver import TopologyDriver
from services.notifier.domain.content import FOOTER
from services.notifier.domain.nodes import Node, Voice
from services.notifier.handlers.delivery import delivery_topology
from tests.topology.notifying import AUDIENCE, DIRECTOR, LEAD, LIBRARY, POOL, SETTINGS, SUPERVISOR, Ticket, pool

TICKETS = ["T-001", "T-002", "T-003"]


def surge(office: Ticket, priority: str = "P1", surge_id: str = "acme:cn-north:P1:7", **changes: Any) -> None:
    """The monitor tells of a surge, now."""
    now = office.driver.now
    given: dict[str, Any] = {
        "surge_id": surge_id,
        "pool": POOL,
        "breached": 21,
        "verdicts": 28,
        "burn_rate": 15.0,
        "objective": 0.95,
        "window_seconds": 900.0,
        "policy_id": "cn-standard",
        "policy_version": 1,
        "started_at": now,
        "decided_at": now,
        "position": "p",
        "tickets": TICKETS,
        **changes,
    }
    occurred_at = given.pop("occurred_at", now)
    data = SurgeDetected.new(priority=priority, **given)
    office.driver.send(POOL_SLA, f"acme:{POOL}", data, occurred_at=occurred_at)


@pytest.fixture
def office() -> Ticket:
    return Ticket()


def test_the_lead_and_the_supervisor_are_told_and_of_the_most_urgent_the_director_too(office: Ticket) -> None:
    surge(office)
    assert [event.data.address for event in office.outbox()] == [LEAD, SUPERVISOR]
    surge(office, "P0", "acme:cn-north:P0:7")
    assert [event.data.address for event in office.outbox()] == [LEAD, SUPERVISOR, DIRECTOR]


def test_the_message_says_how_many_in_which_time_and_which_came_last(office: Ticket) -> None:
    surge(office)
    message = office.outbox()[0].data
    assert "cn-north" in message.subject
    assert "21" in message.subject
    assert "15 分钟" in message.body
    assert "75%" in message.body
    assert all(ticket in message.body for ticket in TICKETS)
    english = LIBRARY.of_pool(
        Node.SLA_SURGE, Voice.STAFF, Language.EN, {"pool": "north", "count": "21", "minutes": "15", "lines": "T-1"}
    )
    assert "a surge" in english.subject
    assert "%" not in english.body
    assert FOOTER not in english.body


def test_each_ticket_that_it_names_says_that_its_pools_people_were_told(office: Ticket) -> None:
    surge(office)
    delivery: TopologyDriver[Any] = TopologyDriver(delivery_topology(SETTINGS, LIBRARY))
    (lead, _) = office.outbox()
    delivery.send(NOTIFIER_OUTBOX, lead.key, lead.data, tenant="acme")
    assert [part.ticket_id for part in lead.data.parts] == TICKETS
    assert delivery.effects[0].bundled
    delivery.advance(timedelta(days=2).total_seconds())
    stated = delivery.read(TICKET_NOTIFICATIONS)
    assert [event.key for event in stated] == TICKETS
    assert {event.data.bundle_id for event in stated} == {lead.data.delivery_id}
    assert len({event.id for event in stated}) == 3


def test_a_surge_that_is_told_again_has_the_same_deliveries_and_the_next_one_others(office: Ticket) -> None:
    surge(office)
    first = [event.key for event in office.outbox()]
    surge(office)
    assert [event.key for event in office.outbox()] == first
    surge(office, surge_id="acme:cn-north:P1:8")
    assert not {event.key for event in office.outbox()} & set(first)


def test_who_cannot_be_told_is_said_for_each_ticket(office: Ticket) -> None:
    office.pools[POOL] = pool(lead_email=None, supervisor_email="no address")
    surge(office)
    assert office.outbox() == []
    suppressed = office.driver.read(TICKET_NOTIFICATIONS)
    assert sorted({(event.key, event.data.role) for event in suppressed}) == [
        (ticket, role) for ticket in TICKETS for role in ("lead", "supervisor")
    ]


def test_one_address_in_two_roles_is_told_once_and_an_old_surge_to_nobody(office: Ticket) -> None:
    office.pools[POOL] = pool(supervisor_email=LEAD)
    surge(office)
    assert len(office.outbox()) == 1
    surge(office, surge_id="old", occurred_at=office.driver.now - timedelta(days=3))
    assert office.outbox() == []


def test_it_leaves_no_state_behind(office: Ticket) -> None:
    surge(office)
    assert office.driver.states() == {}


def test_the_rules_tell_of_a_surge_nobody_but_the_people_of_the_pool() -> None:
    assert {told.role for told in AUDIENCE.told(Node.SLA_SURGE, "P3")} == {"lead", "supervisor"}
