"""The derived view follows the states alone, and a draft leaves no trace."""

from __future__ import annotations

import random

import msgspec
import pytest

from schemas.vocabulary import Language, Presence
from services.router.domain.group import Cell
from services.router.domain.policy import Policy
from services.router.domain.roster import Roster
from services.router.domain.work import Requirement, profile_of
from services.router.state import (
    Draft,
    Ended,
    Held,
    Member,
    Pools,
    State,
    Waiting,
    offer_key,
    prefix_of,
    technician_key,
)
from tests.unit.router.words import NOON, technician, work

POOL = "cn/north"
ANY = Requirement(frozenset(), 1, Language.EN, 1)
AN = technician("an", "db")
BO = technician("bo", "db")


def waiting(ticket_id: str) -> Waiting:
    return Waiting("acme", NOON, work(ticket_id))


def held(generation: int, technician_id: str, weight: int, requester_id: str | None = None) -> Held:
    return Held(generation, technician_id, weight, "acme", "P2", NOON, NOON, requester_id=requester_id)


STATES: dict[str, State] = {
    technician_key(POOL, "an"): Member(AN),
    technician_key(POOL, "bo"): Member(BO),
    technician_key(POOL, "chen"): Member(technician("chen", "db", presence=Presence.AWAY)),
    offer_key(POOL, "T-1"): held(1, "an", 2),
    offer_key(POOL, "T-2"): held(3, "an", 1),
    offer_key(POOL, "T-3"): held(1, "visitor", 1),
    offer_key(POOL, "T-4"): waiting("T-4"),
    offer_key(POOL, "T-5"): Ended(2),
    offer_key(POOL, "T-6"): held(1, "visitor", 1, "c-2"),
    offer_key(POOL, "T-7"): held(1, "visitor", 1, "c-1"),
    offer_key(POOL, "T-8"): held(1, "guest", 1, "c-1"),
}


def pools_of(states: dict[str, State]) -> Pools:
    pools = Pools()
    for key, state in states.items():
        pools.replace(key, None, state)
    pools.pool(POOL).advance(NOON)
    return pools


def seen(roster: Roster) -> dict[str, object]:
    """All that a roster says, free of the order in which it was told."""
    everyone = {front[3].group for front in roster.able(ANY).walk()}
    groups = sorted(everyone, key=lambda group: sorted(group.profile.skills))
    loads = {name: roster.load_of(name) for name in ("an", "bo", "chen", "visitor")}
    return {"groups": [(group.profile, group.members, group.cells) for group in groups], "loads": loads}


def test_load_is_the_sum_of_the_weights_held() -> None:
    roster = pools_of(STATES).pool(POOL).roster
    assert seen(roster)["loads"] == {"an": 3, "bo": 0, "chen": 0, "visitor": 3}
    assert seen(roster)["groups"] == [
        (
            profile_of(AN, Policy()),
            3,
            {Cell(0.0, 0, 0): [(0, "bo")], Cell(0.6, 3, 0): [(0, "an")]},
        )
    ]


def test_the_view_does_not_depend_on_the_order_of_restoring() -> None:
    expected = seen(pools_of(STATES).pool(POOL).roster)
    for seed in range(20):
        keys = list(STATES)
        random.Random(seed).shuffle(keys)
        pools = pools_of({key: STATES[key] for key in keys})
        assert seen(pools.pool(POOL).roster) == expected
        assert len(pools.pool(POOL).queue) == 1
        assert known(pools) == {"c-1": "guest", "c-2": "visitor", "c-3": None}


def known(pools: Pools, ticket_id: str = "T-new") -> dict[str, str | None]:
    at_work_for = pools.pool(POOL).at_work_for
    return {each: at_work_for.last(each, ticket_id) for each in ("c-1", "c-2", "c-3")}


def test_a_requester_is_known_by_other_tickets_than_the_one_that_is_looked_at() -> None:
    pools = pools_of(STATES)
    assert known(pools, "T-8")["c-1"] == "visitor"
    assert known(pools, "T-6")["c-2"] is None


def test_taking_all_states_out_leaves_an_empty_pool() -> None:
    pools = pools_of(STATES)
    for key, state in STATES.items():
        pools.replace(key, state, None)
    roster = pools.pool(POOL).roster
    assert [len(roster.able(ANY._replace(skills=frozenset(skills)))) for skills in ((), ("db",))] == [0, 0]
    assert (roster.members, roster.load_of("an"), len(pools.pool(POOL).queue)) == (0, 0, 0)
    assert len(pools.pool(POOL).at_work_for) == 0


def test_pools_of_a_partition_are_apart_even_with_separators_in_their_names() -> None:
    assert technician_key("a/technician", "x") != technician_key("a", "technician/x")
    assert len({prefix_of(name) for name in ("a/b", "a%2Fb", "a%252Fb")}) == 3
    pools = pools_of({technician_key("a", "an"): Member(AN)})
    assert (pools.pool("a").roster.members, pools.pool("b").roster.members) == (1, 0)


class _States:
    def get(self, key: str) -> State | None:
        return STATES.get(key)


def test_a_draft_sees_its_own_changes() -> None:
    pools = pools_of(STATES)
    with Draft(pools, POOL, _States()) as draft:
        draft.put(offer_key(POOL, "T-1"), Ended(1))
        assert draft.pool.roster.load_of("an") == 1
        assert draft.get(offer_key(POOL, "T-1")) == Ended(1)
        assert draft.get(offer_key(POOL, "T-2")) == STATES[offer_key(POOL, "T-2")]


def decide_and_raise(pools: Pools) -> None:
    with Draft(pools, POOL, _States()) as draft:
        draft.put(offer_key(POOL, "T-1"), Ended(1))
        draft.put(offer_key(POOL, "T-4"), held(1, "bo", 1))
        draft.put(offer_key(POOL, "T-4"), waiting("T-4"))
        draft.put(offer_key(POOL, "T-9"), waiting("T-9"))
        draft.put(technician_key(POOL, "an"), Member(msgspec.structs.replace(AN, presence=Presence.AWAY)))
        draft.put(technician_key(POOL, "bo"), None)
        draft.put(offer_key(POOL, "T-6"), held(2, "bo", 1, "c-3"))
        draft.put(offer_key(POOL, "T-8"), Ended(1))
        raise LookupError


def test_a_draft_leaves_the_view_as_it_found_it_even_when_the_decision_raises() -> None:
    pools = pools_of(STATES)
    before, known_before = seen(pools.pool(POOL).roster), known(pools)
    with pytest.raises(LookupError):
        decide_and_raise(pools)
    assert (seen(pools.pool(POOL).roster), known(pools)) == (before, known_before)
    assert len(pools.pool(POOL).queue) == 1
