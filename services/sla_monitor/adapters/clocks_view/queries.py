"""The way out of the view: one ticket's state, and the board."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from services._runtime.redis_client import RedisClient
from services._runtime.unavailable import Unavailable
from services.sla_monitor.adapters.clocks_view import keys
from services.sla_monitor.domain.board import LANES, LATE, OVERDUE, WAITING, Board, Row, SurgeRow
from services.sla_monitor.domain.instants import HOUR_US
from services.sla_monitor.domain.targets import PAUSED, RUNNING
from services.sla_monitor.state import TicketClocks

POOLS_MAX: Final = 200
OPEN_LANES: Final = (RUNNING, PAUSED, OVERDUE, WAITING)
"""Lanes that hold all there is; what came late is cut."""
_state: Final = msgspec.json.Decoder(TicketClocks).decode
_row: Final = msgspec.json.Decoder(Row).decode
_surge_rows: Final = msgspec.json.Decoder(tuple[SurgeRow, ...]).decode


class ClocksRebuilding(Unavailable):
    """The view is being read anew, so what it lacks may exist all the same."""

    part = "The view of the clocks"


class ClocksView:
    """Answers from Redis. Every method raises `RedisUnavailable` when it does not answer."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def state(self, tenant: str, ticket_id: str) -> TicketClocks | None:
        """The last committed state of a ticket's clocks, None where there is none.

        Raises:
            ClocksRebuilding: there is none because the view is not whole.
        """
        found = await self._redis.get(keys.ticket(tenant, ticket_id))
        if found is None and await self._redis.get(keys.FRESH) is None:
            raise ClocksRebuilding("still reading the changelog")
        return _state(found) if found is not None else None

    async def board(self, tenant: str, pool: str | None, now_us: int, rows_max: int) -> Board:
        """The board at `now_us`: at most `rows_max` rows a lane, the most urgent (of the late ones the latest)."""
        async with self._redis.commands() as commands, commands.pipeline(transaction=False) as pipeline:
            for lane in LANES:
                key = keys.lane(tenant, lane, pool)
                pipeline.zcard(key)
                if lane == LATE:
                    pipeline.zrevrange(key, 0, rows_max - 1)
                else:
                    pipeline.zrange(key, 0, rows_max - 1)
            pipeline.zcount(keys.lane(tenant, RUNNING, pool), "-inf", now_us + HOUR_US)
            pipeline.zrange(keys.pools(tenant), 0, POOLS_MAX - 1)
            pipeline.hgetall(keys.surges(tenant))
            pipeline.exists(keys.FRESH)
            found: Any = await pipeline.execute()
        *lanes, due_within_hour, pools, surges, fresh = found
        counts, members = lanes[0::2], lanes[1::2]
        rows = await self._rows(tenant, [member for each in members for member in each])
        return Board(
            counts=dict(zip(LANES, counts, strict=True)),
            rows={
                lane: [rows[member] for member in each if member in rows]
                for lane, each in zip(LANES, members, strict=True)
            },
            due_within_hour=due_within_hour,
            pools=[name for name in pools if name],
            fresh=bool(fresh),
            surges=_surges(surges, pool),
        )

    async def counts(self) -> Mapping[str, int] | None:
        """How many clocks are in each of `OPEN_LANES`, of all tenants; None while the view is not whole."""
        async with self._redis.commands() as commands, commands.pipeline(transaction=False) as pipeline:
            prefixes: Any = await commands.smembers(keys.PREFIXES)
            for prefix in prefixes:
                for lane in OPEN_LANES:
                    pipeline.zcard(keys.lane_under(prefix, lane))
            pipeline.exists(keys.FRESH)
            *found, fresh = await pipeline.execute()
        if not fresh:
            return None
        return {lane: sum(found[number :: len(OPEN_LANES)]) for number, lane in enumerate(OPEN_LANES)}

    async def _rows(self, tenant: str, members: list[str]) -> dict[str, Row]:
        """Rows by member; those of tickets that left meanwhile are not there."""
        async with self._redis.commands() as commands, commands.pipeline(transaction=False) as pipeline:
            for member in members:
                pipeline.hget(keys.rows(tenant, member.rsplit("|", 3)[0]), member)
            values: Any = await pipeline.execute()
        return {member: _row(value) for member, value in zip(members, values, strict=True) if value is not None}


def _surges(found: dict[str, str], pool: str | None) -> tuple[SurgeRow, ...]:
    """The surges of one pool or of all, the oldest first."""
    rows = [row for name, value in found.items() if pool in {None, name} for row in _surge_rows(value)]
    return tuple(sorted(rows, key=lambda row: (row.since_us, row.pool, row.priority)))
