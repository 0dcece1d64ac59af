"""Each filter drops for its own reason only."""

from __future__ import annotations

import pytest

from schemas.vocabulary import Language, Presence
from services.router.domain.filters import capacity, declined, language, level, presence, skill
from services.router.domain.work import Profile, Requirement
from tests.unit.router.words import work

PROFILE = Profile(frozenset({"db", "net"}), level=2, languages=frozenset({Language.EN}), capacity=5)


def needs(*skills: str, level_needed: int = 1, speaking: Language = Language.EN, weight: int = 1) -> Requirement:
    return Requirement(frozenset(skills), level_needed, speaking, weight)


def test_skill_keeps_who_has_every_required_skill() -> None:
    assert skill.keeps(needs("db"), PROFILE)
    assert skill.keeps(needs("db", "net"), PROFILE)


def test_skill_keeps_everyone_when_none_is_required() -> None:
    assert skill.keeps(needs(), PROFILE)


def test_skill_drops_who_lacks_one_of_several() -> None:
    assert not skill.keeps(needs("db", "billing"), PROFILE)


def test_level_drops_who_works_below_the_required_level() -> None:
    kept = [level.keeps(needs(level_needed=needed), PROFILE) for needed in (1, 2, 3)]
    assert kept == [True, True, False]


def test_language_drops_who_does_not_speak_it() -> None:
    assert language.keeps(needs(speaking=Language.EN), PROFILE)
    assert not language.keeps(needs(speaking=Language.ZH_CN), PROFILE)


@pytest.mark.parametrize("now", list(Presence))
def test_presence_keeps_only_the_available(now: Presence) -> None:
    assert presence.keeps(now) is (now is Presence.AVAILABLE)


def test_capacity_lets_work_fill_the_last_room_and_no_more() -> None:
    assert capacity.highest_load(needs(weight=2), PROFILE) == 3


def test_capacity_never_fits_work_heavier_than_the_whole() -> None:
    assert capacity.highest_load(needs(weight=6), PROFILE) < 0


def test_declined_drops_who_gave_the_ticket_back() -> None:
    offered = work("T-1", declined_by=("wang",))
    assert not declined.keeps(offered, "wang")
    assert declined.keeps(offered, "li")
