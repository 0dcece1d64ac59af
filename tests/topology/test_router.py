"""What the router proposes, event by event."""

from __future__ import annotations

import msgspec
import pytest

from schemas.dead_letters import Reason
from schemas.ticket_assignments import AssignmentMade, AssignmentQueued, ReleaseReason
from schemas.topics import ROUTING_WORK
from schemas.vocabulary import Language, Level, Presence
from services._runtime.engine.driver import START
from services.router.domain import filters
from services.router.domain.tally import Tally
from services.router.handlers import AssignmentDecided
from services.router.state import Ended, Gone, Held, Member, offer_key
from tests.topology.routing import POOL, SETTINGS, Router, minutes, offer, present, rostered, withdrawal


@pytest.fixture
def router() -> Router:
    return Router()


# ── offers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_offer_goes_to_the_least_loaded_with_the_skill(router: Router) -> None:
    router.send(rostered("an", "db"), rostered("bo", "db"), rostered("chen", "net"))
    assert router.said(offer("T-1", skills=["db"])) == [("made", "T-1", "an")]
    assert router.said(offer("T-2", skills=["db"])) == [("made", "T-2", "bo")]


def test_an_assignment_says_who_else_there_was_and_how_many_each_filter_dropped(router: Router) -> None:
    router.send(rostered("an", "db"), rostered("bo", "db"), rostered("chen", "net"), rostered("ding", "db"))
    router.send(present("ding", Presence.BUSY))
    made = router.send(offer("T-1", skills=["db"]))[0].data
    assert isinstance(made, AssignmentMade)
    assert [each.technician_id for each in made.candidates] == ["an", "bo"]
    assert made.dropped == {**dict.fromkeys(filters.NAMES, 0), "skill": 1, "presence": 1}
    assert (made.generation, made.pool, made.by_hand) == (1, POOL, False)
    assert (made.decided_at, made.position) == (START, "routing.work/0/5")


def test_an_assignment_is_an_event_of_its_ticket(router: Router) -> None:
    router.send(rostered("an"))
    event = router.send(offer("T-1"), tenant="umbrella", occurred_at=minutes(-3))[0]
    assert (event.key, event.subject, event.tenant) == ("T-1", "T-1", "umbrella")
    assert (event.id, event.occurred_at) == ("T-1:1:made", minutes(-3))


def test_an_offer_that_nobody_can_take_waits_and_says_why(router: Router) -> None:
    router.send(rostered("an", "net"))
    queued = router.send(offer("T-1", skills=["db"]))[0].data
    assert isinstance(queued, AssignmentQueued)
    assert queued.dropped == {**dict.fromkeys(filters.NAMES, 0), "skill": 1}
    assert router.holder("T-1") is None


def test_a_pool_without_anyone_queues_everything_and_raises_an_alarm(router: Router) -> None:
    assert router.said(offer("T-1")) == [("queued", "T-1", None), ("overflowed", "T-1", None)]


def test_nobody_gets_more_than_their_capacity(router: Router) -> None:
    router.send(rostered("an", capacity=3))
    assert router.said(offer("T-1", weight=2), offer("T-2", weight=2), offer("T-3", weight=1)) == [
        ("made", "T-1", "an"),
        ("queued", "T-2", None),
        ("made", "T-3", "an"),
    ]


def test_a_returning_ticket_goes_to_the_technician_of_its_last_cycle(router: Router) -> None:
    router.send(rostered("an"), rostered("bo", capacity=4), offer("T-1", wanted_technician_id="bo"))
    assert router.said(offer("T-2", last_technician_id="bo")) == [("made", "T-2", "bo")]


def test_pools_know_nothing_of_each_other(router: Router) -> None:
    router.send(rostered("an", pool="eu/west"))
    assert router.said(offer("T-1"))[0] == ("queued", "T-1", None)
    assert router.said(offer("T-2", pool="eu/west")) == [("made", "T-2", "an")]


# ── by hand ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_coordinators_choice_wins_over_every_rule(router: Router) -> None:
    router.send(rostered("an", capacity=1), rostered("bo"), offer("T-1", wanted_technician_id="an"))
    router.send(present("an", Presence.OFFLINE))
    wanted = offer("T-2", skills=["db"], level=Level.L3, declined_by=["an"], wanted_technician_id="an")
    made = router.send(wanted)[0].data
    assert (made.technician_id, made.by_hand) == ("an", True)
    assert router.loads() == {"an": 2}


def test_a_coordinator_may_choose_someone_off_the_roster(router: Router) -> None:
    assert router.said(offer("T-1", wanted_technician_id="director")) == [("made", "T-1", "director")]


