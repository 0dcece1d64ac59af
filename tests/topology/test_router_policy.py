"""What a pool's policy makes of offers, people and time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.routing_policy import Shift
from schemas.routing_work import DECLINED, NOT_ACCEPTED, VOID, MissedAccept
from schemas.ticket_assignments import AssignmentMade, AssignmentOverflowed, AssignmentReleased
from schemas.topics import ROUTING_WORK, TICKET_ASSIGNMENTS
from schemas.vocabulary import Presence, Tier
from services._runtime.engine.driver import START
from services._runtime.metrics import ROUTER_CAPACITY_WEIGHT, ROUTER_LOAD_WEIGHT, ROUTER_QUEUE_TICKETS
from services.router.domain.policy import Policy
from services.router.domain.tally import Tally
from services.router.handlers import DeclineHeard, OwnerAlarmed
from services.router.state import policy_key, tally_key
from tests.topology.routing import POOL, SETTINGS, Router, minutes, offer, present, rostered, ruled, withdrawal


@pytest.fixture
def router() -> Router:
    return Router()


def after(router: Router, seconds: float) -> list[tuple[str, str, str | None]]:
    """What the router says while time passes: verb, ticket and technician."""
    router.driver.advance(seconds)
    return router.said()


def shift(*hours: list[str], timezone: str = "UTC", **overrides: Any) -> Shift:
    """The same hours every day."""
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return Shift.new(timezone=timezone, hours={day: list(hours) for day in days}, **overrides)


# ── the cases of the requirement ────────────────────────────────────────────────────────────────────────────────────


def test_with_a_capacity_of_three_the_fourth_waits_and_comes_before_the_fifth(router: Router) -> None:
    router.send(rostered("an", capacity=3))
    said = router.said(*(offer(f"T-{number}", queued_at=minutes(number)) for number in range(1, 6)))
    assert [verb for verb, *_ in said] == ["made", "made", "made", "queued", "queued"]
    assert router.said(withdrawal("T-2")) == [("made", "T-4", "an")]


def test_a_capacity_of_six_takes_three_tickets_of_weight_two(router: Router) -> None:
    router.send(rostered("an", capacity=6))
    said = router.said(*(offer(f"T-{number}", weight=2) for number in range(4)))
    assert [verb for verb, *_ in said] == ["made", "made", "made", "queued"]


def test_of_assignments_70_and_50_minutes_old_one_counts_within_an_hour(router: Router) -> None:
    router.send(ruled(rate_limit={"assignments": 2, "window_seconds": 3_600}), rostered("an", capacity=9))
    router.send(offer("T-1"))
    router.driver.advance(20 * 60)
    router.send(offer("T-2"))
    router.driver.advance(50 * 60)
    assert router.said(offer("T-3"), offer("T-4")) == [("made", "T-3", "an"), ("queued", "T-4", None)]
    assert after(router, 10 * 60 - 1) == []
    assert after(router, 1) == [("made", "T-4", "an")]


def test_the_rate_limit_counts_what_has_been_solved_meanwhile_and_what_was_given_by_hand(router: Router) -> None:
    router.send(ruled(rate_limit={"assignments": 2, "window_seconds": 3_600}), rostered("an", capacity=9))
    router.send(offer("T-1"), withdrawal("T-1"), offer("T-2", wanted_technician_id="an"), withdrawal("T-2"))
    assert router.said(offer("T-3"))[0] == ("queued", "T-3", None)


def test_a_declined_ticket_comes_back_with_its_age_and_not_to_the_decliner(router: Router) -> None:
    router.send(ruled(ageing_seconds=600), rostered("an", capacity=1), offer("T-1", priority="P3"))
    router.driver.advance(700)
    router.send(withdrawal("T-1"), offer("T-1", 2, priority="P3", declined_by=["an"], queued_at=START))
    router.send(offer("T-2", priority="P2", queued_at=minutes(11)))
    assert router.holder("T-2") == "an"
    router.send(offer("T-3", priority="P2", queued_at=minutes(11)))
    assert router.said(rostered("bo", capacity=1)) == [("made", "T-1", "bo")]


def missed(technician_id: str, at: float = 0) -> MissedAccept:
    return MissedAccept.new(technician_id=technician_id, missed_at=minutes(at))


def test_who_missed_a_ticket_gets_it_again_once_they_have_rested_and_no_earlier(router: Router) -> None:
    router.send(ruled(missed_rests_seconds=600), rostered("an"), offer("T-1"))
    assert router.said(withdrawal("T-1"), offer("T-1", 2, missed=[missed("an")])) == [("queued", "T-1", None)]
    assert after(router, 599) == []
    assert after(router, 1) == [("made", "T-1", "an")]


def test_an_outage_in_which_all_miss_a_ticket_leaves_it_to_the_first_who_has_rested(router: Router) -> None:
    router.send(ruled(missed_rests_seconds=600), *(rostered(each) for each in ("an", "bo", "chen")))
    router.driver.advance(180)
    all_missed = [missed("bo", 0), missed("an", 1), missed("chen", 2)]
    (queued,) = router.send(offer("T-1", 4, missed=all_missed))
    assert queued.data.dropped["declined"] == 3
    assert after(router, 600 - 180) == [("made", "T-1", "bo")]


def test_nobody_is_alarmed_as_if_all_had_declined_while_those_who_missed_a_ticket_rest(router: Router) -> None:
    router.send(ruled(owner_id="head", missed_rests_seconds=600), rostered("an"), rostered("bo"))
    assert router.said(offer("T-1", declined_by=["bo"], missed=[missed("an")])) == [("queued", "T-1", None)]
    assert after(router, 600) == [("made", "T-1", "an")]


def test_work_that_only_rests_keep_from_people_goes_to_the_pools_owner_when_its_time_is_over(router: Router) -> None:
    router.send(ruled(owner_id="head", owner_after_seconds=300, missed_rests_seconds=600), rostered("an"))
    router.send(offer("T-1", missed=[missed("an")]))
    assert after(router, 300) == [("overflowed", "T-1", None), ("made", "T-1", "head")]


@pytest.mark.parametrize(
    ("rests_seconds", "declined_by"), [(None, []), (600, ["an"])], ids=["rests for ever", "declined it, too"]
)
def test_who_declined_never_gets_a_ticket_again_nor_who_missed_it_where_that_counts_alike(
    router: Router, rests_seconds: int | None, declined_by: list[str]
) -> None:
    router.send(ruled(owner_after_seconds=None, missed_rests_seconds=rests_seconds), rostered("an"))
    told = router.said(offer("T-1", declined_by=declined_by, missed=[missed("an")]))
    assert told == [("queued", "T-1", None), ("overflowed", "T-1", None)]
    assert after(router, 86_400) == []


def test_a_shorter_rest_is_over_at_once_when_the_policy_says_so(router: Router) -> None:
    router.send(ruled(missed_rests_seconds=6_000), rostered("an"), offer("T-1", missed=[missed("an")]))
    router.driver.advance(300)
    assert router.said(ruled(version=2, missed_rests_seconds=300)) == [("made", "T-1", "an")]


def test_who_rests_from_one_ticket_takes_others(router: Router) -> None:
    router.send(ruled(missed_rests_seconds=600), rostered("an", capacity=1))
    told = router.said(offer("T-1", missed=[missed("an")]), offer("T-2", priority="P3"))
    assert told == [("queued", "T-1", None), ("made", "T-2", "an")]
    router.driver.advance(600)
    assert router.said(withdrawal("T-2")) == [("made", "T-1", "an")]


# ── overflow ────────────────────────────────────────────────────────────────────────────────────────────────────────

GROUPS = [{"teams": ["first"]}, {"teams": ["second"], "after_seconds": 600}]


def test_work_overflows_to_the_next_group_after_its_time(router: Router) -> None:
    router.send(ruled(groups=GROUPS), rostered("an", team="first", capacity=1), rostered("bo", team="second"))
    assert router.said(offer("T-1"), offer("T-2")) == [("made", "T-1", "an"), ("queued", "T-2", None)]
    assert after(router, 599) == []
    router.driver.advance(1)
    overflowed, made = (event.data for event in router.driver.read(TICKET_ASSIGNMENTS))
    assert isinstance(overflowed, AssignmentOverflowed)
    assert (overflowed.teams, overflowed.alarm, overflowed.reason) == (["second"], False, "waited")
    assert isinstance(made, AssignmentMade)
    assert (made.technician_id, made.policy_version, made.overflowed) == ("bo", 1, False)


def test_the_first_group_is_asked_first_again_for_the_next_ticket(router: Router) -> None:
    router.send(ruled(groups=GROUPS), rostered("an", team="first", capacity=1), rostered("bo", team="second"))
    router.send(offer("T-1"), offer("T-2"))
    router.driver.advance(600)
    router.send(withdrawal("T-1"))
    assert router.said(offer("T-3"))[-1] == ("made", "T-3", "an")


def test_work_that_nobody_takes_in_time_goes_to_the_pools_owner_with_an_alarm(router: Router) -> None:
    router.send(ruled(owner_id="head", owner_after_seconds=900), rostered("an", capacity=1), offer("T-1"))
    router.send(offer("T-2"))
    assert after(router, 899) == []
    router.driver.advance(1)
    alarm, made = (event.data for event in router.driver.read(TICKET_ASSIGNMENTS))
    assert (alarm.alarm, alarm.owner_id, alarm.reason) == (True, "head", "waited")
    assert (made.technician_id, made.overflowed, made.by_hand) == ("head", True, False)
    assert [effect.reason for effect in router.driver.effects if isinstance(effect, OwnerAlarmed)] == ["waited"]


def test_an_owner_who_does_not_take_work_is_alarmed_once_and_the_work_waits_on(router: Router) -> None:
    router.send(ruled(owner_id="head", owner_after_seconds=900, owner_takes=False), rostered("an", capacity=1))
    router.send(offer("T-1"), offer("T-2"))
    assert after(router, 7_200) == [("overflowed", "T-2", None)]
    assert router.said(withdrawal("T-1")) == [("made", "T-2", "an")]


@pytest.mark.parametrize(
    ("skills", "declined_by", "reason"), [(["db"], [], "nobody_able"), ([], ["an"], "all_declined")]
)
def test_work_that_nobody_could_ever_take_overflows_at_once(
    router: Router, skills: list[str], declined_by: list[str], reason: str
) -> None:
    router.send(ruled(owner_id="head"), rostered("an"))
    queued, alarm, made = (event.data for event in router.send(offer("T-1", skills=skills, declined_by=declined_by)))
    assert (queued.dropped["skill"], queued.dropped["declined"]) == (len(skills), len(declined_by))
    assert (alarm.alarm, alarm.reason, made.technician_id, made.overflowed) == (True, reason, "head", True)


def test_work_waits_without_alarm_while_one_who_could_take_it_is_only_away(router: Router) -> None:
    router.send(rostered("an", "db"), present("an", Presence.AWAY))
    assert router.said(offer("T-1", skills=["db"])) == [("queued", "T-1", None)]


def test_skills_that_are_wished_for_are_given_up_after_a_while(router: Router) -> None:
    router.send(ruled(skill_tiers=[{"skills": ["scanner"], "after_seconds": 300}]), rostered("an", "db"))
    assert router.said(offer("T-1", skills=["db", "scanner"])) == [("queued", "T-1", None)]
    assert router.said(offer("T-2", skills=["net", "scanner"]))[0] == ("queued", "T-2", None)
    assert after(router, 300) == [("made", "T-1", "an")]


def test_whoever_has_a_wished_skill_is_still_preferred(router: Router) -> None:
    router.send(ruled(skill_tiers=[{"skills": ["scanner"], "after_seconds": 0}]))
    router.send(rostered("an", "db"), rostered("bo", "db", "scanner"))
    assert router.said(offer("T-1", skills=["db", "scanner"])) == [("made", "T-1", "bo")]


# ── order ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_waiting_raises_work_step_by_step_but_never_above_the_top(router: Router) -> None:
    router.send(ruled(ageing_seconds=600, ageing_up_to="P1"), rostered("an", capacity=1), offer("T-0"))
    router.send(offer("T-old", priority="P3"))
    router.driver.advance(1_300)
    router.send(offer("T-p1", priority="P1", due_at=minutes(60)), offer("T-p0", priority="P0"))
    assert router.said(withdrawal("T-0")) == [("made", "T-p0", "an")]
    assert router.said(withdrawal("T-p0")) == [("made", "T-old", "an")]
    assert router.said(withdrawal("T-old")) == [("made", "T-p1", "an")]


def test_without_ageing_priority_alone_decides(router: Router) -> None:
    router.send(ruled(ageing_seconds=None), rostered("an", capacity=1), offer("T-0"), offer("T-old", priority="P3"))
    router.driver.advance(86_400)
    router.send(offer("T-p2", priority="P2"))
    assert router.said(withdrawal("T-0")) == [("made", "T-p2", "an")]


def test_vips_come_first_among_equal_priorities(router: Router) -> None:
    router.send(rostered("an", capacity=1), offer("T-0"))
    router.send(offer("T-1", due_at=minutes(5)), offer("T-2", tier=Tier.VIP), offer("T-3", priority="P1"))
    assert [router.said(withdrawal(each)) for each in ("T-0", "T-3", "T-2")] == [
        [("made", "T-3", "an")],
        [("made", "T-2", "an")],
        [("made", "T-1", "an")],
    ]


# ── who ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_equals_take_turns_longest_idle_first(router: Router) -> None:
    router.send(rostered("an"), rostered("bo"), rostered("chen"))
    got = []
    for number in range(6):
        router.driver.advance(1)
        got += [name for _, _, name in router.said(offer(f"T-{number}"), withdrawal(f"T-{number}"))]
    assert got == ["an", "bo", "chen", "an", "bo", "chen"]


def test_fairness_gives_to_who_got_less_today_and_forgets_at_midnight(router: Router) -> None:
    router.send(ruled(fairness_factor=10, timezone="Asia/Shanghai"), rostered("an"), rostered("bo"))
    router.send(offer("T-1"), offer("T-2"), offer("T-3", weight=2), withdrawal("T-1"), withdrawal("T-3"))
    assert router.holders() == {f"{POOL}/offer/T-2": "bo"}
    assert router.said(offer("T-4")) == [("made", "T-4", "bo")]
    router.send(withdrawal("T-4"))
    router.driver.advance(9 * 3_600)
    assert router.said(offer("T-5")) == [("made", "T-5", "an")]


def test_a_product_a_tier_and_a_conflict_of_interest_keep_people_from_work(router: Router) -> None:
    router.send(
        rostered("an", products=["printer"]),
        rostered("bo", tiers=[Tier.STANDARD]),
        rostered("chen", conflicts=["r-1"]),
    )
    work = offer("T-1", product="gateway", tier=Tier.VIP, requester_id="r-1")
    dropped = router.send(work)[0].data.dropped
    assert {name: count for name, count in dropped.items() if count} == {"product": 1, "tier": 1, "conflict": 1}
    assert router.said(ruled(filters=["conflict"])) == [("made", "T-1", "an")]


def test_work_of_a_requester_waits_for_its_named_owner_alone_for_a_while(router: Router) -> None:
    router.send(ruled(owners={"r-1": "bo"}, owner_seconds=120), rostered("an"), rostered("bo"))
    router.send(present("bo", Presence.BUSY))
    queued = router.send(offer("T-1", requester_id="r-1"))[0].data
    assert queued.dropped["owner"] == 1
    assert router.said(offer("T-2", requester_id="r-2")) == [("made", "T-2", "an")]
    assert after(router, 120) == [("made", "T-1", "an")]


def test_who_works_on_another_ticket_of_the_requester_is_preferred(router: Router) -> None:
    router.send(rostered("an", capacity=9), rostered("bo", capacity=9))
    router.send(offer("T-1", requester_id="c-1", wanted_technician_id="bo"))
    assert router.said(offer("T-2", requester_id="c-2")) == [("made", "T-2", "an")]
    assert router.said(offer("T-3", requester_id="c-1")) == [("made", "T-3", "bo")]


def test_who_worked_for_the_requester_last_is_preferred_until_that_is_forgotten(router: Router) -> None:
    retention_seconds = SETTINGS.router_ended_offer_retention_seconds
    router.send(rostered("an"), rostered("bo"), rostered("chen"))
    router.send(offer("T-1", requester_id="c-1", wanted_technician_id="bo"), withdrawal("T-1"))
    router.send(offer("T-2", requester_id="c-1", wanted_technician_id="chen"), withdrawal("T-2"))
    assert router.said(offer("T-3", requester_id="c-1"))[0] == ("made", "T-3", "chen")
    router.send(withdrawal("T-3"))
    router.driver.advance(retention_seconds)
    assert router.said(offer("T-4", requester_id="c-1")) == [("made", "T-4", "an")]


@pytest.mark.parametrize("reason", [DECLINED, NOT_ACCEPTED, VOID])
def test_who_never_worked_on_a_ticket_does_not_know_its_requester_by_it(router: Router, reason: str) -> None:
    router.send(rostered("an"), rostered("bo"))
    router.send(offer("T-1", requester_id="c-1", wanted_technician_id="bo"), withdrawal("T-1", reason=reason))
    assert router.said(offer("T-2", requester_id="c-1")) == [("made", "T-2", "an")]


def test_a_ticket_is_not_related_to_itself(router: Router) -> None:
    router.send(rostered("an"), rostered("bo"), offer("T-1", requester_id="c-1", wanted_technician_id="bo"))
    assert router.said(offer("T-1", 2, requester_id="c-1")) == [("made", "T-1", "an")]


# ── shifts and presence ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_shift_that_begins_admits_waiting_work_and_its_last_minutes_get_none(router: Router) -> None:
    router.send(
        ruled(shift_ending_seconds=900),
        rostered("an", capacity=9, shift=shift(["16:30", "18:00"], timezone="Asia/Shanghai")),
    )
    assert router.said(offer("T-1")) == [("queued", "T-1", None)]
    assert after(router, 30 * 60) == [("made", "T-1", "an")]
    router.driver.advance(74 * 60)
    assert router.said(offer("T-2")) == [("made", "T-2", "an")]
    router.driver.advance(60)
    assert router.said(offer("T-3")) == [("queued", "T-3", None)]


def test_a_shift_may_go_over_midnight_and_a_day_off_replaces_it(router: Router) -> None:
    night = shift(["22:00", "06:00"], overrides={"2026-01-08": []})
    router.send(ruled(shift_ending_seconds=0, owner_after_seconds=None), rostered("an", capacity=9, shift=night))
    router.send(offer("T-1"))
    assert after(router, 14 * 3_600) == [("made", "T-1", "an")]
    router.driver.advance(8 * 3_600 - 1)
    assert router.said(offer("T-2")) == [("made", "T-2", "an")]
    router.driver.advance(1)
    assert router.said(offer("T-3")) == [("queued", "T-3", None)]
    assert after(router, 40 * 3_600 - 1) == []
    assert after(router, 1) == [("made", "T-3", "an")]


def test_a_shift_of_no_known_zone_is_set_aside(router: Router) -> None:
    router.send(rostered("an", shift=shift(["09:00", "18:00"], timezone="Mars/Olympus")))
    assert len(router.driver.dead_letters()) == 1


def test_who_is_offline_for_longer_than_the_grace_gives_back_what_they_hold(router: Router) -> None:
    router.send(ruled(offline_grace_seconds=300), rostered("an"), rostered("bo", capacity=0))
    router.send(offer("T-1", priority="P1"), offer("T-2", priority="P0"), present("an", Presence.OFFLINE))
    assert after(router, 299) == []
    router.driver.advance(1)
    released = [event.data for event in router.driver.read(TICKET_ASSIGNMENTS)]
    assert [type(each).__name__ for each in released] == ["AssignmentReleased"] * 2
    assert [(each.ticket_id, each.technician_id, each.reason) for each in released] == [
        ("T-2", "an", "offline"),
        ("T-1", "an", "offline"),
    ]
    assert router.loads() == {"an": 2}
    assert after(router, 3_600) == []


def test_who_is_back_within_the_grace_keeps_what_they_hold(router: Router) -> None:
    router.send(ruled(offline_grace_seconds=300), rostered("an"), offer("T-1"), present("an", Presence.OFFLINE))
    router.driver.advance(299)
    router.send(present("an", Presence.AVAILABLE))
    assert after(router, 3_600) == []


def test_the_end_of_a_shift_gives_back_after_a_grace_of_its_own(router: Router) -> None:
    router.send(ruled(shift_grace_seconds=1_800), rostered("an", shift=shift(["08:00", "17:00"])), offer("T-1"))
    assert after(router, 9 * 3_600 + 1_799) == []
    router.driver.advance(1)
    (released,) = (event.data for event in router.driver.read(TICKET_ASSIGNMENTS))
    assert released.reason == "shift_over"


def test_what_is_given_by_hand_to_someone_who_is_gone_stays_with_them(router: Router) -> None:
    router.send(ruled(offline_grace_seconds=0), rostered("an"), present("an", Presence.OFFLINE))
    router.send(offer("T-1", wanted_technician_id="an"))
    assert after(router, 3_600) == []
    assert router.holder("T-1") == "an"


def test_a_grace_that_a_new_policy_brings_counts_from_when_they_went(router: Router) -> None:
    router.send(rostered("an"), offer("T-1"), present("an", Presence.OFFLINE))
    router.driver.advance(500)
    router.send(ruled(offline_grace_seconds=600))
    assert after(router, 99) == []
    router.driver.advance(1)
    assert [type(event.data) for event in router.driver.read(TICKET_ASSIGNMENTS)] == [AssignmentReleased.struct]


def test_a_team_that_goes_offline_with_a_thousand_tickets_is_spread_most_urgent_first(router: Router) -> None:
    router.send(ruled(offline_grace_seconds=60, reassignments_per_second=50))
    people = [f"t{number:02}" for number in range(20)]
    router.send(*(rostered(name, capacity=50) for name in people))
    router.send(*(offer(f"T-{number:04}", priority=f"P{number % 4}") for number in range(1_000)))
    router.driver.read(TICKET_ASSIGNMENTS)
    router.send(*(present(name, Presence.OFFLINE) for name in people))
    router.driver.advance(59)
    urgencies: list[str] = []
    a_second: list[int] = []
    for _ in range(25):
        router.driver.advance(1)
        released = [event.data.ticket_id for event in router.driver.read(TICKET_ASSIGNMENTS)]
        a_second.append(len(released))
        urgencies += [f"P{int(ticket_id[2:]) % 4}" for ticket_id in released]
    assert a_second == [50] * 20 + [0] * 5
    assert urgencies == sorted(urgencies)
    assert len(router.loads()) == len(people)


# ── the policy itself ───────────────────────────────────────────────────────────────────────────────────────────────


def test_another_policy_looks_again_at_all_that_waits_slice_by_slice(router: Router) -> None:
    router.send(ruled(owner_after_seconds=None), rostered("an", capacity=1))
    router.send(*(offer(f"T-{number:04}") for number in range(2_500)))
    router.driver.read(TICKET_ASSIGNMENTS)
    router.send(ruled(version=2, owner_after_seconds=60, owner_id="head"))
    router.driver.advance(0)
    assert router.driver.timers(policy_key(POOL)) == {}
    router.driver.advance(60)
    taken = [event for event in router.driver.read(TICKET_ASSIGNMENTS) if isinstance(event.data, AssignmentMade)]
    assert len(taken) == 2_499


def test_the_same_policy_again_changes_nothing(router: Router) -> None:
    router.send(ruled(), rostered("an"))
    before = router.driver.states()
    router.send(ruled())
    assert router.driver.states() == before


def test_an_assignment_tells_the_pools_time_for_accepting(router: Router) -> None:
    router.send(ruled(accept_within_seconds=90), rostered("an"))
    assert router.send(offer("T-1"))[0].data.accept_within_seconds == 90


def test_who_leaves_the_roster_leaves_no_tally(router: Router) -> None:
    router.send(rostered("an"), offer("T-1"))
    assert isinstance(router.driver.state(tally_key(POOL, "an")), Tally)
    router.send(withdrawal("T-1"), rostered("an", active=False))
    assert router.driver.state(tally_key(POOL, "an")) is None


def test_the_defaults_of_the_contract_are_those_of_the_router() -> None:
    router = Router()
    router.send(ruled(version=7))
    state = router.driver.state(policy_key(POOL))
    assert state.policy == Policy(version=7)  # type: ignore[union-attr]


def test_effects_tell_declines_and_the_index_how_full_the_pool_is(router: Router) -> None:
    router.send(rostered("an", capacity=3), offer("T-1", weight=2), offer("T-2", weight=2))
    router.driver.send(ROUTING_WORK, POOL, withdrawal("T-1", reason="not accepted in time"))
    declines = [effect for effect in router.driver.effects if isinstance(effect, DeclineHeard)]
    assert declines == [DeclineHeard(POOL, in_time=False)]
    assert router.figures() == {ROUTER_QUEUE_TICKETS: 0, ROUTER_LOAD_WEIGHT: 2, ROUTER_CAPACITY_WEIGHT: 3}
    router.send(offer("T-3", weight=2))
    assert router.figures() == {ROUTER_QUEUE_TICKETS: 1, ROUTER_LOAD_WEIGHT: 2, ROUTER_CAPACITY_WEIGHT: 3}


def test_a_day_played_again_from_the_log_gives_the_same_assignments() -> None:
    first, second = Router(), Router()
    for router in (first, second):
        router.send(ruled(fairness_factor=0.3, rate_limit={"assignments": 3, "window_seconds": 3_600}, groups=GROUPS))
        router.send(*(rostered(f"t{n}", "db", capacity=3, team="first" if n % 2 else "second") for n in range(5)))
        for number in range(200):
            router.send(offer(f"T-{number}", priority=f"P{number % 4}", weight=1 + number % 2))
            if number >= 5:
                router.send(withdrawal(f"T-{number - 5}"))
            router.driver.advance(timedelta(minutes=7).total_seconds())
            if router is second and number % 50 == 0:
                router.driver.crash()
    assert first.driver.read_bytes(TICKET_ASSIGNMENTS) == second.driver.read_bytes(TICKET_ASSIGNMENTS)
