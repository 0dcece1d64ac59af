"""Latency of one hop against rate: ours, and Kafka Streams at 1,000/s."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from rich.table import Table

from benchmarks.engines.catalog import AFTERCARE, KAFKA_STREAMS, Engine
from benchmarks.engines.progress import cpu_seconds
from benchmarks.engines.running import order_for, require_alive, started
from benchmarks.figures import spread
from benchmarks.hop import Hop
from benchmarks.section import Bench, Goal, Section
from benchmarks.topics import make_topics

PACES: Final[Sequence[tuple[int, float]]] = ((10, 60.0), (100, 30.0), (1_000, 30.0), (5_000, 20.0))
"""Rates and for how many seconds: the last percentiles of the slow ones rest on few events."""
QUICK_PACES: Final[Sequence[tuple[int, float]]] = ((100, 2.0), (1_000, 3.0))
PEER_PACES: Final[Sequence[tuple[int, float]]] = ((1_000, 30.0),)
PEER_COMMITS_MS: Final = (100, 10)
"""Kafka Streams' default commit interval, and one that is chosen for latency."""
# A JIT compiler needs more of a run-up than we do.
WARM_UP: Final = {AFTERCARE.name: (1_000, 5.0), KAFKA_STREAMS.name: (5_000, 20.0)}
QUICK_WARM_UP: Final = (500, 2.0)


def _run(bench: Bench) -> dict[str, Any]:
    with bench.broker("hop") as bootstrap:
        ours = _paces(bench, bootstrap, AFTERCARE, QUICK_PACES if bench.quick else PACES)
        _show(bench, AFTERCARE.label, ours)
        theirs = {}
        for milliseconds in PEER_COMMITS_MS[: 1 if bench.quick else None]:
            peer = replace(KAFKA_STREAMS, commit_seconds=milliseconds / 1_000)
            try:
                paces = _paces(bench, bootstrap, peer, QUICK_PACES[-1:] if bench.quick else PEER_PACES)
            except Exception as error:  # noqa: BLE001 - whatever happens to the peer, our figures stand
                bench.note_failure(f"{peer.name}, commit interval {milliseconds} ms", error)
                continue
            theirs[f"commit_{milliseconds}_ms"] = paces
            _show(bench, f"{peer.label}, commit interval {milliseconds} ms", paces)
    return {"hop_latency_ms": ours, "hop_latency_kafka_streams_ms": theirs}


def _paces(
    bench: Bench, bootstrap: str, engine: Engine, paces: Sequence[tuple[int, float]]
) -> dict[str, dict[str, float]]:
    """Run an engine and return, for each rate, the spread of its latency in milliseconds."""
    commands = f"{engine.name}-{engine.commit_seconds:g}-commands"
    make_topics(bootstrap, commands)
    order = order_for(engine, bootstrap, commands)
    found: dict[str, dict[str, float]] = {}
    with started(order.group, engine.command(order)) as running, Hop(bootstrap, commands, order.events) as hop:
        hop.at(*(QUICK_WARM_UP if bench.quick else WARM_UP[engine.name]))
        for per_second, seconds in paces:
            require_alive(running)
            began, spent = time.monotonic(), cpu_seconds(running.pid)
            paced = hop.at(per_second, seconds)
            cores = (cpu_seconds(running.pid) - spent) / (time.monotonic() - began)
            numbers = {"events": paced.sent, "doubled": paced.doubled, "cores": round(cores, 3)}
            found[str(per_second)] = spread(paced.milliseconds) | numbers
    return found


def _show(bench: Bench, title: str, paces: dict[str, dict[str, float]]) -> None:
    columns = ("p50", "p99", "p999", "max")
    table = Table("events/s", *(f"{name} ms" for name in columns), "events", "cores", title=title)
    for rate, numbers in paces.items():
        shown = (f"{numbers[name]:,.1f}" for name in columns)
        table.add_row(rate, *shown, f"{numbers['events']:,}", f"{numbers['cores']:.2f}")
    bench.console.print(table)


SECTION: Final = Section(
    "hop", _run, (Goal("one hop at 1,000/s, p99 in ms", ("hop_latency_ms", "1000", "p99"), at_most=60.0),)
)
