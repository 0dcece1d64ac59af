"""The order in which those who are able are found, after any number of changes that were looked at or were not."""

from __future__ import annotations

import random
from itertools import islice

import msgspec
import pytest

from schemas.vocabulary import Language, Level, Presence
from services.router.domain.able import STALE_MIN, Able
from services.router.domain.filters import capacity
from services.router.domain.instants import microseconds_of
from services.router.domain.policy import Policy
from services.router.domain.roster import Roster, dropped_by
from services.router.domain.scale import Scale
from services.router.domain.tally import Tally, assigned_on, tallied
from services.router.domain.weights import skill_match
from services.router.domain.work import Requirement, Technician, profile_of
from tests.unit.router.words import NOON, roster_of, technician

SKILLS = ("db", "net", "san")
KINDS = (
    Requirement(frozenset({"db"}), 1, Language.EN, 1),
    Requirement(frozenset({"db", "net"}), 1, Language.EN, 2),
    Requirement(frozenset(), 2, Language.EN, 1),
    Requirement(frozenset({"san"}), 1, None, 3),
)
EVEN = Policy()
FAIR = Policy(fairness_factor=0.5)

Row = tuple[float, int, str]


class Shop:
    """A roster and its people, changed at random."""

    def __init__(self, seed: int, policy: Policy) -> None:
        self.chance = random.Random(seed)
        self.policy = policy
        self.people = {f"t{number:02}": self._somebody(f"t{number:02}") for number in range(40)}
        self.roster = roster_of(*self.people.values(), policy=policy)
        self.at_us = microseconds_of(NOON)

    def _somebody(self, name: str) -> Technician:
        skills = self.chance.sample(SKILLS, self.chance.randint(1, 3))
        level = self.chance.choice((Level.L1, Level.L2))
        return technician(name, *skills, level=level, capacity=self.chance.randint(1, 5))

    def change(self) -> None:
        """Work is given to somebody, mostly with room, or taken off them; somebody goes or comes back."""
        name = self.chance.choice(list(self.people))
        turn = self.chance.random()
        if turn < 0.1:
            before = self.people[name]
            presence = Presence.AWAY if before.presence is Presence.AVAILABLE else Presence.AVAILABLE
            self.people[name] = msgspec.structs.replace(before, presence=presence)
            self.roster.replace(before, self.people[name])
        elif turn < 0.2 and self.roster.load_of(name):
            # Both before anybody looks: more of the day's work, and yet less in hand.
            self.roster.add_load(name, -1)
            self.roster.set_tally(name, tallied(self.roster.tally_of(name), 1, self.policy, self.at_us))
        elif turn < 0.6:
            self.at_us += self.chance.randint(0, 2)
            self.roster.add_load(name, 1)
            self.roster.set_tally(name, tallied(self.roster.tally_of(name), 1, self.policy, self.at_us))
        elif self.roster.load_of(name):
            self.roster.add_load(name, -1)

    def expected(self, requirement: Requirement) -> tuple[list[Row], int]:
        """Everyone who is able and has room, in order, and how many are full; each asked by themselves."""
        rows, full = [], 0
        for name, person in self.people.items():
            profile = profile_of(person, self.policy)
            if person.presence is not Presence.AVAILABLE or dropped_by(requirement, profile) is not None:
                continue
            held, tally = self.roster.load_of(name), self.roster.tally_of(name)
            if held > capacity.highest_load(requirement, profile):
                full += 1
                continue
            scale = Scale(requirement, profile, skill_match.weigh(requirement, profile), self.policy)
            assigned = assigned_on(tally, self.roster.day) if self.policy.fairness_factor else 0
            rows.append((scale.weight_below(held, assigned), tally.last_at, name))
        return sorted(rows), full


def walked(able: Able) -> list[Row]:
    return [front[:3] for front in able.walk()]


@pytest.mark.parametrize("policy", [EVEN, FAIR], ids=["by load", "by load and day"])
@pytest.mark.parametrize("seed", range(12))
def test_the_walk_finds_everyone_in_order_whatever_was_looked_at_before(seed: int, policy: Policy) -> None:
    shop = Shop(seed, policy)
    for number in range(400):
        shop.change()
        requirement = shop.chance.choice(KINDS)
        if number % 5:
            list(islice(shop.roster.able(requirement).walk(), shop.chance.randint(0, 4)))
            continue
        able = shop.roster.able(requirement)
        rows, full = shop.expected(requirement)
        found = walked(able)
        assert (able.ready - able.full, able.full) == (len(rows), full)
        assert able.standing == len({front[3] for front in able.walk()}), "a walk to the end leaves nothing replaced"
        if policy is EVEN:
            assert found == rows
        else:
            # Sums that are equal but for rounding may come in another order; `assignment` looks that much further.
            assert sorted(found) == rows
            weights = [weight_below for weight_below, _, _ in found]
            assert weights == pytest.approx(sorted(weights), abs=2e-6)


def alone_with_an_expert() -> tuple[Roster, Requirement]:
    return roster_of(technician("an", "db"), technician("bo", "db", "net")), KINDS[0]


def test_who_is_given_work_and_freed_over_and_over_leaves_little_behind() -> None:
    roster, requirement = alone_with_an_expert()
    able = roster.able(requirement)
    for number in range(1_000):
        for weight in (1, -1):
            roster.add_load("an", weight)
            roster.set_tally("an", tallied(roster.tally_of("an"), 1, EVEN, number))
            list(islice(roster.able(requirement).walk(), 1))
    assert able is roster.able(requirement)
    assert able.standing <= 2 * len(able) + STALE_MIN + 1


def test_nobody_is_passed_by_where_equal_sums_of_load_and_day_are_rounded_apart() -> None:
    """Of a capacity of 3, a load of 1 weighs as much as two of the day do, and sorts before them by rounding."""
    twins = [technician(name, "db", "net", capacity=3) for name in ("an", "bo")]
    roster = roster_of(*twins, technician("chen", "db", "san", capacity=3), policy=FAIR, an=1)
    for name, last_at, assigned_weight in (("bo", 10, 2), ("chen", 20, 2), ("an", 30, 0)):
        roster.set_tally(name, Tally(last_at, roster.day, assigned_weight))
    before = walked(roster.able(KINDS[0]))
    assert len({weight_below for weight_below, _, _ in before}) == 1
    roster.add_load("an", 1)
    assert sorted(technician_id for _, _, technician_id in walked(roster.able(KINDS[0]))) == ["an", "bo", "chen"]


def test_whoever_gets_room_is_found_though_they_sort_later_by_what_they_got_today() -> None:
    roster = roster_of(technician("an", "db"), policy=FAIR, an=5)
    assert walked(roster.able(KINDS[0])) == []
    roster.add_load("an", -1)
    roster.set_tally("an", Tally(1, roster.day, 1))
    assert [technician_id for _, _, technician_id in walked(roster.able(KINDS[0]))] == ["an"]


def test_changes_that_nobody_looks_at_are_noted_once() -> None:
    roster, requirement = alone_with_an_expert()
    able = roster.able(requirement)
    before = able.standing
    for _ in range(1_000):
        roster.add_load("an", 1)
        roster.ready_ids()
        roster.add_load("an", -1)
        roster.ready_ids()
    assert able.standing == before
    assert [technician_id for _, _, technician_id in walked(able)] == ["an", "bo"]
