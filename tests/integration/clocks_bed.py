"""The clocks' view on a real Redis: what a topology wrote to its changelog, projected, and the board over it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import redis as redis_client
import uvicorn

from services._runtime.clock import SystemClock
from services._runtime.engine.records import Record
from services._runtime.kafka.follower import Batch
from services._runtime.redis_client import RedisClient
from services._runtime.view.projector import Projector
from services._runtime.view.slices import slices_of
from services._runtime.web.tokens import issue_access
from services.sla_monitor.adapters.clocks_view import keys
from services.sla_monitor.adapters.clocks_view.projecting import APPLY
from services.sla_monitor.app import Edges
from services.sla_monitor.settings import SlaMonitorSettings
from tests.topology.monitored import Monitored

DATABASE: Final = 6
KEEP_SECONDS: Final = 3_600
LATE_ROWS: Final = 3
WAIT_SECONDS: Final = 20.0


def url_of(local_redis: str) -> str:
    """A database of this bed's own, emptied."""
    url = local_redis.rpartition("/")[0] + f"/{DATABASE}"
    with redis_client.Redis.from_url(url) as client:
        client.flushdb()
    return url


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
    config = uvicorn.Config(
        edges.web(), host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1, loop="asyncio"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{_port_of(server)}"
    finally:
        server.should_exit = True
        thread.join(WAIT_SECONDS)


def token(*roles: str, tenant: str = "acme") -> str:
    """A token of the served board."""
    settings: Any = SlaMonitorSettings.model_validate({"secret": "s" * 32})
    now = SystemClock().now()
    return issue_access(
        settings.secret, tenant=tenant, subject="x", roles=set(roles), now=now, expires_at=now + timedelta(hours=1)
    )


def _port_of(server: uvicorn.Server) -> int:
    for _ in range(500):
        if server.started:
            return int(server.servers[0].sockets[0].getsockname()[1])
        time.sleep(0.02)
    raise AssertionError("the web server did not start")
