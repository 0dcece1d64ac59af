"""The router: its decisions beside peers in one run, then one process on a broker."""

from __future__ import annotations

import gc
import time
from statistics import median
from typing import Any, Final

from rich.table import Table

from benchmarks.engines.catalog import ROUTER
from benchmarks.engines.router import number_of, offers, roster
from benchmarks.engines.routers import Ours, RedisLua, ScanAll
from benchmarks.engines.running import order_for, started, watched
from benchmarks.figures import spread
from benchmarks.hop import Hop
from benchmarks.routing import Measured, Router, measure, people, tickets
from benchmarks.section import Bench, Goal, Section
from benchmarks.topics import make_topics
from benchmarks.work import fill
from deploy.local.folders import STACKS
from deploy.local.redis import Redis
from schemas.topics import ROUTING_TURNS, TICKET_ASSIGNMENTS
from services._runtime.processor.processor import COLLECTOR_THRESHOLDS

PEOPLE: Final = (10_000, 1_000)
LOAD: Final = (40_000, 3_000)
WAITING: Final = (140_000, 6_000)
"""More than there is room for, so that a hundred thousand wait."""
DECISIONS: Final = (20_000, 500)
SCANNED: Final = (300, 30)
"""Of the peer that scans: each takes milliseconds."""
KINDS: Final = 60
"""Sets of skills in a pool of teams; beside it a pool in which each technician has a set of their own."""
BURST: Final = (40_000, 1_000)
PACE_PER_SECOND: Final = (500, 100)
PACE_SECONDS: Final = (20.0, 2.0)
WARM_UP_SECONDS: Final = (10.0, 1.0)
"""At the same pace, so that as much is sent before as in the section "hop": the burst goes by in few transactions, and
what the broker does for each of them is not compiled yet."""
COMMANDS: Final = "router-work"


def _run(bench: Bench) -> dict[str, Any]:
    form = int(bench.quick)
    found: dict[str, Any] = {}
    for name, part in (("decisions", _decisions), ("kafka", _kafka)):
        try:
            found[name] = part(bench, form)
        except Exception as error:  # noqa: BLE001 - whatever a part raises, the other is measured
            bench.note_failure(name, error)
    return {"router": found}


def _decisions(bench: Bench, form: int) -> dict[str, Any]:
    """Every router on the same pool, one after the other in this process."""
    found: dict[str, Any] = {}
    server = Redis(STACKS / "bench-router" / "redis")
    server.start()
    try:
        server.wait_ready()
        own, teams = list(people(PEOPLE[form])), list(people(PEOPLE[form], KINDS))
        found["aftercare"] = _measured(Ours(own), form, DECISIONS[form])
        found["aftercare_in_teams"] = _measured(Ours(teams), form, DECISIONS[form])
        found["redis_lua"] = _measured(RedisLua(own, server.url), form, DECISIONS[form])
        found["scan_all"] = _measured(ScanAll(own), form, SCANNED[form])
    finally:
        server.stop()
    _show(bench, found)
    return found


def _measured(router: Router, form: int, decisions: int) -> dict[str, Any]:
    load, waiting = list(tickets(0, LOAD[form])), list(tickets(LOAD[form], WAITING[form]))
    pace = gc.get_threshold()
    # As in the processes that decide; by its default pace the collector looks at a pool over and over.
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
    try:
        return figures(measure(router, load, waiting, decisions))
    finally:
        gc.set_threshold(*pace)


def figures(measured: Measured) -> dict[str, Any]:
    """A measurement as the report has it."""
    return {
        "offered_us": spread(measured.offered_us),
        "freed_us": spread(measured.freed_us),
        "offered_per_second": round(measured.offered_per_second),
        "freed_per_second": round(measured.freed_per_second),
        "waiting": measured.waiting,
        "cpu_us": round(1e6 * measured.cpu_seconds / (len(measured.offered_us) + len(measured.freed_us)), 1),
        "median_us": round(median([*measured.offered_us, *measured.freed_us]), 1),
        "per_second": round(
            (len(measured.offered_us) + len(measured.freed_us)) / (measured.offer_seconds + measured.free_seconds)
        ),
    }


def _kafka(bench: Bench, form: int) -> dict[str, Any]:
    """One process, one pool of all technicians, so one partition: a burst, then an even pace, first to warm up."""
    with bench.broker("router") as bootstrap:
        make_topics(bootstrap, COMMANDS, TICKET_ASSIGNMENTS.name, ROUTING_TURNS.name)
        order = order_for(ROUTER, bootstrap, COMMANDS)
        with started(order.group, ROUTER.command(order)) as running:
            fill(bootstrap, COMMANDS, roster(PEOPLE[form]))
            watched(order, PEOPLE[form], [running])
            began = time.monotonic()
            fill(bootstrap, COMMANDS, offers(0, BURST[form]))
            written_seconds = time.monotonic() - began
            samples = watched(order, PEOPLE[form] + BURST[form], [running])
            burst_seconds = samples[-1].at_seconds - began
            rate, seconds = PACE_PER_SECOND[form], PACE_SECONDS[form]
            warm_up_seconds = WARM_UP_SECONDS[form]
            further = offers(BURST[form], round(rate * (warm_up_seconds + seconds)))
            heard: dict[str, Any] = {"records": further, "first": BURST[form], "number_of": number_of}
            with Hop(bootstrap, COMMANDS, TICKET_ASSIGNMENTS.name, **heard) as hop:
                cold = hop.at(rate, warm_up_seconds)
                paced = hop.at(rate, seconds)
    found = {
        "burst": BURST[form],
        "written_seconds": round(written_seconds, 2),
        "per_second": round(BURST[form] / burst_seconds),
        "paced_per_second": rate,
        "assigned_cold_ms": spread(cold.milliseconds) | {"events": cold.sent, "doubled": cold.doubled},
        "assigned_ms": spread(paced.milliseconds) | {"events": paced.sent, "doubled": paced.doubled},
    }
    bench.console.print(
        f"through Kafka: {found['per_second']:,} assignments/s in one process (writing them took "
        f"{found['written_seconds']} s of it); offered → assigned at {rate}/s, in ms: {found['assigned_ms']}, in the "
        f"{warm_up_seconds:.0f} s before: {found['assigned_cold_ms']}"
    )
    return found


def _show(bench: Bench, found: dict[str, Any]) -> None:
    table = Table("router", "offered, µs", "p99", "a second", "given on, µs", "p99", "a second", "CPU, µs", "waiting")
    for name, each in found.items():
        offered, freed = each["offered_us"], each["freed_us"]
        cells = [offered["p50"], offered["p99"], each["offered_per_second"], freed["p50"], freed["p99"]]
        shown = [f"{cell:,.1f}" if isinstance(cell, float) else f"{cell:,}" for cell in cells]
        table.add_row(name, *shown, f"{each['freed_per_second']:,}", f"{each['cpu_us']:,}", f"{each['waiting']:,}")
    bench.console.print(table)


SECTION: Final = Section(
    "router",
    _run,
    (
        Goal("router: a decision, median in µs", ("router", "decisions", "aftercare", "median_us"), at_most=50.0),
        Goal("router: decisions a second", ("router", "decisions", "aftercare", "per_second"), at_least=20_000),
        Goal("router: assignments a second through Kafka", ("router", "kafka", "per_second"), at_least=5_000),
        Goal("router: offered → assigned, p99 in ms", ("router", "kafka", "assigned_ms", "p99"), at_most=100.0),
    ),
)
