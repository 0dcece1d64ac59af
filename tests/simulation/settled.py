"""A world that has come to rest, for those who look at what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from services._runtime.engine.topology import Topology
from tests.simulation.people import People
from tests.simulation.replay import Replay
from tests.simulation.world import World


@dataclass
class Settled:
    """A world that has come to rest, with the people in it."""

    world: World
    topologies: Sequence[Topology[Any]]
    people: People

    @cached_property
    def replays(self) -> dict[str, Replay]:
        """Each processor's committed batches, decided again."""
        world = self.world
        return {each.name: Replay(world.cluster, each, world.journal) for each in self.topologies}

    def events(self, topic: str) -> Iterator[dict[str, Any]]:
        """Yield the events of a topic as JSON, leaving out what is none, partition by partition."""
        for stored in self.world.cluster.committed(topic):
            if stored.value is not None and stored.value.startswith(b"{"):
                yield json.loads(stored.value)
