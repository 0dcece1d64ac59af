"""Who is chosen, and that the groups of the roster change nothing about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.vocabulary import Language, Level, Presence
from services.router.domain import filters
from services.router.domain.assignment import PLACES, Choice, Factors, Ranked, choose, choose_wanted
from services.router.domain.filters import capacity, declined, language, level, presence, skill
from services.router.domain.weights import continuity, load, skill_match
from services.router.domain.work import Technician, Work, profile_of, requirement_of
from tests.unit.router.words import roster_of, technician, work

FACTORS = Factors()


def test_the_least_loaded_with_the_skill_wins() -> None:
    roster = roster_of(technician("an", "db"), technician("bo", "db"), technician("chen", "net"), an=2, bo=1)
    assert choose(work("T-1", skills=("db",)), roster, FACTORS).winner_id == "bo"


def test_load_is_measured_against_capacity() -> None:
    roster = roster_of(technician("an", capacity=4), technician("bo", capacity=20), an=1, bo=3)
    assert choose(work("T-1"), roster, FACTORS).winner_id == "bo"


def test_equals_are_told_apart_by_id() -> None:
    roster = roster_of(technician("chen"), technician("an"), technician("bo"))
    chosen = choose(work("T-1"), roster, FACTORS).ranked
    assert [each.technician_id for each in chosen] == ["an", "bo", "chen"]


def test_the_technician_of_the_last_cycle_wins_unless_much_fuller() -> None:
    again = work("T-1", last_technician_id="bo")
    assert choose(again, roster_of(technician("an"), technician("bo"), bo=2), FACTORS).winner_id == "bo"
    assert choose(again, roster_of(technician("an"), technician("bo"), bo=4), FACTORS).winner_id == "an"


def test_the_winner_and_the_next_two_are_named_with_their_weights() -> None:
    roster = roster_of(*(technician(name) for name in ("an", "bo", "chen", "ding")), an=3, bo=1, chen=2)
    chosen = choose(work("T-1"), roster, FACTORS).ranked
    assert [each.technician_id for each in chosen] == ["ding", "bo", "chen"]
    assert [each.weight for each in chosen] == [0.9, 0.7, 0.5]


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
    choice = choose(wanted, roster, FACTORS)
    assert choice == Choice((), dict.fromkeys(filters.NAMES, 1))
    assert choice.winner_id is None


def test_people_off_the_roster_are_neither_chosen_nor_counted() -> None:
    roster = roster_of(technician("gone", rostered=False))
    assert choose(work("T-1"), roster, FACTORS) == Choice((), dict.fromkeys(filters.NAMES, 0))


def test_a_wanted_technician_wins_over_every_filter() -> None:
    roster = roster_of(technician("an"), technician("bo", "db", presence=Presence.OFFLINE, capacity=1), bo=1)
    choice = choose_wanted(work("T-1", declined_by=("bo",)), "bo", roster, FACTORS)
    assert [each.technician_id for each in choice.ranked] == ["bo", "an"]
    assert choice.ranked[0].weight < 0


def test_a_wanted_technician_need_not_be_known() -> None:
    choice = choose_wanted(work("T-1"), "visitor", roster_of(technician("an")), FACTORS)
    assert [each.technician_id for each in choice.ranked] == ["visitor", "an"]


# ── the plain way: ask every filter and weigher about everyone ──────────────────────────────────────────────────────

SKILLS = ("billing", "db", "net")
NAMES = tuple(f"t{number}" for number in range(8))

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
)
factors = st.builds(
    Factors,
    load=st.sampled_from([0.01, 1.0, 7.5]),
    continuity=st.sampled_from([0.0, 0.5, 10.0]),
    skill_match=st.sampled_from([0.0, 0.1, 5.0]),
)


@given(technicians, st.dictionaries(st.sampled_from(NAMES), st.integers(1, 5)), works, factors)
@settings(deadline=None)
def test_groups_choose_whom_asking_everyone_would(
    people: list[Technician], loads: dict[str, int], offered: Work, weighing: Factors
) -> None:
    assert choose(offered, roster_of(*people, **loads), weighing) == asking_everyone(offered, people, loads, weighing)


def asking_everyone(offered: Work, people: Sequence[Technician], loads: Mapping[str, int], weighing: Factors) -> Choice:
    dropped = dict.fromkeys(filters.NAMES, 0)
    ranked = []
    for person in people:
        if not person.rostered:
            continue
        reason = reason_to_drop(offered, person, loads.get(person.technician_id, 0))
        if reason is not None:
            dropped[reason] += 1
            continue
        ranked.append(Ranked(person.technician_id, weight_of(offered, person, loads, weighing)))
    ranked.sort(key=lambda each: (-each.weight, each.technician_id))
    return Choice(tuple(ranked[:PLACES]), dropped)


def reason_to_drop(offered: Work, person: Technician, held: int) -> str | None:
    requirement, profile = requirement_of(offered), profile_of(person)
    kept = {
        filters.SKILL: skill.keeps(requirement, profile),
        filters.LEVEL: level.keeps(requirement, profile),
        filters.LANGUAGE: language.keeps(requirement, profile),
        filters.PRESENCE: presence.keeps(person.presence),
        filters.CAPACITY: held <= capacity.highest_load(requirement, profile),
        filters.DECLINED: declined.keeps(offered, person.technician_id),
    }
    return next((name for name in filters.NAMES if not kept[name]), None)


def weight_of(offered: Work, person: Technician, loads: Mapping[str, int], weighing: Factors) -> float:
    requirement, profile = requirement_of(offered), profile_of(person)
    by_what_they_are = weighing.load * load.weigh(
        requirement, profile, loads.get(person.technician_id, 0)
    ) + weighing.skill_match * skill_match.weigh(requirement, profile)
    return round(round(by_what_they_are, 6) + weighing.continuity * continuity.weigh(offered, person.technician_id), 6)
