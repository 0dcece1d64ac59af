"""Events a second of one processor process, beside the limit of its client."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from rich.table import Table

from benchmarks import throughput
from benchmarks.section import Bench, Section


def _run(bench: Bench) -> dict[str, Any]:
    events, rounds = (50_000, 1) if bench.quick else (400_000, 3)
    with bench.broker("throughput") as bootstrap:
        speeds = throughput.measure(bootstrap, events, rounds)
    table = Table("engine", "events", "events/s", "µs of CPU an event")
    for speed in speeds:
        table.add_row(
            speed.engine, str(speed.events), f"{speed.events_per_second:,.0f}", f"{speed.cpu_microseconds:.1f}"
        )
    bench.console.print(table)
    return {"throughput": [asdict(speed) for speed in speeds]}


SECTION: Final = Section("throughput", _run)
