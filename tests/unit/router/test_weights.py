"""Each weigher gives 0 to 1 for its own reason."""

from __future__ import annotations

from schemas.vocabulary import Language
from services.router.domain.weights import continuity, load, skill_match
from services.router.domain.work import Profile, Requirement
from tests.unit.router.words import work


def profile(*skills: str, level: int = 1, capacity: int = 10) -> Profile:
    return Profile(frozenset(skills), level, frozenset({Language.EN}), capacity)


def needs(*skills: str, weight: int = 1) -> Requirement:
    return Requirement(frozenset(skills), 1, Language.EN, weight)


def test_load_is_the_share_left_once_the_work_is_taken() -> None:
    assert load.weigh(needs(weight=2), profile(capacity=10), 3) == 0.5


def test_load_measures_against_capacity_and_not_in_pieces() -> None:
    assert load.weigh(needs(), profile(capacity=20), 4) > load.weigh(needs(), profile(capacity=5), 2)


def test_load_goes_below_zero_only_beyond_the_capacity() -> None:
    assert load.weigh(needs(), profile(capacity=2), 1) == 0
    assert load.weigh(needs(), profile(capacity=2), 2) < 0


def test_load_of_someone_without_capacity_is_a_number_too() -> None:
    assert load.weigh(needs(), profile(capacity=0), 0) == 0


def test_continuity_prefers_the_technician_of_the_last_cycle() -> None:
    again = work("T-1", last_technician_id="wang")
    assert (continuity.weigh(again, "wang"), continuity.weigh(again, "li")) == (1, 0)


def test_continuity_says_nothing_of_a_new_ticket() -> None:
    assert continuity.weigh(work("T-1"), "wang") == 0


def test_skill_match_prefers_the_specialist_to_the_all_rounder() -> None:
    specialist, all_rounder = profile("db"), profile("db", "net", "billing")
    assert skill_match.weigh(needs("db"), specialist) == 1
    assert skill_match.weigh(needs("db"), specialist) > skill_match.weigh(needs("db"), all_rounder)


def test_skill_match_spares_the_experts() -> None:
    assert skill_match.weigh(needs("db"), profile("db")) > skill_match.weigh(needs("db"), profile("db", level=3))
