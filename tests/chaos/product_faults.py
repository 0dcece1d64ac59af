"""Faults of the whole product, each a coroutine that brings its trouble and ends it."""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final

import redis

from deploy.local import services
from tests.chaos.product import ProductBed
from tests.chaos.proxy import between_client_and_node

SESSION_PASSED_SECONDS: Final = 12.0
AWAY_SECONDS: Final = 6.0
CLOCKS_AWAY_SECONDS: Final = 40.0
"""Longer than every first response of the demo's policy, whose seconds are hours."""
UNLIMITED: Final = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
NOTHING: Final = (0, resource.RLIM_INFINITY)

ProductFault = Callable[[ProductBed], Coroutine[Any, Any, None]]


def kill(service: str) -> ProductFault:
    """kill -9 of one of a service's two instances, and a new process in its slot once its session is over."""

    async def trouble(bed: ProductBed) -> None:
        bed.stack.services[service].kill()
        await asyncio.sleep(AWAY_SECONDS)
        await bed.restart(service)

    return trouble


async def zombie(bed: ProductBed) -> None:
    """The second instance of intake and of the router sleep past their sessions and wake up."""
    sleeping = [bed.stack.services[name].running for name in ("intake-1", "router-1")]
    for running in sleeping:
        assert running is not None
        running.send(signal.SIGSTOP)
    await asyncio.sleep(SESSION_PASSED_SECONDS)
    for running in sleeping:
        assert running is not None
        running.send(signal.SIGCONT)


async def rolling_restart(bed: ProductBed) -> None:
    """Every process is replaced in order, the second instances first."""
    for suffix in ("-1", ""):
        names = [f"{service}{suffix}" for service in services.NAMES]
        for name in names:
            await asyncio.to_thread(bed.stack.services[name].stop)
        await bed.restart(*names)


async def kill_broker(bed: ProductBed) -> None:
    """One of the three brokers is killed and comes back."""
    bed.stack.kafka.kill_node(1)
    await asyncio.sleep(AWAY_SECONDS)
    bed.stack.kafka.start_node(1)
    await asyncio.to_thread(bed.stack.kafka.wait_ready)


async def cut_from_broker(bed: ProductBed) -> None:
    """The processors of all first instances can't reach one broker."""
    bed.network.cut("product", between_client_and_node(2, "0"))
    await asyncio.sleep(SESSION_PASSED_SECONDS)
    bed.network.heal("product")


async def redis_killed(bed: ProductBed) -> None:
    """Redis dies and comes back empty."""
    assert bed.stack.redis.running is not None
    bed.stack.redis.running.send(signal.SIGKILL)
    await asyncio.sleep(AWAY_SECONDS)
    bed.stack.redis.start()
    await asyncio.to_thread(bed.stack.redis.wait_ready)


async def redis_flushed(bed: ProductBed) -> None:
    """Redis loses all that it holds, and says nothing of it."""
    with redis.Redis.from_url(bed.stack.redis.url) as client:
        await asyncio.to_thread(client.flushall)


async def redis_unreachable(bed: ProductBed) -> None:
    """Redis takes connections and does not answer."""
    running = bed.stack.redis.running
    assert running is not None
    running.send(signal.SIGSTOP)
    await asyncio.sleep(AWAY_SECONDS)
    running.send(signal.SIGCONT)


async def cannot_write(bed: ProductBed) -> None:
    """No first instance can write to its log; none may end for it."""
    running = [bed.stack.services[name].running for name in services.NAMES]
    for each in running:
        assert each is not None
        resource.prlimit(each.pid, resource.RLIMIT_FSIZE, NOTHING)
    # Something to write about: all partitions move, and come back.
    bed.stack.services["router-1"].kill()
    await asyncio.sleep(AWAY_SECONDS)
    await bed.restart("router-1")
    for each in running:
        assert each is not None
        if not each.is_alive():
            bed.complaints.append(f"{each.name} ended when it could not write its log")
            continue
        resource.prlimit(each.pid, resource.RLIMIT_FSIZE, UNLIMITED)


async def clocks_away(bed: ProductBed) -> None:
    """Nobody watches the clocks while tickets are answered in time and targets come due."""
    names = ("sla_monitor", "sla_monitor-1")
    for name in names:
        bed.stack.services[name].kill()
    await asyncio.sleep(CLOCKS_AWAY_SECONDS)
    await bed.restart(*names)


PRODUCT_FAULTS: Final[dict[str, ProductFault]] = {
    **{f"kill_9_{service}": kill(service) for service in services.NAMES},
    "zombie_intake_and_router": zombie,
    "rolling_restart_of_services": rolling_restart,
    "kill_broker_under_services": kill_broker,
    "cut_services_from_broker": cut_from_broker,
    "redis_killed": redis_killed,
    "redis_flushed": redis_flushed,
    "redis_unreachable": redis_unreachable,
    "services_cannot_write": cannot_write,
    "clocks_away_while_targets_come_due": clocks_away,
}
