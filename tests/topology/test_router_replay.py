"""A day of a pool decided again from its logs: the same assignments, and everyone who was looked at for each."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import pytest

from schemas import envelope
from schemas.contract import replace
from schemas.ticket_assignments import AssignmentMade, AssignmentQueued
from schemas.topics import TICKET_ASSIGNMENTS
from services.router.adapters.replay.journal import Said, said_in
from services.router.adapters.replay.player import PoolPlayer, Witness
from services.router.adapters.replay.source import RETRIED, partition_in
from services.router.adapters.replay.why import Rules, decided, decision_on, why
from services.router.domain import filters, weights
from services.router.domain.explaining import Explanation, explain
from services.router.domain.instants import datetime_of
from services.router.domain.reasons import UnknownDecisionError, Why, agrees
from services.router.handlers import ASSIGNED, BY_HAND, QUEUED, router_topology
from services.router.state import Held, Pools, Waiting
from tests.topology.router_day import PARTITION, Day
from tests.topology.routing import POOL, SETTINGS, Router

STEPS = 400
SEEDS = (1, 2, 3)
LATE_SEEDS = (11, 12, 13, 14, 15, 16)
BROKEN_SEEDS = (21, 22, 23)
DAYS = [*((seed, False) for seed in SEEDS), *((seed, True) for seed in LATE_SEEDS)]


@cache
def day_of(seed: int, lags: bool = False) -> Day:  # noqa: FBT001, FBT002 - as `DAYS` names them
    day = Day(seed, lags=lags)
    day.run(STEPS)
    return day


@cache
def broken_day(seed: int) -> Day:
    day = Day(seed, lags=True, breaks=True)
    day.run(STEPS)
    return day


def rules() -> Rules:
    return Rules(router_topology(SETTINGS), SETTINGS.policy)


class Watched(Witness):
    """All that a replay says, and everyone that it looked at for each assignment."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.explained: dict[tuple[str, int], Explanation] = {}

    def assigning(self, pools: Pools, key: str, waiting: Waiting, held: Held) -> None:
        del key
        pool = pools.pool(POOL)
        found = explain(waiting.work, pool.roster, pool.policy, datetime_of(pool.roster.at_us))
        self.explained.setdefault((waiting.work.ticket_id, held.generation), found)

    def decided(self, pools: Pools, said: list[Said]) -> None:
        del pools
        self.said += said


def replayed(day: Day) -> Watched:
    watched = Watched()
    player = PoolPlayer(router_topology(SETTINGS), SETTINGS.policy, PARTITION, watched)
    told = day.told
    for turn in day.turns:
        player.take(turn, told)
    return watched


def ask(day: Day, ticket_id: str, generation: int | None = None) -> Why:
    decision = decision_on(day.said, ticket_id, generation=generation)
    return why(decision, day.turns, day.told, PARTITION, rules())


@pytest.mark.parametrize(("seed", "lags"), DAYS)
def test_a_day_replayed_from_its_logs_says_what_was_said(seed: int, lags: bool) -> None:  # noqa: FBT001 - as `DAYS`
    day = day_of(seed, lags)
    again = replayed(day).said
    assert len(again) > STEPS / 4
    assert again == day.said


def test_when_a_late_router_looked_matters_to_what_it_decides() -> None:
    """Else the turns would be told for nothing, and the days with lags would show nothing."""
    differ = 0
    for seed in LATE_SEEDS:
        day = day_of(seed, lags=True)
        assert any(turn.timers and turn.records for turn in day.turns)
        assert any(turn.records and turn.records[0].last_offset > turn.records[0].first_offset for turn in day.turns)
        differ += on_time(day) != holders_of(day.said)
    assert differ > len(LATE_SEEDS) / 2


@pytest.mark.parametrize("seed", BROKEN_SEEDS)
def test_what_failed_and_was_sent_again_is_replayed_where_it_was_decided_by_code_that_is_mended(seed: int) -> None:
    day = broken_day(seed)
    assert any(each.value is not None for each in day.retried)
    assert any(each.value is None for each in day.retried)
    assert any(turn.timers_raised for turn in day.turns)
    watched = replayed(day)
    assert watched.said == day.said
    again = [each.data for each in day.said if each.data.position.startswith(RETRIED)]
    assert again
    for data in again[-3:]:
        found = ask(day, data.ticket_id, data.generation)
        assert found.equal, found


