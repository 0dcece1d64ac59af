"""`python -m benchmarks [--quick]`: every measurement in one run, as tables and as `build/bench/report.json`."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks import latency, throughput
from deploy.local import jars
from deploy.local.errors import StackError
from deploy.local.folders import BUILD, STACKS
from deploy.local.kafka import Kafka
from deploy.local.register import claim, write_json

REPORT: Final = BUILD / "bench" / "report.json"
SECTIONS: Final = ("throughput", "latency")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short form, to see that it runs")
    parser.add_argument("--only", choices=SECTIONS, help="one section")
    parsed = parser.parse_args(arguments)
    console = Console()
    numbers: dict[str, Any] = {"quick": parsed.quick, "cpus": os.cpu_count()}
    measures = {"throughput": _throughput, "latency": _latency}
    try:
        for section in [parsed.only] if parsed.only else SECTIONS:
            command = f"python -m benchmarks --only {section}{' --quick' if parsed.quick else ''}"
            console.print(f"[bold]{section}[/]  {command}")
            numbers[section] = {"command": command, "runs": measures[section](console, quick=parsed.quick)}
    except StackError as error:
        console.print(f"error: {error}", soft_wrap=True, markup=False)
        return 1
    write_json(REPORT, numbers)
    console.print(f"written to {_shown(REPORT)}")
    return 0


def _throughput(console: Console, *, quick: bool) -> list[dict[str, Any]]:
    """Our processor beside a bare loop, on a broker of their own."""
    events, rounds = (50_000, 1) if quick else (400_000, 3)
    jars.ensure()
    folder = STACKS / "bench-throughput"
    kafka = Kafka(folder / "kafka", started=claim(folder, detached=False).add)
    try:
        kafka.start()
        kafka.wait_ready()
        speeds = throughput.measure(kafka.bootstrap, events, rounds)
    finally:
        kafka.stop()
    table = Table("engine", "events", "events/s", "µs of CPU an event")
    for speed in speeds:
        table.add_row(
            speed.engine, str(speed.events), f"{speed.events_per_second:,.0f}", f"{speed.cpu_microseconds:.1f}"
        )
    console.print(table)
    return [asdict(speed) for speed in speeds]


def _latency(console: Console, *, quick: bool) -> list[dict[str, Any]]:
    """The whole stack on this machine, requests over HTTP."""
    per_second, seconds = (30.0, 5.0) if quick else (100.0, 20.0)
    run = latency.measure(per_second, seconds)
    table = Table("span", "p50 ms", "p99 ms", "max ms")
    spans = {
        "request → 202": run.to_accepted_ms,
        "202 → assigned (written)": run.accepted_to_assigned_ms,
        "202 → assigned (seen, read_committed)": run.accepted_to_seen_ms,
    }
    for name, span in spans.items():
        table.add_row(name, *(f"{span[each]:,.0f}" for each in ("p50", "p99", "max")))
    console.print(table)
    console.print(
        f"{run.requests} requests at {run.accepted_per_second:g}/s (asked: {run.asked_per_second:g}/s), "
        f"{run.failed} failed, {run.unassigned} unassigned, {run.unaccounted} unaccounted"
    )
    spent = ", ".join(f"{name} {milliseconds:g}" for name, milliseconds in run.cpu_ms_a_ticket.items())
    console.print(f"ms of CPU a ticket: {spent}")
    return [asdict(run)]


def _shown(path: Path) -> str:
    return str(path.relative_to(BUILD.parent))


if __name__ == "__main__":
    sys.exit(main())
