"""What becomes of a ticket where the ledger and the router have to agree: levels, misses, bulks, acquaintances."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.contract import replace
from schemas.ids import ticket_id
from schemas.routing_work import TechnicianRostered
from schemas.ticket_commands import AcceptAssignment, ReleaseTicket
from schemas.ticket_events import TicketAssigned, TicketDeclined, TicketQueued
from schemas.topics import TICKET_EVENTS
from schemas.vocabulary import Level, Presence, Status
from services.router.state import Held, Waiting
from tests.topology.desk import Desk
from tests.topology.routing import present, rostered, ruled
from tests.unit.intake import values as v

OTHERS = [ticket_id(v.TENANT, "portal", f"other-{number}") for number in range(40)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def someone(technician_id: str, level: Level = Level.L1, **changes: Any) -> TechnicianRostered:
    return rostered(technician_id, "network", pool=v.POOL, level=level, **changes)


def of_levels(desk: Desk) -> None:
    levels = {"an": Level.L1, "bo": Level.L2, "chen": Level.L3}
    desk.roster(*(someone(each, level) for each, level in levels.items()))


def assigned(desk: Desk) -> list[str]:
    return [each.technician_id for each in desk.told(TICKET_EVENTS, TicketAssigned)]


def test_escalation_moves_work_from_level_to_level_to_people_of_that_level_and_keeps_its_age(desk: Desk) -> None:
    of_levels(desk)
    desk.command(v.opening())
    opened_at, since = desk.ticket().opened_at, desk.offer().waiting_since
    desk.wait(120)
    desk.clocks(v.escalation(1))
    desk.wait(120)
    desk.clocks(v.escalation(2))
    assert assigned(desk) == ["an", "bo", "chen"]
    assert (desk.ticket().level, desk.ticket().technician_id) == (Level.L3, "chen")
    held = desk.offer()
    assert isinstance(held, Held)
    assert (held.technician_id, held.queued_at, held.waiting_since) == ("chen", opened_at, since)
    reasons = [each.reason for each in desk.told(TICKET_EVENTS, TicketQueued)]
    assert reasons == ["opened", "escalated to L2", "escalated to L3"]


def test_work_that_waits_goes_to_the_next_level_with_the_age_that_it_has(desk: Desk) -> None:
    of_levels(desk)
    desk.roster(present("an", Presence.AWAY, v.POOL), present("bo", Presence.AWAY, v.POOL))
    desk.roster(someone("chen", Level.L3, capacity=0))
    desk.command(v.opening())
    desk.wait(300)
    desk.clocks(v.escalation(1))
    waiting = desk.offer()
    assert isinstance(waiting, Waiting)
    assert (waiting.work.level, waiting.work.queued_at) == (Level.L2, desk.ticket().opened_at)
    desk.roster(present("an", Presence.AVAILABLE, v.POOL))
    assert assigned(desk) == []
    desk.roster(present("bo", Presence.AVAILABLE, v.POOL))
    assert assigned(desk) == ["bo"]


def test_who_has_begun_keeps_the_work_when_it_escalates(desk: Desk) -> None:
    of_levels(desk)
    desk.command(v.opening(), v.accept(v.COORDINATOR))
    desk.clocks(v.escalation(1))
    assert (desk.ticket().level, desk.ticket().technician_id, desk.ticket().status) == (
        Level.L2,
        "an",
        Status.IN_PROGRESS,
    )


def test_after_an_outage_in_which_nobody_could_accept_the_ticket_goes_round_again(desk: Desk) -> None:
    desk.roster(ruled(pool=v.POOL, accept_within_seconds=300, missed_rests_seconds=1_200, owner_after_seconds=None))
    desk.roster(someone("an"), someone("bo"))
    desk.command(v.opening())
    first = desk.ticket().opened_at
    desk.wait(600)
    assert [each.technician_id for each in desk.told(TICKET_EVENTS, TicketDeclined)] == ["an", "bo"]
    assert desk.ticket().status is Status.QUEUED
    desk.wait(900)
    assert assigned(desk) == ["an", "bo", "an"]
    desk.command(AcceptAssignment.new(ticket_id=v.ID, actor=v.COORDINATOR))
    assert (desk.ticket().status, desk.ticket().technician_id, desk.ticket().opened_at) == (
        Status.IN_PROGRESS,
        "an",
        first,
    )


def test_who_declined_never_gets_the_ticket_again_however_long_it_waits(desk: Desk) -> None:
    desk.roster(ruled(pool=v.POOL, missed_rests_seconds=60, owner_after_seconds=None), someone("li"))
    desk.command(v.opening(), v.decline())
    desk.wait(86_400, step_seconds=3_600)
    assert (desk.ticket().status, assigned(desk)) == (Status.QUEUED, ["li"])


def test_many_tickets_released_at_once_are_spread_and_none_is_forgotten_or_told_to_two(desk: Desk) -> None:
    people = [someone(f"t{number}", capacity=10) for number in range(4)]
    desk.roster(someone("crowded", capacity=40))
    desk.bulk(*(v.opening(each, external_id=each) for each in OTHERS))
    assert set(assigned(desk)) == {"crowded"}
    desk.roster(*people, someone("crowded", capacity=0))
    desk.bulk(*(ReleaseTicket.new(ticket_id=each, actor=v.COORDINATOR, reason="spread") for each in OTHERS))
    holders = [desk.ticket(each).technician_id for each in OTHERS]
    assert {holder: holders.count(holder) for holder in holders} == {f"t{number}": 10 for number in range(4)}
    for each in OTHERS:
        held = desk.offer(each)
        assert isinstance(held, Held)
        assert (held.technician_id, held.generation) == (desk.ticket(each).technician_id, desk.ticket(each).generation)


def test_a_requesters_next_ticket_goes_to_whoever_solved_their_last(desk: Desk) -> None:
    desk.roster(someone("an"), someone("wu"))
    desk.command(v.opening(), v.assign("wu"), v.accept(v.WU), v.resolve(v.WU))
    desk.command(v.opening(OTHERS[0], external_id="0"))
    stranger = replace(v.opening().requester, requester_id="contact-2")
    desk.command(v.opening(OTHERS[1], external_id="1", requester=stranger))
    assert [desk.ticket(each).technician_id for each in OTHERS[:2]] == ["wu", "an"]


def test_a_reopened_ticket_goes_back_to_whoever_solved_it(desk: Desk) -> None:
    desk.roster(someone("an"), someone("wu"))
    desk.command(v.opening(), v.assign("wu"), v.accept(v.WU), v.resolve(v.WU), v.reopen())
    assert desk.ticket().technician_id == "wu"
