"""The engines by name: how each is started, how many events it gets, and where its changelog is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.engines import kafka_streams
from benchmarks.engines.order import Order
from deploy.local.errors import StackError
from deploy.local.folders import CACHE

PEERS_PYTHON: Final = CACHE / "bench-venv" / "bin" / "python"
"""Of the `bench` group's venv; `make bench` makes it."""


@dataclass(frozen=True)
class Engine:
    """One engine. `events` is how many it gets in the full and in the quick form: the slow ones get fewer.

    `command` gives the command line that works on an order, `changelog` the topic that holds its state then;
    `makes_topics` says whether it makes that topic itself. `commit_seconds` is its commit interval, `variant` the form
    of an engine that has several.
    """

    name: str
    label: str
    events: tuple[int, int]
    command: Callable[[Order], list[str]]
    changelog: Callable[[Order], str]
    makes_topics: bool = True
    variant: str = ""
    commit_seconds: float = 0.1


def _ours(module: str) -> Callable[[Order], list[str]]:
    return lambda order: [sys.executable, "-m", f"benchmarks.engines.{module}", order.as_argument()]


def _quix(order: Order) -> list[str]:
    if not PEERS_PYTHON.is_file():
        raise StackError("the packages of the bench group are missing: make bench installs them")
    return [str(PEERS_PYTHON), "-m", "benchmarks.engines.quix", order.as_argument()]


def _own_changelog(order: Order) -> str:
    return f"{order.group}.changelog"


def _store_changelog(order: Order) -> str:
    return f"{order.group}-seen-changelog"


AFTERCARE: Final = Engine(
    "aftercare", "Aftercare", (1_400_000, 60_000), _ours("aftercare"), _own_changelog, makes_topics=False
)
BARE_LOOP: Final = Engine(
    "bare_loop", "bare client loop", (1_400_000, 60_000), _ours("bare_loop"), _own_changelog, makes_topics=False
)
KAFKA_STREAMS: Final = Engine(
    "kafka_streams",
    "Kafka Streams exactly_once_v2",
    (1_400_000, 60_000),
    kafka_streams.command,
    _store_changelog,
)
QUIX: Final = Engine(
    "quix",
    "Quix Streams exactly-once",
    (400_000, 60_000),
    _quix,
    lambda order: f"changelog__{order.group}--{order.commands}--default",
    commit_seconds=1.0,
)
FAUST_AT_LEAST_ONCE: Final = Engine(
    "faust_at_least_once",
    "Faust at_least_once",
    (30_000, 8_000),
    _ours("faust_agent"),
    _store_changelog,
    variant="at_least_once",
    commit_seconds=0.25,
)
FAUST_EXACTLY_ONCE: Final = Engine(
    "faust_exactly_once",
    "Faust exactly_once",
    (9_000, 2_000),
    _ours("faust_agent"),
    _store_changelog,
    variant="exactly_once",
    commit_seconds=0.25,
)

REMINDERS: Final = Engine(
    "reminders", "Aftercare, timers", (1_000_000, 20_000), _ours("reminders"), _own_changelog, makes_topics=False
)
CLOCKS: Final = Engine(
    "clocks", "Aftercare, SLA clocks", (1_000_000, 20_000), _ours("clocks"), _own_changelog, makes_topics=False
)
ROUTER: Final = Engine(
    "router", "Aftercare, router", (40_000, 1_000), _ours("router"), _own_changelog, makes_topics=False
)

PEERS: Final = (BARE_LOOP, KAFKA_STREAMS, QUIX, FAUST_AT_LEAST_ONCE, FAUST_EXACTLY_ONCE)
ENGINES: Final = (AFTERCARE, *PEERS)
