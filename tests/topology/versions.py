"""The counting topology in two versions of its state: the second counts repetitions too, unknown to the first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from services._runtime.engine.topology import Context, Decision, Event, Topology
from tests.topology.counting import Counted, Counting


class CountedTwice(Counted, frozen=True):
    """Version 2 of the state: also how often a customer has said the same as before."""

    repeated: int


def up(state: dict[str, Any]) -> dict[str, Any]:
    """Version 1 to 2."""
    return state | {"repeated": 0}


def down(state: dict[str, Any]) -> dict[str, Any]:
    """Version 2 to 1."""
    return {name: value for name, value in state.items() if name != "repeated"}


def first(counting: Counting | None = None) -> Topology[Counted]:
    """The code of version 1."""
    return (counting or Counting()).topology()


def second(counting: Counting | None = None) -> Topology[Counted]:
    """The code of version 2."""
    topology = first(counting)

    def counted_twice(state: CountedTwice | None, event: Event, context: Context) -> Decision[Counted]:
        decision: Decision[Counted] = inner(state, event, context)
        new = decision.state
        if not isinstance(new, Counted):
            return decision
        repeated = state.repeated + (state.last == new.last) if state is not None else 0
        return msgspec.structs.replace(decision, state=CountedTwice(new.messages, new.last, new.tenant, repeated))

    (contract, inner), *others = topology.handlers.items()
    return replace(
        topology,
        handlers={contract: counted_twice, **dict(others)},
        state_type=CountedTwice,
        state_version=2,
        upgrades={1: up},
        downgrades={1: down},
    )
