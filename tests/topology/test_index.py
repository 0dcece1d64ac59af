"""An index that a handler has moved already: the engine leaves it so, and takes it back with what comes to nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from schemas import envelope
from schemas.topics import TICKET_COMMANDS
from services._runtime.engine.driver import START
from services._runtime.engine.engine import Engine
from services._runtime.engine.records import Record
from services._runtime.engine.topology import UNCHANGED, Change, Context, Decision, Event, Topology
from tests.topology.counting import HUGE, POISON, Counted, Counting, message
from tests.topology.versions import second

TICKET, OTHER = "T-1", "T-2"


class Mirror:
    """An index that is the states, and is particular about what it is told."""

    def __init__(self) -> None:
        self.states: dict[str, Counted] = {}

    def replace(self, key: str, old: Counted | None, new: Counted | None) -> None:
        """Take `old` out, which must be in, and `new` in."""
        assert self.states.pop(key, None) == old
        if new is not None:
            self.states[key] = new


def foresighted(topology: Topology[Counted]) -> Topology[Counted]:
    """The topology with handlers that move the index before they return."""

    def moving(inner: Callable[..., Decision[Counted]]) -> Callable[..., Decision[Counted]]:
        def handle(state: Counted | None, event: Event, context: Context) -> Decision[Counted]:
            decision = inner(state, event, context)
            assert isinstance(decision.state, Counted)
            change = Change(event.key, decision.state, decision.timers or ())
            context.index.replace(event.key, state, decision.state)
            return msgspec.structs.replace(decision, state=UNCHANGED, timers=None, changes=(change,), indexed=True)

        return handle

    handlers = {contract: moving(handler) for contract, handler in topology.handlers.items()}
    return replace(topology, handlers=handlers, index=Mirror)


class Bench:
    """The engine by hand, with one partition."""

    def __init__(self, topology: Topology[Counted]) -> None:
        self.engine = Engine(topology)
        self.state = self.engine.partitions[0] = self.engine.new_partition(0)

    @property
    def indexed(self) -> dict[str, Counted]:
        assert isinstance(self.state.index, Mirror)
        return self.state.index.states

    @property
    def committed(self) -> dict[str, Counted]:
        return {key: entry.state for key, entry in self.state.entries.items()}

    def decide(self, *bodies: tuple[str, str]) -> Any:
        batch = self.engine.begin(START)
        self.engine.process(batch, [record(number, *each) for number, each in enumerate(bodies)])
        return batch


def record(number: int, ticket_id: str, body: str) -> Record:
    data = message(ticket_id, body)
    value = envelope.encode(
        type_name=data.type_name,
        event_id=f"in-{number}",
        source="/test",
        time=START,
        subject=ticket_id,
        tenant="acme",
        data=data,
    )
    return Record(TICKET_COMMANDS.name, 0, number, ticket_id.encode(), value)


def test_what_the_handler_did_to_the_index_is_left_as_it_is() -> None:
    bench = Bench(foresighted(Counting().topology()))
    bench.engine.commit(bench.decide((TICKET, "a"), (OTHER, "b"), (TICKET, "c")))
    assert bench.indexed == bench.committed == {TICKET: Counted(2, "c", "acme"), OTHER: Counted(1, "b", "acme")}


def test_an_abort_takes_the_index_back() -> None:
    bench = Bench(foresighted(Counting().topology()))
    bench.engine.commit(bench.decide((TICKET, "a")))
    bench.engine.abort(bench.decide((TICKET, "b"), (OTHER, "c")))
    assert bench.indexed == bench.committed == {TICKET: Counted(1, "a", "acme")}


@pytest.mark.parametrize("body", [HUGE, POISON])
def test_a_decision_that_can_not_be_taken_leaves_no_trace_in_the_index(body: str) -> None:
    bench = Bench(replace(foresighted(Counting().topology()), parks=False))
    batch = bench.decide((TICKET, "a"), (TICKET, body), (OTHER, body), (TICKET, "b"))
    assert sum(batch.set_aside.values()) == 2
    assert bench.indexed == {TICKET: Counted(2, "b", "acme")}
    bench.engine.commit(batch)
    assert bench.indexed == bench.committed


def test_what_older_code_could_not_hold_is_not_in_the_index_either() -> None:
    bench = Bench(replace(foresighted(second()), writes_version=1))
    bench.engine.commit(bench.decide((TICKET, "a")))
    # The handler counts a repetition, which version 1 does not know.
    bench.engine.commit(bench.decide((TICKET, "a")))
    assert bench.indexed == bench.committed
    assert [msgspec.structs.asdict(each)["repeated"] for each in bench.indexed.values()] == [0]
