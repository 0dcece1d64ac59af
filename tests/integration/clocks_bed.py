"""The clocks' view on a real Redis: what a topology wrote to its changelog, projected, and the board over it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from services._runtime.clock import SystemClock
from services._runtime.engine.records import Record
from services._runtime.kafka.follower import Batch
from services._runtime.redis_client import RedisClient
from services._runtime.view.projector import Projector
from services._runtime.view.slices import slices_of
from services.sla_monitor.adapters.clocks_view import keys
from services.sla_monitor.adapters.clocks_view.projecting import APPLY
from services.sla_monitor.app import Edges
from services.sla_monitor.settings import SlaMonitorSettings
from tests.served import empty_database, served_web
from tests.topology.monitored import Monitored

DATABASE: Final = 6
KEEP_SECONDS: Final = 3_600
LATE_ROWS: Final = 3


def url_of(local_redis: str) -> str:
    """A database of this bed's own, emptied."""
    return empty_database(local_redis, DATABASE)


def projector_on(redis: RedisClient) -> Projector:
    """The projector as the service makes it, with small bounds."""
    return Projector(
        redis, script=APPLY, positions_key=keys.POSITIONS, fresh_key=keys.FRESH, options=(KEEP_SECONDS, LATE_ROWS)
    )


async def project(monitored: Monitored, projector: Projector) -> bool:
    """Bring Redis up with the changelogs of clocks and pools; whether it took them."""
    taken = True
    for records in (monitored.changelog(), monitored.pools_changelog()):
        reached = await projector.positions()
        place = (records[0].topic, 0) if records else ("", 0)
        new: list[Record] = records[reached.get(place, 0) :]
        if new:
            batch = Batch(new, {place: new[-1].offset + 1}, 0)
            taken = await projector.apply(slices_of(batch, reached, monitored.projection.change_of)) and taken
            await projector.state_fresh()
    return taken


def project_now(monitored: Monitored, url: str) -> None:
    """As `project`, on a loop and a connection of its own."""

    async def once() -> None:
        redis = RedisClient(url)
        try:
            assert await project(monitored, projector_on(redis))
        finally:
            await redis.stop()

    asyncio.run(once())


@contextmanager
def served(monitored: Monitored, url: str) -> Iterator[str]:
    """The monitor's web server on a free port, in a thread; yields its address."""
    settings = SlaMonitorSettings.model_validate({"secret": "s" * 32, "redis_url": url})
    edges = Edges(settings, monitored.driver.topology, monitored.pools.topology, monitored.directory, SystemClock())
    with served_web(edges.web()) as address:
        yield address
