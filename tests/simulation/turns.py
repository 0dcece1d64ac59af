"""The router's logs alone reproduce what it said, whatever went wrong while it was said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from schemas.topics import ROUTING_TURNS, ROUTING_WORK, TICKET_ASSIGNMENTS
from services._runtime.engine.records import Record
from services.router.adapters.replay.journal import Said, said_in, turns_in
from services.router.adapters.replay.player import PoolPlayer, Told, Witness
from services.router.adapters.replay.source import RETRIED, redriven
from services.router.domain.policy import Policy
from services.router.state import Pools
from tests.simulation.settled import Settled

ROUTER: Final = "router.pools"


class Heard(Witness):
    """All that is said in a replay."""

    def __init__(self) -> None:
        self.said: list[Said] = []

    def decided(self, pools: Pools, said: list[Said]) -> None:
        """See `Witness`."""
        del pools
        self.said += said


def turns_reproduce_the_assignments(settled: Settled) -> Iterator[str]:
    """Deciding each pool's records again, in the turns that are told of it, says what is on `ticket.assignments`."""
    cluster = settled.world.cluster
    again: Counter[str] = Counter()
    for partition in range(cluster.partitions):
        again.update(repr(each) for each in _replayed(settled, partition))
    there = Counter(
        repr(each) for each in said_in(stored.value for stored in cluster.committed(TICKET_ASSIGNMENTS.name))
    )
    yield from (f"the turns do not lead to {each}" for each in there - again)
    yield from (f"the turns lead to {each}, which nobody said" for each in again - there)


def _replayed(settled: Settled, partition: int) -> Iterator[Said]:
    cluster = settled.world.cluster
    (topology,) = (each for each in settled.topologies if each.name == ROUTER)
    turns = list(turns_in(stored.value for stored in cluster.topics[ROUTING_TURNS.name][partition].committed()))
    work = _records(settled, ROUTING_WORK.name, partition)
    retried = [redriven(each) for each in _records(settled, RETRIED, partition)]
    for pool in dict.fromkeys(turn.pool for turn in turns):
        heard = Heard()
        player = PoolPlayer(topology, Policy(), partition, heard)
        told = Told(pool, {ROUTING_WORK.name: work, RETRIED: retried})
        for turn in turns:
            if turn.pool == pool:
                player.take(turn, told)
        yield from heard.said


def _records(settled: Settled, topic: str, partition: int) -> list[Record]:
    stored = settled.world.cluster.topics[topic][partition].committed()
    return [Record(topic, partition, each.offset, each.key, each.value) for each in stored]
