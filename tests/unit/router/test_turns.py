"""What the router tells of a batch: enough to take the same turns again."""

from __future__ import annotations

from typing import Any

from schemas.routing_turns import TurnTaken
from schemas.topics import RETRIES, ROUTING_TURNS, ROUTING_WORK
from services._runtime.engine.batch import PartitionBatch
from services._runtime.engine.dead_letters import NO_OFFSET
from services._runtime.engine.driver import START, TopologyDriver
from services._runtime.engine.records import Record
from services._runtime.engine.topology import Handled, Timer, firing_id
from services.router.handlers import router_topology
from services.router.handlers.turns import turns_taken
from services.router.state import offer_key
from tests.topology.routing import SETTINGS

WORK, RETRY = ROUTING_WORK.name, RETRIES["router.pools"].name


def record(offset: int, pool: str = "eu/west", topic: str = WORK, value: bytes | None = b"{}") -> Record:
    return Record(topic, 0, offset, pool.encode(), value, redriven=topic == RETRY)


def turns(*records: Record, set_aside: tuple[Record, ...] = (), timer_keys: tuple[str, ...] = ()) -> list[TurnTaken]:
    context = PartitionBatch(TopologyDriver(router_topology(SETTINGS)).partition, START)
    emits = turns_taken(Handled(records, set_aside, [(key, Timer("loosen", START)) for key in timer_keys]), context)
    data: list[Any] = [each.data for each in emits]
    assert [(each.topic, each.key) for each in emits] == [(ROUTING_TURNS, each.pool) for each in data]
    assert len({each.id for each in emits}) == len(emits)
    return data


def spans(turn: TurnTaken) -> list[tuple[str, int, int]]:
    return [(each.topic, each.first_offset, each.last_offset) for each in turn.records]


def test_each_pool_of_a_batch_has_a_turn_of_its_own() -> None:
    west, north = turns(record(3), record(4, "north"), record(5), timer_keys=(offer_key("eu/west", "T-1"),))
    assert (west.pool, spans(west), west.timers) == ("eu/west", [(WORK, 3, 5)], 1)
    assert (north.pool, spans(north), north.timers) == ("north", [(WORK, 4, 4)], 0)
    assert west.decided_at == north.decided_at == START


def test_what_was_set_aside_is_in_no_turn() -> None:
    poison = record(4)
    (turn,) = turns(record(3), poison, record(5), record(6), set_aside=(poison,))
    assert spans(turn) == [(WORK, 3, 3), (WORK, 5, 6)]
    assert turns(poison, set_aside=(poison,)) == []


def test_what_was_sent_again_stands_where_it_was_decided() -> None:
    (turn,) = turns(record(3), record(0, topic=RETRY), record(4))
    assert spans(turn) == [(WORK, 3, 3), (RETRY, 0, 0), (WORK, 4, 4)]


def test_a_record_that_wakes_a_timer_belongs_to_the_timers_pool() -> None:
    (turn,) = turns(record(7, offer_key("eu/west", "T-1"), RETRY, None))
    assert (turn.pool, spans(turn)) == ("eu/west", [(RETRY, 7, 7)])


def test_timers_alone_are_a_turn_and_nothing_is_none() -> None:
    (turn,) = turns(timer_keys=(offer_key("north", "T-1"), offer_key("north", "T-2")))
    assert (turn.pool, spans(turn), turn.timers) == ("north", [], 2)
    assert turns() == []


def test_timers_that_raised_are_numbered() -> None:
    keys = (offer_key("north", "T-1"), offer_key("eu/west", "T-2"), offer_key("eu/west", "T-3"))
    letter = Record(WORK, 0, NO_OFFSET, keys[2].encode(), firing_id(keys[2], Timer("loosen", START)).encode())
    north, west = turns(set_aside=(letter,), timer_keys=keys)
    assert (north.timers, north.timers_raised) == (1, [])
    assert (west.timers, west.timers_raised) == (2, [1])
