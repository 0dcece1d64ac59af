"""The pools' view on a real Redis: it follows the changelog, keeps tenants apart, and comes out the same from anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from schemas.vocabulary import Presence
from services._runtime.clock import SystemClock
from services._runtime.redis_client import RedisClient
from services.router.adapters.pools_view.queries import PoolsView
from services.router.domain.board import Board
from tests.integration.pools_bed import PoolsBed
from tests.served import empty_database
from tests.topology.router_day import Day
from tests.topology.routing import POOL, SETTINGS, present, rostered, ruled, withdrawal

pytestmark = pytest.mark.integration

DATABASE = 9
Scene = Callable[["Look"], Awaitable[None]]


class Look:
    """Pools that change, and the view of them."""

    def __init__(self, redis: RedisClient, url: str) -> None:
        self.redis = redis
        self.bed = PoolsBed(url)
        self.view = PoolsView(redis, SETTINGS.policy)

    async def board(self, tenant: str = "acme", pool: str | None = None, rows_max: int = 60) -> Board:
        await self.bed.project(self.redis)
        return await self.view.board(tenant, pool, SystemClock().now(), 8, rows_max)

    async def dump(self) -> dict[str, Any]:
        """All of the view, apart from how far it was read."""
        found: dict[str, Any] = {}
        async with self.redis.commands() as commands:
            async for key in commands.scan_iter("aftercare:*"):
                kind = await commands.type(key)
                if "members" in key or "offers" in key or kind == "string" or "positions" in key:
                    continue
                reads: dict[str, Any] = {"hash": commands.hgetall, "set": commands.smembers}
                read = reads.get(str(kind))
                found[key] = await (read(key) if read is not None else commands.zrange(key, 0, -1, withscores=True))
        return found


@pytest.fixture
def at_board(local_redis: str) -> Callable[[Scene], None]:
    def run(scene: Scene) -> None:
        async def once() -> None:
            url = empty_database(local_redis, DATABASE)
            redis = RedisClient(url)
            try:
                await scene(Look(redis, url))
            finally:
                await redis.stop()

        asyncio.run(once())

    return run


AtBoard = Callable[[Scene], None]


def test_a_pool_is_known_once_it_has_anything(at_board: AtBoard) -> None:
    async def scene(look: Look) -> None:
        look.bed.router.send(rostered("an", pool="eu/west"))
        await look.board()
        assert await look.view.has_pool("eu/west")
        assert not await look.view.has_pool(POOL)

    at_board(scene)


def test_waiting_work_and_loads_follow_what_happens(at_board: AtBoard) -> None:
    async def scene(look: Look) -> None:
        look.bed.router.send(rostered("a"), rostered("b", capacity=1))
        for number in range(4):
            look.bed.offered(f"T-{number}", 60 * number - 60)
        (lane,) = (await look.board()).lanes
        assert [row.ticket_id for row in lane.queue] == ["T-3"]
        assert {each.technician.technician_id: each.load for each in lane.people} == {"a": 2, "b": 1}
        assert (lane.counts.load, lane.counts.capacity, lane.counts.utilisation) == (3, 3, 1.0)
        look.bed.router.send(withdrawal("T-0"), present("b", Presence.BUSY))
        (lane,) = (await look.board()).lanes
        assert lane.queue == ()
        assert lane.counts.present == {"available": 1, "busy": 1, "away": 0, "offline": 0}
        assert lane.counts.capacity == 2
        # Who is available stands first.
        assert [each.technician.technician_id for each in lane.people] == ["a", "b"]

    at_board(scene)


def test_a_tenant_sees_its_own_tickets_and_everyones_load(at_board: AtBoard) -> None:
    async def scene(look: Look) -> None:
        look.bed.router.send(rostered("a", capacity=1))
        look.bed.offered("T-HELD", tenant="acme")
        look.bed.offered("T-OTHER", -60, tenant="other")
        (mine,) = (await look.board("acme")).lanes
        (theirs,) = (await look.board("other")).lanes
        assert mine.queue == ()
        assert mine.counts.overdue == 0
        assert [row.ticket_id for row in theirs.queue] == ["T-OTHER"]
        assert theirs.counts.overdue == 1
        assert [row.ticket_id for row in mine.people[0].offers] == ["T-HELD"]
        assert theirs.people[0].offers == ()
        assert theirs.people[0].load == 1
        assert await look.view.offer("other", POOL, "T-HELD") is None

    at_board(scene)


def test_the_first_rows_are_those_that_the_router_would_take_first(at_board: AtBoard) -> None:
    async def scene(look: Look) -> None:
        look.bed.router.send(ruled(ageing_seconds=600, ageing_up_to="P0"))
        look.bed.offered("T-OLD", priority="P3")
        look.bed.router.driver.advance(3_000)
        for number in range(5):
            look.bed.offered(f"T-{number}", 60 * number + 60, priority="P1")
        (lane,) = (await look.board(rows_max=3)).lanes
        assert [row.ticket_id for row in lane.queue] == ["T-OLD", "T-0", "T-1"]
        assert lane.counts.waiting == 6

    at_board(scene)


def test_the_worst_pools_are_shown_first_and_one_can_be_chosen(at_board: AtBoard) -> None:
    async def scene(look: Look) -> None:
        look.bed.offered("T-1", 600, pool="a/b:c")
        look.bed.offered("T-2", -600, pool="south")
        board = await look.board()
        assert [lane.counts.pool for lane in board.lanes] == ["south", "a/b:c"]
        assert [each.pool for each in board.pools] == ["a/b:c", "south"]
        (lane,) = (await look.board(pool="a/b:c")).lanes
        assert [row.ticket_id for row in lane.queue] == ["T-1"]

    at_board(scene)


def test_read_anew_over_what_is_there_or_from_nothing_the_view_is_the_same(at_board: AtBoard) -> None:
    async def scene(look: Look) -> None:
        day = Day(3, router=look.bed.router)
        day.run(150)
        await look.board()
        whole = await look.dump()
        assert len(whole) > 10
        async with look.redis.commands() as commands:
            for key in [each async for each in commands.scan_iter("*positions")]:
                await commands.delete(key)
        await look.board()
        assert await look.dump() == whole
        async with look.redis.commands() as commands:
            await commands.flushdb()
        await look.board()
        # Empty sums and loads may be there or not: they say the same.
        assert _said(await look.dump()) == _said(whole)

    at_board(scene)


def _said(dump: dict[str, Any]) -> dict[str, Any]:
    return {
        key: {name: value for name, value in each.items() if value != "0"} if isinstance(each, dict) else each
        for key, each in dump.items()
    }


def test_loads_in_the_view_equal_what_is_held(at_board: AtBoard) -> None:
    async def scene(look: Look) -> None:
        day = Day(4, router=look.bed.router)
        day.run(120)
        (lane,) = (await look.board()).lanes
        loads = day.router.loads()
        shown = {each.technician.technician_id: each.load for each in lane.people}
        assert {name: load for name, load in shown.items() if load} == {
            name: load for name, load in loads.items() if name in shown
        }
        assert lane.counts.load == sum(loads.values())
        assert lane.counts.waiting == len(day.router.waiting())

    at_board(scene)


def test_changes_are_counted_so_that_watchers_look_only_at_news(at_board: AtBoard) -> None:
    async def scene(look: Look) -> None:
        look.bed.offered("T-1")
        await look.board()
        before = await look.view.changes()
        await look.board()
        assert await look.view.changes() == before
        look.bed.router.driver.advance(timedelta(minutes=1).total_seconds())
        look.bed.offered("T-2")
        await look.board()
        assert (await look.view.changes())[0] > before[0]

    at_board(scene)
