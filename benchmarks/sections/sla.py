"""SLA clocks: business time beside the peers of the Python index, a replay's speed, and a million tickets' clocks."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from dataclasses import asdict
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from benchmarks.clocks import ClockBed
from benchmarks.engines.catalog import CLOCKS, PEERS_PYTHON
from benchmarks.engines.clocks import POOLS
from benchmarks.engines.progress import memory_bytes
from benchmarks.engines.running import started
from benchmarks.section import Bench, Goal, Section
from benchmarks.sla_history import history
from deploy.local.folders import REPOSITORY

OPEN: Final = (1_000_000, 20_000)
BURST: Final = (100_000, 5_000)
PACE_PER_SECOND: Final = (2_000, 500)
PACE_SECONDS: Final = (20.0, 3.0)
REPLAYED: Final = (40_000, 2_000)
ROUNDS: Final = (7, 3)
OURS: Final = "aftercare"
OURS_BARE: Final = "aftercare, instants in µs"
PROPOSAL: Final = REPOSITORY / "docs" / "what-if" / "proposed.yaml"
DIRECTORY: Final = REPOSITORY / "deploy" / "local" / "demo" / "directory.yaml"
_PEER_SECONDS: Final = 300


def _run(bench: Bench) -> dict[str, Any]:
    form = int(bench.quick)
    found: dict[str, Any] = {}
    parts = (("calendar", _calendar), ("what_if", _what_if), ("clocks", _clocks))
    for name, measure in parts:
        try:
            found[name] = measure(bench, form)
        except Exception as error:  # noqa: BLE001 - whatever a part raises, the others are measured
            bench.note_failure(name, error)
    return {"sla": found}


def _calendar(bench: Bench, form: int) -> dict[str, Any]:
    """Every peer in the peers' own environment, ours beside them in the same process."""
    python = PEERS_PYTHON if PEERS_PYTHON.is_file() else Path(sys.executable)
    order = json.dumps({"rounds": ROUNDS[form], "questions": 2_000})
    command = [str(python), "-m", "benchmarks.engines.calendars", order]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, timeout=_PEER_SECONDS, check=True)
    ways = {way["name"]: way for way in json.loads(run.stdout)}
    for way in ways.values():
        for what in ("between", "add"):
            mine = ways[OURS_BARE].get(f"{what}_us")
            theirs = way.get(f"{what}_us")
            if mine and theirs and way["name"] not in {OURS, OURS_BARE}:
                way[f"{what}_ratio"] = round(theirs / mine, 1)
    table = Table("business time", "between, µs", "add, µs", "times ours", "agrees", "what it counts")
    for way in ways.values():
        ratios = [f"{way[name]:g}" for name in ("between_ratio", "add_ratio") if name in way]
        cells = [str(way.get(name, "")) for name in ("between_us", "add_us")]
        agrees = way.get("agrees")
        table.add_row(
            way["name"], *cells, " / ".join(ratios), "" if agrees is None else f"{agrees:.0%}", way.get("counts", "")
        )
    bench.console.print(table)
    known = ways.get("businesstimedelta", {})
    ratios = [known[name] for name in ("between_ratio", "add_ratio") if name in known]
    mine = ways[OURS_BARE]
    return {
        "ways": list(ways.values()),
        "slower_of_ours_us": max(mine["between_us"], mine["add_us"]),
        "times_businesstimedelta": min(ratios) if ratios else None,
    }


def _what_if(bench: Bench, form: int) -> dict[str, Any]:
    """A replay of a seeded quarter under the sample proposal, from a file, the report included."""
    from services.sla_monitor.adapters.what_if.command import what_if  # noqa: PLC0415 - rich and jinja2, only here

    tickets = REPLAYED[form]
    start = datetime(2026, 7, 1, tzinfo=UTC)
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "events.jsonl"
        events = [told.value for told in history(tickets, 7, start, 92)]
        lines.write_bytes(b"\n".join(events))
        given = ["--policy", str(PROPOSAL), "--since", "2026-07-01", "--until", "2026-10-01", "--input", str(lines)]
        began = time.monotonic()
        with redirect_stdout(StringIO()):
            what_if([*given, "--directory", str(DIRECTORY), "--html", str(Path(folder) / "report.html")])
        seconds = time.monotonic() - began
    per_minute = round(60 * tickets / seconds)
    bench.console.print(f"what-if: {tickets:,} tickets, {len(events):,} events in {seconds:.1f} s: {per_minute:,}/min")
    return {"tickets": tickets, "events": len(events), "seconds": round(seconds, 2), "tickets_per_minute": per_minute}