def test_work_given_by_hand_counts_as_load(router: Router) -> None:
    router.send(rostered("an"), rostered("bo"), offer("T-1", wanted_technician_id="an"))
    assert router.said(offer("T-2")) == [("made", "T-2", "bo")]


def test_a_take_over_frees_whoever_held_the_work(router: Router) -> None:
    router.send(rostered("an", capacity=1), rostered("bo", "db", capacity=1), offer("T-1"), offer("T-2", skills=["db"]))
    router.send(offer("T-3"))
    assert router.said(offer("T-1", 2, wanted_technician_id="bo")) == [("made", "T-1", "bo"), ("made", "T-3", "an")]


# ── withdrawals ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_withdrawal_frees_the_load_and_the_next_in_order_gets_it(router: Router) -> None:
    router.send(rostered("an", capacity=1), offer("T-1"))
    router.send(
        offer("T-2", priority="P3"),
        offer("T-3", priority="P1", due_at=minutes(90)),
        offer("T-4", priority="P1", due_at=minutes(30)),
        offer("T-5", priority="P1"),
    )
    order = [router.said(withdrawal(ticket)) for ticket in ("T-1", "T-4", "T-3", "T-5", "T-2")]
    assert order == [
        [("made", "T-4", "an")],
        [("made", "T-3", "an")],
        [("made", "T-5", "an")],
        [("made", "T-2", "an")],
        [],
    ]


def test_among_equals_the_one_that_waits_longer_comes_first(router: Router) -> None:
    router.send(rostered("an", capacity=1), offer("T-1"))
    router.send(offer("T-2", queued_at=minutes(-5)), offer("T-3", queued_at=minutes(-50)))
    assert router.said(withdrawal("T-1")) == [("made", "T-3", "an")]


def test_freed_capacity_may_take_several_lighter_ones(router: Router) -> None:
    router.send(rostered("an", capacity=3), offer("T-1", weight=3), offer("T-2"), offer("T-3", weight=2), offer("T-4"))
    assert router.said(withdrawal("T-1")) == [("made", "T-2", "an"), ("made", "T-3", "an")]


def test_a_head_that_nobody_can_take_does_not_block_those_behind_it(router: Router) -> None:
    router.send(rostered("an", capacity=1), offer("T-1"))
    router.send(offer("T-2", priority="P0", skills=["db"]), offer("T-3", priority="P0", declined_by=["an"]))
    router.send(offer("T-4", priority="P0", language=Language.ZH_CN), offer("T-5"))
    assert router.said(withdrawal("T-1")) == [("made", "T-5", "an")]


def test_waiting_work_that_is_withdrawn_is_never_assigned(router: Router) -> None:
    router.send(offer("T-1"), offer("T-2"))
    assert router.said(withdrawal("T-1"), rostered("an")) == [("made", "T-2", "an")]


def test_what_is_assigned_from_the_queue_keeps_its_own_tenant_and_is_not_older_than_its_offer(router: Router) -> None:
    router.send(rostered("an", capacity=1), offer("T-1"), tenant="acme")
    router.send(offer("T-2"), tenant="umbrella", occurred_at=minutes(10))
    late = router.send(withdrawal("T-1"), tenant="acme", occurred_at=minutes(5))[0]
    assert (late.tenant, late.subject, late.occurred_at) == ("umbrella", "T-2", minutes(10))


def test_someone_loaded_by_hand_gets_nothing_until_they_have_room_again(router: Router) -> None:
    router.send(rostered("an", capacity=1))
    router.send(*(offer(f"T-{number}", wanted_technician_id="an") for number in range(3)))
    router.send(offer("T-9"))
    assert router.said(withdrawal("T-0"), withdrawal("T-1")) == []
    assert router.said(withdrawal("T-2")) == [("made", "T-9", "an")]


# ── generations ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_offer_again_does_nothing(router: Router) -> None:
    router.send(rostered("an"), offer("T-1"))
    before = router.driver.states()
    assert router.said(offer("T-1"), offer("T-1", wanted_technician_id="bo")) == []
    assert router.driver.states() == before


def test_an_older_generation_does_nothing(router: Router) -> None:
    router.send(rostered("an"), offer("T-1", 3))
    assert router.said(offer("T-1", 2), withdrawal("T-1", 2)) == []
    assert router.holder("T-1") == "an"


