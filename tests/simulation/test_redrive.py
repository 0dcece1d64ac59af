"""Dead letters sent again: whole or not at all, in the order of their key, and to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final
from unittest.mock import patch

import pytest
from confluent_kafka import KafkaException

from schemas.dead_letters import Resolution
from schemas.topics import DEAD_LETTERS, RETRIES
from services._runtime.kafka.clients import TRANSACTION_TIMEOUT_MS, producer_config
from services._runtime.processor import redrive
from services._runtime.processor.redrive import Letter
from tests.simulation import scenario
from tests.simulation import world as worlds
from tests.simulation.broker.producer import SimulatedProducer
from tests.simulation.chatter import COUNTING, SERVICE, TOPICS
from tests.simulation.chatter import RETRIES as COUNTING_RETRIES
from tests.simulation.faults import Kind, Plan
from tests.simulation.install import simulated_clients
from tests.simulation.operator import Command, Operator, WorldClock
from tests.simulation.world import START, World, settings_of
from tests.topology.counting import POISON, Counted, message

TICKET: Final = "T-1"


@pytest.fixture
def world() -> Iterator[World]:
    """The counting topology without faults, nothing written twice, for the time before the operator comes himself."""
    made = World(1, [COUNTING.topology()], TOPICS, until=START + timedelta(hours=1), calm_at=START)
    own = patch.dict(DEAD_LETTERS, {SERVICE: COUNTING.dead_letters}), patch.dict(RETRIES, {SERVICE: COUNTING_RETRIES})
    with simulated_clients(made.cluster), own[0], own[1], patch.object(worlds, "REPEATED", 0.0):
        yield made


def say(world: World, *bodies: str) -> None:
    for body in bodies:
        world.send(COUNTING.commands, TICKET, message(TICKET, body), f"said:{body}")
        world.run()


@contextmanager
def run_by(world: World, command: Command | None = None) -> Iterator[None]:
    """Have calls made meanwhile be a command's."""
    world.cluster.current = command or Command(world.time, None)
    try:
        yield
    finally:
        world.cluster.current = None


def open_letters(world: World) -> list[Letter]:
    with run_by(world):
        return redrive.open_letters(settings_of("0"), SERVICE, WorldClock(world.time))


def redrive_all(world: World, letters: list[Letter], command: Command | None = None) -> int:
    with run_by(world, command):
        return redrive.resolve(settings_of("0"), SERVICE, letters, WorldClock(world.time), Resolution.REDRIVEN)


def held(world: World) -> tuple[Counted | None, int]:
    """What the owner of the ticket's partition holds of it, and how many dead letters it counts."""
    for machine in world.machines:
        for state in machine.engine.partitions.values() if machine.engine is not None else ():
            if TICKET in state.entries or TICKET in state.parked:
                entry = state.entries.get(TICKET)
                return entry.state if entry is not None else None, state.parked.get(TICKET, 0)
    return None, 0


@pytest.mark.parametrize("calls", range(1, 9))
def test_a_redrive_that_is_killed_half_way_and_run_again_frees_the_key_with_its_last_letter(
    world: World, calls: int
) -> None:
    operator = Operator(world)
    say(world, POISON, "second", "third")
    assert held(world) == (None, 3)
    operator.settle(SERVICE, Plan(Kind.INTERRUPTED, frozenset({"produce", "commit", "committed"}), calls))
    say(world, "fourth")
    state, parked = held(world)
    assert parked == len(open_letters(world))
    assert (state.messages if state is not None else 0) + parked in {3, 4}
    assert operator.settle(SERVICE)
    world.run()
    assert held(world) == (Counted(3, "fourth", "acme"), 0)
    assert open_letters(world) == []


def test_a_record_that_fails_again_keeps_its_place_before_what_came_after_it(world: World) -> None:
    say(world, POISON, "second")
    letters = open_letters(world)
    say(world, "third")
    assert redrive_all(world, letters) == 2
    world.run()
    assert held(world) == (None, 3)
    left = open_letters(world)
    assert [next(body for body in (POISON, "second", "third") if body in each.data.body) for each in left] == [
        POISON,
        "second",
        "third",
    ]
    assert {each.source.source_topic for each in left} == {COUNTING.commands.name}


def test_what_a_second_run_sends_from_behind_a_record_that_fails_again_waits_for_it_too(world: World) -> None:
    say(world, POISON, "second")
    first = open_letters(world)
    say(world, "third")
    redrive_all(world, first)
    redrive_all(world, open_letters(world)[-1:])
    world.run()
    assert held(world) == (None, 3)
    assert Operator(world).settle(SERVICE)
    world.run()
    assert held(world) == (Counted(2, "third", "acme"), 0)


def test_what_somebody_else_has_settled_meanwhile_is_not_sent_again(world: World) -> None:
    say(world, POISON, "second")
    letters = open_letters(world)
    assert redrive_all(world, letters) == 2
    assert redrive_all(world, letters) == 0


def test_of_two_runs_at_the_same_time_one_is_fenced_and_each_letter_is_sent_once(world: World) -> None:
    operator = Operator(world)

    class Slow(Command):
        """A run that another one overtakes before it has sent anything."""

        overtaken = False

        def point(self, name: str) -> None:
            if name == "produce" and not self.overtaken:
                self.overtaken = True
                assert operator.settle(SERVICE)

    say(world, POISON, "second", "third")
    letters = open_letters(world)
    with pytest.raises(KafkaException):
        redrive_all(world, letters, Slow(world.time, None))
    world.run()
    assert held(world) == (Counted(2, "third", "acme"), 0)
    assert len(list(world.cluster.committed(COUNTING_RETRIES.name))) == len(letters)


def test_dead_letters_are_read_whole_once_a_transaction_that_is_open_in_their_topic_has_ended(world: World) -> None:
    writer = SimulatedProducer(world.cluster, producer_config(settings_of("0"), "somebody"))
    writer.init_transactions(1)
    writer.begin_transaction()
    writer.produce(COUNTING.dead_letters.name, b"never committed", TICKET.encode())
    writer.flush(1)
    world.cluster.transactions.fall_silent("somebody")
    began_at = world.now
    assert open_letters(world) == []
    assert world.now - began_at >= timedelta(milliseconds=TRANSACTION_TIMEOUT_MS)


def test_no_other_reader_of_an_input_sees_what_is_sent_again(world: World) -> None:
    say(world, POISON, "second")
    before = len(list(world.cluster.committed(COUNTING.commands.name)))
    redrive_all(world, open_letters(world))
    world.run()
    assert len(list(world.cluster.committed(COUNTING.commands.name))) == before


def test_each_processor_has_a_retry_topic_that_it_alone_reads() -> None:
    readers = [topology for topology in scenario.topologies() if topology.name != SERVICE]
    assert {each.name: each.retries for each in readers} == RETRIES
    assert not {each.name for each in RETRIES.values()} & {topic.name for each in readers for topic in each.inputs}