def on_time(day: Day) -> list[tuple[str, int, str]]:
    """Who gets what where the same is told at the same times to a router that is never late."""
    router = Router()
    for record in day.records:
        router.driver.advance_to(max(router.driver.now, envelope.decode_head(record.value or b"").time))
        router.driver.decide([record])
    router.driver.advance_to(day.router.driver.now)
    return holders_of(said_in(output.value for output in router.driver.read_bytes(TICKET_ASSIGNMENTS)))


def holders_of(said: Iterable[Said]) -> list[tuple[str, int, str]]:
    made = (each.data for each in said if isinstance(each.data, AssignmentMade))
    return [(data.ticket_id, data.generation, data.technician_id) for data in made]


@pytest.mark.parametrize(("seed", "lags"), DAYS)
def test_every_assignment_of_a_day_has_the_winner_and_the_dropped_counts_of_asking_everyone(
    seed: int,
    lags: bool,  # noqa: FBT001 - as `DAYS` names them
) -> None:
    day = day_of(seed, lags)
    explained = replayed(day).explained
    made = [each.data for each in day.said if isinstance(each.data, AssignmentMade)]
    assert len(explained) == len(made)
    by_rule = 0
    for data in made:
        outcome = decided(data)
        assert agrees(explained[data.ticket_id, data.generation], outcome), data
        by_rule += outcome.outcome == ASSIGNED
    assert by_rule > len(made) / 3


def test_why_shows_everyone_with_each_filters_verdict_and_each_weighers_part() -> None:
    day = day_of(1)
    made = next(each.data for each in reversed(day.said) if decided_by_rule(each))
    found = ask(day, made.ticket_id, made.generation)
    assert found.equal
    assert found.told.outcome == ASSIGNED
    assert found.candidates[0].technician_id == found.told.technician_id
    assert len(found.candidates) == day.people
    for candidate in found.candidates:
        assert set(candidate.verdicts) == set(filters.NAMES)
        assert set(candidate.parts) == set(weights.NAMES)
        assert (candidate.place is None) == (candidate.dropped_by is not None)


def decided_by_rule(said: Said) -> bool:
    return isinstance(said.data, AssignmentMade) and decided(said.data).outcome == ASSIGNED


@pytest.mark.parametrize("outcome", [ASSIGNED, BY_HAND, QUEUED])
def test_why_comes_to_what_was_told_whatever_became_of_the_ticket(outcome: str) -> None:
    day = day_of(12, lags=True)
    told = [each.data for each in day.said if isinstance(each.data, (AssignmentMade, AssignmentQueued))]
    # The last of a generation is what `why` answers with.
    last = {(data.ticket_id, data.generation): data for data in told}
    mine = [data for data in last.values() if decided(data).outcome == outcome][-5:]
    assert mine
    for data in mine:
        found = ask(day, data.ticket_id, data.generation)
        assert found.told.outcome == outcome
        assert found.equal, found


def test_a_decision_made_by_a_timer_is_found_at_its_own_time() -> None:
    said = [(seed, each.data) for seed in SEEDS for each in day_of(seed).said]
    seed, data = next(each for each in said if each[1].position.startswith("timer/") and decided_by_rule_of(each[1]))
    found = ask(day_of(seed), data.ticket_id, data.generation)
    assert found.position == data.position
    assert found.equal


def decided_by_rule_of(data: object) -> bool:
    return isinstance(data, AssignmentMade) and decided(data).outcome == ASSIGNED


def test_a_replay_that_comes_to_something_else_says_so() -> None:
    day = day_of(1)
    decision = decision_on(day.said, next(each.data.ticket_id for each in day.said if decided_by_rule(each)))
    assert isinstance(decision, AssignmentMade)
    told = replace(decision, dropped={**decision.dropped, "skill": 99})
    assert not why(told, day.turns, day.told, PARTITION, rules()).equal


def test_what_the_log_does_not_hold_is_not_made_up() -> None:
    day = day_of(1)
    with pytest.raises(UnknownDecisionError):
        ask(day, "T-NEVER")
    decision = decision_on(day.said, day.said[-1].data.ticket_id)
    with pytest.raises(UnknownDecisionError):
        why(decision, (), day.told, PARTITION, rules())


def test_of_several_tenants_only_ones_own_decisions_are_found() -> None:
    day = day_of(1)
    with pytest.raises(UnknownDecisionError):
        decision_on(day.said, day.said[-1].data.ticket_id, tenant="other")


def test_a_position_names_its_partition() -> None:
    assert partition_in("routing.work/17/4711") == 17
    assert partition_in("timer/3/cn/offer/T-1/loosen") == 3
