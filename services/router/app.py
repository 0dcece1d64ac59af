"""Wiring: `faust -A services.router.app worker` starts this app, and so does `python -m services.router`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

from services._runtime.clock import Clock, SystemClock
from services._runtime.directory.directory import Directory
from services._runtime.engine.topology import Context, Decision, Event, Handler, Topology
from services._runtime.hosting.hosting import ServiceApp, create_app
from services._runtime.metrics import (
    ROUTER_ALARMS,
    ROUTER_CAPACITY_WEIGHT,
    ROUTER_DECISION_SECONDS,
    ROUTER_DECISIONS,
    ROUTER_DECLINES,
    ROUTER_LOAD_WEIGHT,
    ROUTER_QUEUE_TICKETS,
    ROUTER_WAIT_SECONDS,
)
from services._runtime.processor.processor import Processor
from services.router.handlers import (
    ASSIGNED,
    BY_HAND,
    OVERFLOWED,
    AssignmentDecided,
    DeclineHeard,
    OwnerAlarmed,
    PoolSeen,
    router_topology,
)
from services.router.settings import RouterSettings
from services.router.state import State

_GIVEN = frozenset({ASSIGNED, BY_HAND, OVERFLOWED})


def count_decisions(effects: Sequence[Any]) -> None:
    """Count committed decisions; called from the processor's thread."""
    pools: dict[str, PoolSeen] = {}
    for effect in effects:
        match effect:
            case AssignmentDecided():
                ROUTER_DECISIONS.labels(effect.outcome).inc()
                if effect.outcome in _GIVEN:
                    ROUTER_WAIT_SECONDS.labels(effect.priority).observe(effect.waited_seconds)
            case PoolSeen():
                pools[effect.pool] = effect
            case DeclineHeard():
                ROUTER_DECLINES.labels(str(effect.in_time).lower()).inc()
            case OwnerAlarmed():
                ROUTER_ALARMS.labels(effect.reason).inc()
            case _:
                pass
    for pool, seen in pools.items():
        ROUTER_QUEUE_TICKETS.labels(pool).set(seen.waiting)
        ROUTER_LOAD_WEIGHT.labels(pool).set(seen.load)
        ROUTER_CAPACITY_WEIGHT.labels(pool).set(seen.capacity)


def timed(topology: Topology[State]) -> Topology[State]:
    """The same topology, which tells how long each event took to decide."""
    return replace(topology, handlers={kind: _timed(handler) for kind, handler in topology.handlers.items()})


def _timed(handler: Handler) -> Handler:
    observe: Callable[[float], None] = ROUTER_DECISION_SECONDS.observe

    def decide(state: State | None, event: Event, context: Context) -> Decision[State]:
        began = perf_counter()
        decision: Decision[State] = handler(state, event, context)
        observe(perf_counter() - began)
        return decision

    return decide


def build(settings: RouterSettings, *, clock: Clock | None = None) -> ServiceApp:
    """The router as a Faust application. Connects to nothing yet.

    It follows the directory by its Faust agent as every service does; what it decides by comes on `routing.work`.
    """
    clock = clock or SystemClock()
    processor = Processor(timed(router_topology(settings)), settings, clock=clock, on_effects=count_decisions)
    return create_app("router", settings=settings, processors=[processor], directory=Directory(), clock=clock)


app = build(RouterSettings())
