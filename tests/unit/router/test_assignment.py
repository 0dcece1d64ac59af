"""Who is chosen, and that the groups of the roster change nothing about it."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.routing_policy import RoutingFilter
from schemas.vocabulary import Language, Level, Presence, Tier
from services.router.domain import filters
from services.router.domain.assignment import Choice
from services.router.domain.explaining import explain
from services.router.domain.instants import microseconds_of
from services.router.domain.policy import OverflowGroup, Policy, RateLimit, SkillTier
from services.router.domain.shifts import Shift
from services.router.domain.tally import Tally, tallied
from services.router.domain.work import Technician, Work
from tests.unit.router.words import NOON, chosen, chosen_by_hand, roster_of, technician, work


def test_the_least_loaded_with_the_skill_wins() -> None:
    roster = roster_of(technician("an", "db"), technician("bo", "db"), technician("chen", "net"), an=2, bo=1)
    assert chosen(work("T-1", skills=("db",)), roster).winner_id == "bo"


def test_load_is_measured_against_capacity() -> None:
    roster = roster_of(technician("an", capacity=4), technician("bo", capacity=20), an=1, bo=3)
    assert chosen(work("T-1"), roster).winner_id == "bo"


def test_equals_are_told_apart_by_id() -> None:
    roster = roster_of(technician("chen"), technician("an"), technician("bo"))
    ranked = chosen(work("T-1"), roster).ranked
    assert [each.technician_id for each in ranked] == ["an", "bo", "chen"]


def test_the_technician_of_the_last_cycle_wins_unless_much_fuller() -> None:
    again = work("T-1", last_technician_id="bo")
    assert chosen(again, roster_of(technician("an"), technician("bo"), bo=2)).winner_id == "bo"
    assert chosen(again, roster_of(technician("an"), technician("bo"), bo=4)).winner_id == "an"


def test_the_winner_and_the_next_two_are_named_with_their_weights() -> None:
    roster = roster_of(*(technician(name) for name in ("an", "bo", "chen", "ding")), an=3, bo=1, chen=2)
    ranked = chosen(work("T-1"), roster).ranked
    assert [each.technician_id for each in ranked] == ["ding", "bo", "chen"]
    assert [each.weight for each in ranked] == [0.9, 0.7, 0.5]


def test_each_dropped_technician_counts_for_the_first_filter_that_drops_them() -> None:
    roster = roster_of(
        technician("unskilled", presence=Presence.AWAY),
        technician("junior", "db"),
        technician("mute", "db", level=Level.L2, languages=(Language.ZH_CN,), presence=Presence.OFFLINE),
        technician("away", "db", level=Level.L2, presence=Presence.AWAY),
        technician("full", "db", level=Level.L2, capacity=2),
        technician("unwilling", "db", level=Level.L2),
        full=2,
    )
    wanted = work("T-1", skills=("db",), level=Level.L2, declined_by=("full", "unwilling"))
    choice = chosen(wanted, roster)
    once = ("skill", "level", "language", "presence", "capacity", "declined")
    assert choice == Choice((), {name: int(name in once) for name in filters.NAMES})
    assert choice.winner_id is None


def test_people_off_the_roster_are_neither_chosen_nor_counted() -> None:
    roster = roster_of(technician("gone", rostered=False))
    assert chosen(work("T-1"), roster) == Choice((), dict.fromkeys(filters.NAMES, 0))


def test_a_wanted_technician_wins_over_every_filter() -> None:
    roster = roster_of(technician("an"), technician("bo", "db", presence=Presence.OFFLINE, capacity=1), bo=1)
    choice = chosen_by_hand(work("T-1", declined_by=("bo",)), "bo", roster)
    assert [each.technician_id for each in choice.ranked] == ["bo", "an"]
    assert choice.ranked[0].weight < 0


def test_a_wanted_technician_need_not_be_known() -> None:
    choice = chosen_by_hand(work("T-1"), "visitor", roster_of(technician("an")))
    assert [each.technician_id for each in choice.ranked] == ["visitor", "an"]


# ── the plain way: ask every filter and weigher about everyone ──────────────────────────────────────────────────────

SKILLS = ("billing", "db", "net")
NAMES = tuple(f"t{number}" for number in range(8))
TEAMS = ("first", "second")
REQUESTERS = ("r1", "r2")
DAY_SHIFT = Shift("Asia/Shanghai", ((("09:00", "20:10"),),) * 7)
NIGHT_SHIFT = Shift("UTC", ((("22:00", "06:00"),),) * 7)

skills = st.sets(st.sampled_from(SKILLS), max_size=2).map(lambda chosen: tuple(sorted(chosen)))
technicians = st.lists(
    st.builds(
        Technician,
        technician_id=st.sampled_from(NAMES),
        skills=skills,
        languages=st.sampled_from([(Language.EN,), (Language.ZH_CN,), (Language.EN, Language.ZH_CN)]),
        level=st.sampled_from(Level),
        capacity=st.integers(0, 4),
        presence=st.sampled_from([Presence.AVAILABLE, Presence.AVAILABLE, Presence.AWAY]),
        rostered=st.sampled_from([True, True, True, False]),
        team=st.sampled_from(TEAMS),
        products=st.sampled_from([(), (), ("gateway",)]),
        tiers=st.sampled_from([(), (), (Tier.VIP,), (Tier.STANDARD,)]),
        conflicts=st.sampled_from([(), (), ("r1",)]),
        shift=st.sampled_from([None, None, DAY_SHIFT, NIGHT_SHIFT]),
    ),
    unique_by=lambda each: each.technician_id,
)
works = st.builds(
    work,
    st.just("T-1"),
    skills=skills,
    level=st.sampled_from(Level),
    language=st.sampled_from(Language),
    weight=st.integers(1, 3),
    declined_by=st.lists(st.sampled_from(NAMES), unique=True, max_size=2).map(tuple),
    last_technician_id=st.none() | st.sampled_from(NAMES),
    related_technician_id=st.none() | st.sampled_from(NAMES),
    requester_id=st.none() | st.sampled_from(REQUESTERS),
    product=st.sampled_from([None, "gateway", "printer"]),
    tier=st.sampled_from(Tier),
)
policies = st.builds(
    Policy,
    filters=st.just(tuple(RoutingFilter)) | st.sets(st.sampled_from(RoutingFilter)).map(lambda few: tuple(sorted(few))),
    skill_tiers=st.sampled_from([(), (SkillTier(("db",), 600),)]),
    groups=st.sampled_from([(), (OverflowGroup(("first",)), OverflowGroup(("second",), 900))]),
    rate_limit=st.sampled_from([None, RateLimit(2, 3_600)]),
    load_factor=st.sampled_from([0.01, 1.0, 7.5]),
    continuity_factor=st.sampled_from([0.0, 0.5, 10.0]),
    related_factor=st.sampled_from([0.0, 0.25]),
    skill_match_factor=st.sampled_from([0.0, 0.1, 5.0]),
    idle_factor=st.sampled_from([0.0, 0.05, 3.0]),
    fairness_factor=st.sampled_from([0.0, 0.05, 3.0]),
    timezone=st.sampled_from(["UTC", "Asia/Shanghai"]),
    owners=st.sampled_from([{}, {"r2": "t1"}]),
    owner_seconds=st.sampled_from([0, 300]),
)
ages_minutes = st.lists(st.integers(0, 180), min_size=1, max_size=3).map(lambda ages: sorted(ages, reverse=True))
tallies = st.dictionaries(st.sampled_from(NAMES), ages_minutes)


@given(
    technicians,
    st.dictionaries(st.sampled_from(NAMES), st.integers(1, 5)),
    tallies,
    works,
    policies,
    st.lists(st.integers(0, 120), min_size=1, max_size=3),
)
@settings(deadline=None, max_examples=300)
def test_groups_choose_whom_asking_everyone_would(
    people: list[Technician],
    loads: dict[str, int],
    got: dict[str, list[int]],
    offered: Work,
    policy: Policy,
    minutes: list[int],
) -> None:
    roster = roster_of(*people, policy=policy, **loads)
    for technician_id, ages in got.items():
        tally = Tally()
        for age_minutes in ages:
            tally = tallied(tally, 1, policy, microseconds_of(NOON - timedelta(minutes=age_minutes)))
        roster.set_tally(technician_id, tally)
    for moment in minutes:
        now = NOON + timedelta(minutes=moment)
        assert chosen(offered, roster, now) == explain(offered, roster, policy, now).choice


crowds = st.lists(
    st.builds(
        Technician,
        technician_id=st.sampled_from(NAMES),
        skills=skills,
        languages=st.just((Language.EN,)),
        level=st.sampled_from([Level.L1, Level.L2]),
        capacity=st.integers(3, 4),
        rostered=st.sampled_from([True]),
    ),
    min_size=4,
    unique_by=lambda each: each.technician_id,
)
welcome = st.builds(
    work,
    st.just("T-1"),
    weight=st.integers(1, 2),
    last_technician_id=st.none() | st.sampled_from(NAMES),
    related_technician_id=st.none() | st.sampled_from(NAMES),
    requester_id=st.none() | st.sampled_from(REQUESTERS),
)


@given(
    crowds,
    st.dictionaries(st.sampled_from(NAMES), st.integers(1, 3)),
    st.dictionaries(st.sampled_from(NAMES), st.integers(0, 90)),
    st.lists(welcome, min_size=1, max_size=3),
    policies.map(lambda policy: msgspec.structs.replace(policy, filters=(), groups=(), rate_limit=None)),
)
@settings(deadline=None, max_examples=150)
def test_groups_weigh_as_asking_everyone_does_where_nearly_all_may_take_the_work(
    people: list[Technician], loads: dict[str, int], ages: dict[str, int], asked: list[Work], policy: Policy
) -> None:
    roster = roster_of(*people, policy=policy, **loads)
    for technician_id, age_minutes in ages.items():
        at_us = microseconds_of(NOON - timedelta(minutes=age_minutes))
        roster.set_tally(technician_id, tallied(Tally(), 1, policy, at_us))
    for offered in asked:
        assert chosen(offered, roster) == explain(offered, roster, policy, NOON).choice


moves = st.tuples(st.sampled_from(NAMES), st.integers(-2, 3))
turns = st.tuples(st.sampled_from(NAMES), st.sampled_from([Presence.AVAILABLE, Presence.AWAY]))


@given(technicians, policies, st.lists(works, min_size=1, max_size=3), st.lists(moves | turns, max_size=25))
@settings(deadline=None, max_examples=150)
def test_groups_still_do_after_any_number_of_changes(
    people: list[Technician], policy: Policy, asked: list[Work], changes: list[tuple[str, int | Presence]]
) -> None:
    """All kinds of work are asked for in turn, so that each finds changes that another has looked at or has not."""
    roster = roster_of(*people, policy=policy)
    known = {each.technician_id: each for each in people}
    for number, (technician_id, change) in enumerate(changes):
        if isinstance(change, Presence):
            if technician_id in known:
                turned = msgspec.structs.replace(known[technician_id], presence=change)
                roster.replace(known[technician_id], turned)
                known[technician_id] = turned
        elif roster.load_of(technician_id) + change >= 0:
            roster.add_load(technician_id, change)
            tally = tallied(roster.tally_of(technician_id), 1, policy, microseconds_of(NOON) + number)
            roster.set_tally(technician_id, tally)
        offered = asked[number % len(asked)]
        assert chosen(offered, roster) == explain(offered, roster, policy, NOON).choice


def test_people_who_come_and_go_leave_nothing_behind_with_those_who_stay() -> None:
    roster = roster_of(technician("an"))
    for number in range(20):
        roster.replace(None, technician(f"guest-{number}", "net"))
        chosen(work("T-1"), roster)
        chosen(work("T-2", weight=2), roster)
        roster.replace(technician(f"guest-{number}", "net"), None)
    staying = roster.place_of("an")
    assert staying is not None
    assert staying.group.views_kept <= 2


def test_an_explanation_names_every_candidate_with_each_verdict_and_part() -> None:
    roster = roster_of(technician("an", "db"), technician("bo"), technician("chen", "db", capacity=1), an=2, chen=1)
    explained = explain(work("T-1", skills=("db",), last_technician_id="an"), roster, roster.policy, NOON)
    an, bo, chen = explained.candidates
    assert (an.technician_id, an.place, an.dropped_by, an.load) == ("an", 1, None, 2)
    assert an.parts == {
        "load": 0.4,
        "skill_match": 0.1,
        "fairness": 0,
        "idle": 0,
        "continuity": 0.5,
        "related": 0,
    }
    assert an.weight == 1.0
    assert (bo.technician_id, bo.dropped_by, bo.place) == ("bo", "skill", None)
    assert (chen.dropped_by, chen.verdicts["capacity"], chen.verdicts["skill"]) == ("capacity", False, True)


def test_another_policy_explains_what_it_would_have_done() -> None:
    roster = roster_of(technician("an"), technician("bo"), an=2)
    again = work("T-1", last_technician_id="an")
    assert explain(again, roster, Policy(), NOON).choice.winner_id == "an"
    assert explain(again, roster, Policy(continuity_factor=0.1), NOON).choice.winner_id == "bo"