def test_a_declined_ticket_goes_to_someone_else_and_keeps_its_age(router: Router) -> None:
    router.send(rostered("an", capacity=1), rostered("bo", capacity=1), offer("T-1"), offer("T-2"), offer("T-3"))
    declined = offer("T-1", 2, queued_at=minutes(-60), declined_by=["an"])
    assert router.said(withdrawal("T-1"), declined) == [("made", "T-3", "an"), ("queued", "T-1", None)]
    assert router.said(offer("T-4", priority="P1"), withdrawal("T-2")) == [
        ("queued", "T-4", None),
        ("made", "T-4", "bo"),
    ]
    assert router.said(withdrawal("T-4")) == [("made", "T-1", "bo")]


def test_a_newer_offer_without_a_withdrawal_frees_the_older_ones_load(router: Router) -> None:
    router.send(rostered("an", capacity=1), offer("T-1"), offer("T-2"))
    assert router.said(offer("T-1", 2, declined_by=["an"]))[:2] == [("made", "T-2", "an"), ("queued", "T-1", None)]
    assert router.loads() == {"an": 1}


def test_a_newer_offer_of_waiting_work_takes_its_place_in_the_queue(router: Router) -> None:
    router.send(offer("T-1"), offer("T-2"))
    router.send(offer("T-2", 2, priority="P0"))
    assert router.said(rostered("an", capacity=1)) == [("made", "T-2", "an")]
    assert len(router.waiting()) == 1


def test_a_newer_offer_may_go_to_the_same_technician(router: Router) -> None:
    router.send(rostered("an", capacity=1), offer("T-1"))
    assert router.said(offer("T-1", 2)) == [("made", "T-1", "an")]
    assert router.loads() == {"an": 1}


def test_an_offer_that_comes_after_its_withdrawal_does_nothing(router: Router) -> None:
    router.send(rostered("an"), withdrawal("T-1", 2))
    assert router.said(offer("T-1", 1), offer("T-1", 2)) == []
    assert router.said(offer("T-1", 3)) == [("made", "T-1", "an")]


def test_a_withdrawal_of_a_newer_generation_ends_the_older_one_too(router: Router) -> None:
    router.send(rostered("an"), offer("T-1", 1), withdrawal("T-1", 2))
    assert router.loads() == {}


def test_an_ended_offer_is_forgotten_after_its_retention(router: Router) -> None:
    router.send(offer("T-1"), withdrawal("T-1"))
    assert isinstance(router.driver.state(offer_key(POOL, "T-1")), Ended)
    router.driver.advance(SETTINGS.router_ended_offer_retention_seconds - 1)
    router.send(withdrawal("T-1"))
    router.driver.advance(1)
    assert router.driver.states() == {}


def test_a_reopened_ticket_is_not_forgotten_with_its_first_offer(router: Router) -> None:
    router.send(rostered("an"), offer("T-1"), withdrawal("T-1"), offer("T-1", 2))
    router.driver.advance(SETTINGS.router_ended_offer_retention_seconds + 1)
    assert router.holder("T-1") == "an"


# ── technicians ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_technician_who_comes_onto_the_roster_gets_waiting_work_up_to_capacity(router: Router) -> None:
    router.send(offer("T-1", priority="P3"), offer("T-2", priority="P0"), offer("T-3", priority="P1"))
    assert router.said(rostered("an")) == [("made", "T-2", "an"), ("made", "T-3", "an")]


@pytest.mark.parametrize("presence", list(Presence))
def test_a_technician_off_the_roster_is_forgotten_in_the_end_wherever_they_are(
    router: Router, presence: Presence
) -> None:
    router.send(rostered("an"), present("an", presence), rostered("an", active=False))
    router.driver.advance(SETTINGS.router_ended_offer_retention_seconds)
    assert router.driver.states() == {}


def test_a_technician_who_comes_back_to_the_roster_is_as_they_were_and_not_forgotten(router: Router) -> None:
    router.send(rostered("an"), present("an", Presence.OFFLINE), rostered("an", active=False))
    router.driver.advance(SETTINGS.router_ended_offer_retention_seconds - 1)
    router.send(rostered("an"))
    router.driver.advance(1)
    member = router.member("an")
    assert member is not None
    assert member.technician.presence is Presence.OFFLINE


def test_a_technician_who_becomes_available_gets_waiting_work(router: Router) -> None:
    router.send(rostered("an"), present("an", Presence.AWAY), offer("T-1"))
    assert router.said(present("an", Presence.BUSY)) == []
    assert router.said(present("an", Presence.AVAILABLE)) == [("made", "T-1", "an")]


def test_a_new_skill_admits_the_work_that_waited_for_it(router: Router) -> None:
    router.send(rostered("an"), offer("T-1", skills=["db"]))
    assert router.said(rostered("an", "db")) == [("made", "T-1", "an")]


