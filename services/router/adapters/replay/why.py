"""One decision in full: everyone that it looked at, with each filter's verdict and each weigher's part."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from schemas.routing_turns import TurnTaken
from schemas.ticket_assignments import AssignmentEvent, AssignmentMade, AssignmentOverflowed, AssignmentQueued
from services._runtime.engine.topology import Topology
from services.router.adapters.replay.journal import Said, is_decision
from services.router.adapters.replay.player import PoolPlayer, Told, Witness
from services.router.domain.explaining import Explanation, explain
from services.router.domain.instants import datetime_of
from services.router.domain.policy import Policy
from services.router.domain.reasons import Decided, UnknownDecisionError, Why, agrees
from services.router.domain.work import Work
from services.router.handlers import ASSIGNED, BY_HAND, OVERFLOWED, QUEUED
from services.router.state import Held, Pool, Pools, State, Waiting, offer_key


class Rules(NamedTuple):
    """By what the router decides: its topology, and the policy of pools that have stated none."""

    topology: Topology[State]
    policy: Policy


def decision_on(
    said: Iterable[Said], ticket_id: str, *, tenant: str | None = None, generation: int | None = None
) -> AssignmentEvent:
    """The last decision on a ticket, or on one generation of it; of one tenant's, where that is given.

    Raises:
        UnknownDecisionError: there is none.
    """
    found = [
        each.data
        for each in said
        if each.data.ticket_id == ticket_id
        and tenant in (None, each.tenant)
        and generation in (None, each.data.generation)
        and is_decision(each.data)
    ]
    if not found:
        raise UnknownDecisionError(f"the log holds no decision on {ticket_id}")
    return max(found, key=_order)


def why(decision: AssignmentEvent, turns: Iterable[TurnTaken], log: Told, partition: int, rules: Rules) -> Why:
    """Make a decision again.

    Args:
        decision: as it was told.
        turns: of the pool's partition from its beginning; read until the decision is made.
        log: what the pool was told, from its beginning too.
        partition: its number.
        rules: by what it decides.

    Raises:
        UnknownDecisionError: the replay ends without it.
    """
    watching = _Watching(decision)
    player = PoolPlayer(rules.topology, rules.policy, partition, watching)
    for turn in turns:
        if turn.pool == decision.pool:
            player.take(turn, log)
        if watching.replayed is not None:
            break
    if watching.replayed is None or watching.explained is None:
        raise UnknownDecisionError(f"the log does not lead to the decision on {decision.ticket_id} any more")
    told, replayed = decided(decision), watching.replayed
    return Why(
        ticket_id=decision.ticket_id,
        generation=decision.generation,
        pool=decision.pool,
        decided_at=decision.decided_at,
        position=decision.position,
        policy_version=decision.policy_version,
        told=told,
        replayed=replayed,
        equal=told == replayed and agrees(watching.explained, replayed),
        candidates=watching.explained.candidates,
    )


def decided(data: Any) -> Decided:
    """The outcome of an event."""
    if not isinstance(data, AssignmentMade):
        outcome = QUEUED if isinstance(data, AssignmentQueued) else OVERFLOWED
        return Decided(outcome, None, {}, dict(data.dropped))
    outcome = BY_HAND if data.by_hand else OVERFLOWED if data.overflowed else ASSIGNED
    weights = {each.technician_id: each.weight for each in data.candidates}
    return Decided(outcome, data.technician_id, weights, dict(data.dropped))


class _Watching(Witness):
    """Waits for one decision."""

    def __init__(self, decision: AssignmentEvent) -> None:
        self.explained: Explanation | None = None
        self.replayed: Decided | None = None
        self._decision = decision
        self._key = offer_key(decision.pool, decision.ticket_id)
        self._kind = type(decision)
        self._work: Work | None = None

    def waits(self, key: str, waiting: Waiting) -> None:
        """Keep the work as it waits."""
        if key == self._key and waiting.generation == self._decision.generation:
            self._work = waiting.work

    def assigning(self, pools: Pools, key: str, waiting: Waiting, held: Held) -> None:
        """Look at everyone in the moment before."""
        del held
        if key == self._key and waiting.generation == self._decision.generation and self.explained is None:
            self.explained = _explained(pools.pool(self._decision.pool), waiting.work)

    def decided(self, pools: Pools, said: list[Said]) -> None:
        """Notice the decision; where nobody got the work, everyone is still as they were."""
        mine = [each.data for each in said if self._is_mine(each.data)]
        if not mine or self.replayed is not None:
            return
        self.replayed = decided(max(mine, key=_order))
        if self.explained is None and self._work is not None:
            self.explained = _explained(pools.pool(self._decision.pool), self._work)

    def _is_mine(self, data: AssignmentEvent) -> bool:
        mine = self._decision
        return (
            type(data) is self._kind
            and data.ticket_id == mine.ticket_id
            and data.generation == mine.generation
            # Groups are asked one after the other: each is a decision of its own.
            and (data.position == mine.position or not isinstance(mine, AssignmentOverflowed))
        )


def _explained(pool: Pool, work: Work) -> Explanation:
    return explain(work, pool.roster, pool.policy, datetime_of(pool.roster.at_us))


def _order(data: AssignmentEvent) -> tuple[int, datetime, bool]:
    """Later ones last; an overflow to the owner is told with the assignment that it leads to, which says more."""
    return data.generation, data.decided_at, isinstance(data, AssignmentMade)
