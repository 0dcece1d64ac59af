"""Wiring: `faust -A services.router.app worker` starts this app, and so does `python -m services.router`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services._runtime.clock import Clock, SystemClock
from services._runtime.directory.directory import Directory
from services._runtime.hosting.hosting import ServiceApp, create_app
from services._runtime.metrics import ROUTER_DECISIONS, ROUTER_WAIT_SECONDS
from services._runtime.processor.processor import Processor
from services.router.handlers import QUEUED, AssignmentDecided, router_topology
from services.router.settings import RouterSettings


def count_decisions(effects: Sequence[Any]) -> None:
    """Count committed decisions; called from the processor's thread."""
    for effect in effects:
        if isinstance(effect, AssignmentDecided):
            ROUTER_DECISIONS.labels(effect.outcome).inc()
            if effect.outcome != QUEUED:
                ROUTER_WAIT_SECONDS.observe(effect.waited_seconds)


def build(settings: RouterSettings, *, clock: Clock | None = None) -> ServiceApp:
    """The router as a Faust application. Connects to nothing yet.

    It follows the directory by its Faust agent as every service does; what it decides by comes on `routing.work`.
    """
    clock = clock or SystemClock()
    processor = Processor(router_topology(settings), settings, clock=clock, on_effects=count_decisions)
    return create_app("router", settings=settings, processors=[processor], directory=Directory(), clock=clock)


app = build(RouterSettings())