def test_more_capacity_admits_waiting_work(router: Router) -> None:
    router.send(rostered("an", capacity=1), offer("T-1"), offer("T-2"))
    assert router.said(rostered("an", capacity=2)) == [("made", "T-2", "an")]


def test_a_technician_who_goes_offline_keeps_what_they_hold(router: Router) -> None:
    router.send(rostered("an"), offer("T-1"))
    assert router.said(present("an", Presence.OFFLINE)) == []
    assert router.holder("T-1") == "an"


def test_presence_told_before_the_roster_holds_when_the_roster_comes(router: Router) -> None:
    router.send(present("an", Presence.OFFLINE), offer("T-1"))
    assert router.said(rostered("an")) == []
    assert router.said(present("an", Presence.AVAILABLE)) == [("made", "T-1", "an")]


def test_a_technician_off_the_roster_gets_nothing_and_keeps_what_they_hold(router: Router) -> None:
    router.send(rostered("an", capacity=1), offer("T-1"), rostered("an", capacity=1, active=False))
    assert router.said(offer("T-2"))[0] == ("queued", "T-2", None)
    assert router.member("an") is None
    assert router.said(rostered("an", capacity=1)) == []
    assert router.said(withdrawal("T-1")) == [("made", "T-2", "an")]


def test_someone_away_is_still_away_when_they_come_back_onto_the_roster(router: Router) -> None:
    router.send(rostered("an"), present("an", Presence.AWAY), rostered("an", active=False))
    router.send(rostered("an"))
    assert router.said(offer("T-1")) == [("queued", "T-1", None)]


def test_the_same_roster_again_changes_nothing(router: Router) -> None:
    router.send(rostered("an", "net", "db"), offer("T-1"))
    before = len(router.driver.read_bytes(router.driver.topology.changelog))
    router.send(rostered("an", "db", "net", "db"), present("an", Presence.AVAILABLE))
    assert len(router.driver.read_bytes(router.driver.topology.changelog)) == before


# ── poison, crash, storage ──────────────────────────────────────────────────────────────────────────────────────────


def test_one_poison_offer_does_not_stop_the_pool(router: Router) -> None:
    router.send(rostered("an"))
    router.driver.send_bytes(ROUTING_WORK, POOL, b"{")
    assert router.said(offer("T-1")) == [("made", "T-1", "an")]
    assert [letter.reason for letter in router.driver.dead_letters()] == [Reason.UNDECODABLE]
    assert router.driver.parked() == {}


def test_a_record_under_the_wrong_pool_is_set_aside(router: Router) -> None:
    router.driver.send(ROUTING_WORK, "elsewhere", offer("T-1"))
    assert [letter.error for letter in router.driver.dead_letters()] == ["WrongPoolError"]
    assert router.driver.states() == {}


def test_after_a_crash_loads_and_queue_are_what_they_were(router: Router) -> None:
    router.send(rostered("an", capacity=1), offer("T-1"), offer("T-2", priority="P3"), offer("T-3"))
    router.driver.crash()
    assert router.said(offer("T-4"), withdrawal("T-1")) == [("queued", "T-4", None), ("made", "T-3", "an")]


def test_effects_tell_the_outcome_and_how_long_the_ticket_waited(router: Router) -> None:
    router.send(offer("T-1"), offer("T-2", wanted_technician_id="bo"))
    router.driver.advance(30)
    router.send(rostered("an"))
    told = [
        (effect.outcome, effect.waited_seconds)
        for effect in router.driver.effects
        if isinstance(effect, AssignmentDecided)
    ]
    assert told == [("queued", 0), ("by_hand", 0), ("assigned", 30)]


def test_state_of_this_version_reads_what_it_wrote_yesterday() -> None:
    held = b'["held",2,"an",3,"acme","P1","2026-01-07T08:00:00Z","2026-01-07T08:00:00Z",null]'
    member = b'["member",["an",["db"],["en"],"L2",5,"away",true,"first"],["2026-01-07T08:00:00Z","offline"]]'
    tally = b'["tally",1767772800000000,739623,4,[1767772800000000]]'
    read = [msgspec.json.decode(text, type=Held | Member | Tally) for text in (held, member, tally)]
    assert read[0] == Held(2, "an", 3, "acme", "P1", START, START)
    assert isinstance(read[1], Member)
    assert read[1].technician.presence is Presence.AWAY
    assert read[1].gone == Gone(START, ReleaseReason.OFFLINE)
    assert read[2] == Tally(1767772800000000, 739623, 4, (1767772800000000,))
