"""What waits in each pool and what its technicians hold, read off the pools that the router decides by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services._runtime.figures import Bounded, Figure
from services._runtime.metrics import ROUTER_CAPACITY_WEIGHT, ROUTER_LOAD_WEIGHT, ROUTER_QUEUE_TICKETS
from services.router.state import Pools

POOLS_MAX: Final = 200

pool_label: Final = Bounded(POOLS_MAX)


class Census(Pools):
    """A partition's pools with their figures: the topology's index."""

    def figures(self) -> Iterator[Figure]:
        """See `figures.Countable`."""
        for name, pool in self.named():
            label = (pool_label(name),)
            yield Figure(ROUTER_QUEUE_TICKETS, label, len(pool.queue))
            yield Figure(ROUTER_LOAD_WEIGHT, label, pool.roster.load)
            yield Figure(ROUTER_CAPACITY_WEIGHT, label, pool.roster.capacity)