def _clocks(bench: Bench, form: int) -> dict[str, Any]:
    """The monitor's process on a real broker."""
    with bench.broker("sla") as bootstrap:
        bed = ClockBed(bootstrap)
        with started(bed.order.group, CLOCKS.command(bed.order)) as running:
            opened_per_second = bed.open(running, OPEN[form])
            resident = memory_bytes(running.pid)
            burst, surged = bed.let_come_due(running, BURST[form], 1.0, POOLS)
            paced, _ = bed.let_come_due(running, round(PACE_PER_SECOND[form] * PACE_SECONDS[form]), PACE_SECONDS[form])
        restored = bed.restore()
    clocks = {
        "open": OPEN[form],
        "opened_per_second": round(opened_per_second),
        "resident_bytes": resident,
        "due_in_one_second": burst.figures,
        "surges": asdict(surged) | {"exactly_once": surged.is_exact(burst.due, POOLS)},
        "paced": paced.figures | {"per_second": PACE_PER_SECOND[form]},
        "restore": asdict(restored) | {"tickets": OPEN[form] + burst.due + paced.due},
    }
    _show(bench, clocks)
    return clocks


def _show(bench: Bench, clocks: dict[str, Any]) -> None:
    burst, paced, restore = clocks["due_in_one_second"], clocks["paced"], clocks["restore"]
    bench.console.print(
        f"{clocks['open']:,} tickets open, taken at {clocks['opened_per_second']:,}/s, "
        f"{clocks['resident_bytes'] / 2**20:,.0f} MiB resident"
    )
    bench.console.print(
        f"{burst['due']:,} due in one second: {burst['fired']:,} breached, {burst['doubled']} doubled, "
        f"{burst['early']} early, the last read {burst['seconds_to_last']} s after the first was due, "
        f"{burst['cpu_microseconds']} µs of CPU each, {burst['thread_microseconds']} µs in each processor's thread"
    )
    surges = clocks["surges"]
    bench.console.print(
        f"{surges['tallied']:,} tallied, {surges['told']} surges told, {surges['doubled']} doubled, the last of them "
        f"read {surges['seconds_to_last']} s after the first breach was due"
    )
    bench.console.print(
        f"lateness at {paced['per_second']:,}/s, in ms: {paced['lateness_ms']} ({paced['due']:,} targets)"
    )
    bench.console.print(f"restored {restore['tickets']:,} tickets in {restore['restore_seconds']} s")


SECTION: Final = Section(
    "sla",
    _run,
    (
        Goal("business time, the slower of both, in µs", ("sla", "calendar", "slower_of_ours_us"), at_most=2.0),
        Goal(
            "times faster than businesstimedelta, the lesser",
            ("sla", "calendar", "times_businesstimedelta"),
            at_least=100.0,
        ),
        Goal("what-if, tickets a minute", ("sla", "what_if", "tickets_per_minute"), at_least=100_000),
        Goal("1 M open tickets, resident bytes", ("sla", "clocks", "resident_bytes"), at_most=1.5e9),
        Goal("their restore, in s", ("sla", "clocks", "restore", "restore_seconds"), at_most=30.0),
        Goal(
            "100,000 targets due in one second, s until the last breach was read",
            ("sla", "clocks", "due_in_one_second", "seconds_to_last"),
            at_most=5.0,
        ),
        Goal(
            "the same, exactly once and none early",
            ("sla", "clocks", "due_in_one_second", "exactly_once"),
            at_least=1.0,
        ),
        Goal(
            "each of these breaches tallied once, each pool's surge told once",
            ("sla", "clocks", "surges", "exactly_once"),
            at_least=1.0,
        ),
        Goal("lateness at 2,000 due/s, p99 in ms", ("sla", "clocks", "paced", "lateness_ms", "p99"), at_most=200.0),
    ),
)
