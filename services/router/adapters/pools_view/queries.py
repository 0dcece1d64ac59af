"""The way out of the view: the board, and single rows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from services._runtime.redis_client import RedisClient
from services.router.adapters.pools_view import keys
from services.router.domain.board import (
    PRESENCES,
    Board,
    Holding,
    OfferRow,
    PoolCounts,
    PoolLane,
    TechnicianRow,
    in_order,
)
from services.router.domain.policy import Policy

POOLS_MAX: Final = 200
HELD_SHOWN_MAX: Final = 20
"""Of so many of a technician's tickets the rows are shown."""
_HOUR_SECONDS: Final = 3_600
_offer: Final = msgspec.json.Decoder(OfferRow).decode
_policy: Final = msgspec.json.Decoder(Policy).decode
_technician: Final = msgspec.json.Decoder(TechnicianRow).decode


class PoolsView:
    """Answers from Redis; `policy` holds for pools that have stated none.

    Every method raises `RedisUnavailable` when it does not answer.
    """

    def __init__(self, redis: RedisClient, policy: Policy) -> None:
        self._redis = redis
        self._policy = policy

    async def changes(self) -> tuple[int, bool]:
        """How many changes the view has seen, and whether it is fresh: equal answers mean equal boards."""
        async with self._redis.commands() as commands, commands.pipeline(transaction=False) as pipeline:
            pipeline.get(keys.CHANGES)
            pipeline.exists(keys.FRESH)
            count, fresh = await pipeline.execute()
        return int(count or 0), bool(fresh)

    async def board(self, tenant: str, pool: str | None, now: datetime, lanes_max: int, rows_max: int) -> Board:
        """The board at `now` with the rows of `pool`, or of at most `lanes_max` pools, the worst first."""
        async with self._redis.commands() as commands, commands.pipeline(transaction=False) as pipeline:
            pipeline.smembers(keys.POOLS)
            pipeline.exists(keys.FRESH)
            names, fresh = await pipeline.execute()
        pools = sorted(map(keys.out_of_key, names))[:POOLS_MAX]
        counts = await self._counts(tenant, pools, now.timestamp())
        if pool is not None:
            shown = [each for each in counts if each.pool == pool]
        else:
            shown = sorted(counts, key=lambda each: (-each.overdue, -each.waiting, each.pool))[:lanes_max]
        lanes = [await self._lane(tenant, each, now, rows_max) for each in shown]
        return Board(tuple(counts), tuple(lanes), bool(fresh))

    async def offer(self, tenant: str, pool: str, ticket_id: str) -> OfferRow | None:
        """A ticket of this tenant that waits in the pool or that someone holds there."""
        async with self._redis.commands() as commands:
            found: Any = await commands.hget(keys.rows(tenant, pool), ticket_id)
        return _offer(found) if found is not None else None

    async def technician(self, pool: str, technician_id: str) -> TechnicianRow | None:
        """Someone on the pool's roster."""
        async with self._redis.commands() as commands:
            found: Any = await commands.hget(keys.people(pool), technician_id)
        return _technician(found) if found is not None else None

    async def has_pool(self, pool: str) -> bool:
        """Whether there is such a pool."""
        async with self._redis.commands() as commands:
            found: Any = await commands.sismember(keys.POOLS, keys.in_key(pool))
        return bool(found)

    async def _counts(self, tenant: str, pools: Sequence[str], now_seconds: float) -> list[PoolCounts]:
        async with self._redis.commands() as commands, commands.pipeline(transaction=False) as pipeline:
            for pool in pools:
                pipeline.zcard(keys.queue(tenant, pool))
                pipeline.zcount(keys.due(tenant, pool), "-inf", f"({now_seconds}")
                pipeline.zcount(keys.due(tenant, pool), now_seconds, now_seconds + _HOUR_SECONDS)
                pipeline.hgetall(keys.sums(pool))
            found: Any = await pipeline.execute()
        groups = zip(pools, found[0::4], found[1::4], found[2::4], found[3::4], strict=True)
        return [_counted(*each) for each in groups]

    async def _lane(self, tenant: str, counts: PoolCounts, now: datetime, rows_max: int) -> PoolLane:
        """Where age raises work, the oldest are looked at beside the first: whichever come first by now are shown."""
        pool = counts.pool
        async with self._redis.commands() as commands, commands.pipeline(transaction=False) as pipeline:
            pipeline.zrange(keys.queue(tenant, pool), 0, rows_max - 1)
            pipeline.zrange(keys.ages(tenant, pool), 0, rows_max - 1)
            pipeline.zrange(keys.ranks(pool), 0, rows_max - 1)
            pipeline.hget(keys.POLICIES, keys.in_key(pool))
            places, oldest, ids, stated = await pipeline.execute()
        people = await self._people(tenant, pool, ids)
        tickets = dict.fromkeys((*(place.rpartition("\x00")[2] for place in places), *oldest))
        rows = await self._offers(tenant, pool, list(tickets))
        policy = _policy(stated) if stated is not None else self._policy
        queue = in_order(rows.values(), policy, now)[:rows_max]
        return PoolLane(counts, tuple(queue), people)

    async def _people(self, tenant: str, pool: str, ids: Sequence[str]) -> tuple[Holding, ...]:
        if not ids:
            return ()
        async with self._redis.commands() as commands, commands.pipeline(transaction=False) as pipeline:
            pipeline.hmget(keys.people(pool), ids)
            pipeline.hmget(keys.loads(pool), ids)
            for technician_id in ids:
                pipeline.smembers(keys.held(tenant, pool, technician_id))
            rows, loads, *held = await pipeline.execute()
        tickets = [sorted(each)[:HELD_SHOWN_MAX] for each in held]
        offers = await self._offers(tenant, pool, [ticket for each in tickets for ticket in each])
        return tuple(
            Holding(_technician(row), int(load or 0), tuple(offers[ticket] for ticket in each if ticket in offers))
            for row, load, each in zip(rows, loads, tickets, strict=True)
            if row is not None
        )

    async def _offers(self, tenant: str, pool: str, tickets: Sequence[str]) -> dict[str, OfferRow]:
        """Rows by ticket, in the order asked for; those of tickets that left meanwhile are not there."""
        if not tickets:
            return {}
        async with self._redis.commands() as commands:
            found: Any = await commands.hmget(keys.rows(tenant, pool), tickets)
        return {ticket: _offer(row) for ticket, row in zip(tickets, found, strict=True) if row is not None}


def _counted(pool: str, waiting: int, overdue: int, soon: int, sums: Mapping[str, str]) -> PoolCounts:
    return PoolCounts(
        pool=pool,
        waiting=waiting,
        overdue=overdue,
        due_within_hour=soon,
        load=int(sums.get("load", 0)),
        capacity=int(sums.get("capacity:available", 0)),
        present={each.value: int(sums.get(f"people:{each.value}", 0)) for each in PRESENCES},
    )
