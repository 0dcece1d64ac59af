"""The view of the clocks on a real Redis: it shows the committed state, and losing or sharing it breaks nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import msgspec
import pytest
import redis as redis_client

from schemas.vocabulary import Status
from services._runtime.engine.driver import START
from services._runtime.kafka.follower import Batch
from services._runtime.metrics import SLA_CLOCKS
from services._runtime.redis_client import RedisClient
from services._runtime.view.slices import slices_of
from services.sla_monitor.adapters.clocks_view import keys
from services.sla_monitor.adapters.clocks_view.gauges import ClockGauges
from services.sla_monitor.adapters.clocks_view.queries import ClocksRebuilding, ClocksView
from services.sla_monitor.domain.board import LATE, OVERDUE, WAITING
from services.sla_monitor.domain.instants import SECOND_US, from_datetime
from services.sla_monitor.domain.targets import PAUSED, RUNNING
from tests.integration.clocks_bed import LATE_ROWS, project, projector_on, url_of
from tests.integration.intake_bed import in_loop
from tests.topology.monitored import Monitored

pytestmark = pytest.mark.integration

ROWS: Final = 50
MINUTE: Final = 60
HOUR: Final = 3_600


class Bed:
    """A topology, and the view over what it committed."""

    def __init__(self, redis: RedisClient, url: str) -> None:
        self.monitored = Monitored(START)
        self.redis = redis
        self.view = ClocksView(redis)
        self._url = url

    async def publish(self) -> None:
        assert await project(self.monitored, projector_on(self.redis))

    async def lanes(self, pool: str | None = None) -> dict[str, list[str]]:
        """Tickets and targets by lane."""
        now_us = from_datetime(self.monitored.driver.now)
        board = await self.view.board("acme", pool, now_us, ROWS)
        assert {lane: len(rows) for lane, rows in board.rows.items()} == board.counts
        return {lane: [f"{row.ticket_id} {row.target}" for row in rows] for lane, rows in board.rows.items()}

    def raw(self) -> dict[str, Any]:
        """All that Redis holds of the tenant, times to live left out."""
        readers = {"hash": "hgetall", "string": "get", "zset": "zrange"}
        with redis_client.Redis.from_url(self._url, decode_responses=True) as client:
            held: dict[str, Any] = {}
            for key in sorted(client.keys(f"{keys.prefix('acme')}:*")):
                kind = str(client.type(key))
                more = (0, -1) if kind == "zset" else ()
                held[key] = getattr(client, readers[kind])(key, *more)
            return held

    def flush(self) -> None:
        with redis_client.Redis.from_url(self._url) as client:
            client.flushdb()

    def lives_seconds(self, key: str) -> int:
        with redis_client.Redis.from_url(self._url) as client:
            return int(client.ttl(key))


@asynccontextmanager
async def bed_on(local_redis: str) -> AsyncIterator[Bed]:
    url = url_of(local_redis)
    redis = RedisClient(url)
    try:
        yield Bed(redis, url)
    finally:
        await redis.stop()


@in_loop
async def test_clocks_go_through_the_lanes_as_time_passes_and_leave_when_met(local_redis: str) -> None:
    async with bed_on(local_redis) as bed:
        desk = bed.monitored
        desk.opened("T-1")
        desk.opened("T-2", priority="P0", pool="south")
        await bed.publish()
        board = await bed.view.board("acme", None, from_datetime(desk.driver.now), ROWS)
        dues = [row.due_us or 0 for row in board.rows[RUNNING]]
        assert dues == sorted(dues)
        assert {row.ticket_id for row in board.rows[RUNNING]} == {"T-1", "T-2"}
        assert board.due_within_hour == sum(due <= from_datetime(desk.driver.now) + HOUR * SECOND_US for due in dues)
        desk.driver.advance(31 * MINUTE)
        await bed.publish()
        lanes = await bed.lanes()
        assert "T-1 first_response" in lanes[OVERDUE]
        assert "T-1 first_response" not in lanes[RUNNING]
        desk.answered("T-1")
        desk.stands("T-1", Status.PENDING)
        await bed.publish()
        lanes = await bed.lanes()
        assert "T-1 first_response" in lanes[LATE]
        assert "T-1 first_response" not in lanes[OVERDUE]
        assert "T-1 resolution" in lanes[PAUSED]
        desk.stands("T-1", Status.IN_PROGRESS)
        desk.escalated("T-1")
        desk.driver.advance(1)
        await bed.publish()
        assert "T-1 manual_escalation" in (await bed.lanes())[WAITING]
        desk.resolved("T-1")
        await bed.publish()
        lanes = await bed.lanes()
        assert "T-1 resolution" not in {row for lane in (OVERDUE, RUNNING, PAUSED) for row in lanes[lane]}


@in_loop
async def test_a_pool_has_a_board_of_its_own_and_a_ticket_that_moves_takes_its_rows_along(local_redis: str) -> None:
    async with bed_on(local_redis) as bed:
        desk = bed.monitored
        desk.opened("T-1", pool="north")
        await bed.publish()
        assert (await bed.lanes("north"))[RUNNING]
        desk.assigned("T-1", pool="south")
        await bed.publish()
        assert (await bed.lanes("north"))[RUNNING] == []
        assert (await bed.lanes("south"))[RUNNING]


@in_loop
async def test_a_flushed_redis_is_rebuilt_from_the_changelog_to_the_same_view(local_redis: str) -> None:
    async with bed_on(local_redis) as bed:
        desk = bed.monitored
        for number in range(20):
            desk.opened(f"T-{number}", priority=f"P{number % 4}")
            desk.driver.advance(10 * MINUTE)
            if number % 3 == 0:
                desk.answered(f"T-{number}")
        await bed.publish()
        before = bed.raw()
        bed.flush()
        with pytest.raises(ClocksRebuilding):
            await bed.view.state("acme", "T-1")
        await bed.publish()
        assert bed.raw() == before
        assert await bed.view.state("acme", "T-1") == desk.driver.state("T-1")
        assert await bed.view.state("acme", "T-404") is None


@in_loop
async def test_a_paused_instance_that_wakes_up_overwrites_nothing_with_what_it_knew(local_redis: str) -> None:
    async with bed_on(local_redis) as bed:
        desk = bed.monitored
        desk.opened("T-1")
        await bed.publish()
        projector = projector_on(bed.redis)
        old = await projector.positions()
        desk.answered("T-1")
        await bed.publish()
        before = bed.raw()
        stale = desk.changelog()[:1]
        place = (desk.driver.topology.changelog.name, 0)
        slices = slices_of(Batch(stale, {place: 1}, 0), {place: 0}, desk.projection.change_of)
        assert await projector.apply(slices)
        assert bed.raw() == before
        assert old != await projector.positions()


@in_loop
async def test_an_ended_ticket_can_be_explained_for_a_while_though_its_facts_were_let_go(local_redis: str) -> None:
    async with bed_on(local_redis) as bed:
        desk = bed.monitored
        desk.opened("T-1")
        desk.driver.advance(31 * MINUTE)
        desk.answered("T-1")
        desk.resolved("T-1")
        desk.closed("T-1")
        await bed.publish()
        whole = await bed.view.state("acme", "T-1")
        desk.driver.advance(timedelta(days=30).total_seconds())
        await bed.publish()
        shrunk = desk.driver.state("T-1")
        assert shrunk is not None
        assert shrunk.shrunk
        kept = await bed.view.state("acme", "T-1")
        assert kept is not None
        assert whole is not None
        assert not kept.shrunk
        assert bed.lives_seconds(keys.ticket("acme", "T-1")) > 0
        desk.opened("T-2")
        await bed.publish()
        assert bed.lives_seconds(keys.ticket("acme", "T-2")) == -1


@in_loop
async def test_of_late_clocks_only_the_latest_are_listed(local_redis: str) -> None:
    async with bed_on(local_redis) as bed:
        desk = bed.monitored
        for number in range(LATE_ROWS + 2):
            desk.opened(f"T-{number}")
            desk.assigned(f"T-{number}")
        desk.driver.advance(31 * MINUTE)
        for number in range(LATE_ROWS + 2):
            desk.answered(f"T-{number}")
            desk.driver.advance(1)
        await bed.publish()
        assert (await bed.lanes())[LATE] == [f"T-{number} first_response" for number in (4, 3, 2)]


@in_loop
async def test_a_surge_stands_on_the_board_of_its_pool_until_it_is_over(local_redis: str) -> None:
    async with bed_on(local_redis) as bed:
        desk = bed.monitored
        desk.opened("T-1")
        desk.tallied("north", 25)
        desk.tallied("south", 3, priority="P0")
        await bed.publish()
        now_us = from_datetime(desk.driver.now)
        surges = (await bed.view.board("acme", None, now_us, ROWS)).surges
        assert [(each.pool, each.priority, each.breached, each.since_us) for each in surges] == [
            ("north", "P1", 25, now_us)
        ]
        desk.tallied("south", 4, priority="P0")
        await bed.publish()
        assert [each.pool for each in (await bed.view.board("acme", None, now_us, ROWS)).surges] == ["north", "south"]
        assert [each.pool for each in (await bed.view.board("acme", "south", now_us, ROWS)).surges] == ["south"]
        assert (await bed.view.board("umbrella", None, now_us, ROWS)).surges == ()
        before = bed.raw()
        bed.flush()
        await bed.publish()
        assert bed.raw() == before
        desk.pools.advance(HOUR)
        await bed.publish()
        assert (await bed.view.board("acme", None, now_us, ROWS)).surges == ()


def _clocks_shown() -> dict[str, float]:
    (metric,) = SLA_CLOCKS.collect()
    return {sample.labels["lane"]: sample.value for sample in metric.samples}


@in_loop
async def test_gauges_show_the_clocks_of_all_tenants_and_after_a_loss_of_redis_the_same(local_redis: str) -> None:
    async with bed_on(local_redis) as bed:
        desk, other = bed.monitored, Monitored(START, tenant="other")
        keeping = True
        gauges = ClockGauges(bed.view, lambda: keeping)
        for number in range(3):
            desk.opened(f"T-{number}")
        desk.stands("T-2")
        desk.driver.advance(31 * MINUTE)
        await bed.publish()
        await gauges.look()
        whole = _clocks_shown()
        board = await bed.view.board("acme", None, from_datetime(desk.driver.now), ROWS)
        assert whole == {lane: board.counts[lane] for lane in (RUNNING, PAUSED, OVERDUE, WAITING)}
        assert whole[OVERDUE] > 0

        bed.flush()
        await gauges.look()
        assert _clocks_shown() == {}  # nothing rather than half of it
        await bed.publish()
        await gauges.look()
        assert _clocks_shown() == whole

        bed.flush()
        other.opened("T-9")
        await bed.publish()
        await _project_beside(other, bed.redis)
        await gauges.look()
        assert sum(_clocks_shown().values()) > sum(whole.values())

        keeping = False
        await gauges.look()
        assert _clocks_shown() == {}
        assert gauges.status.startswith("standby")


async def _project_beside(monitored: Monitored, redis: RedisClient) -> None:
    """Project another topology's changelog as if it were another partition of the same topic."""
    topic = monitored.driver.topology.changelog.name
    records = [msgspec.structs.replace(record, partition=1) for record in monitored.changelog()]
    projector = projector_on(redis)
    batch = Batch(records, {(topic, 1): records[-1].offset + 1}, 0)
    assert await projector.apply(slices_of(batch, await projector.positions(), monitored.projection.change_of))
