"""Events a second of one, two and four processes that share the partitions of one input, and what the cores did."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final

from rich.table import Table

from benchmarks.engines.catalog import AFTERCARE
from benchmarks.engines.progress import Sample, between
from benchmarks.engines.running import order_for, started, statuses, watched
from benchmarks.section import Bench, Section
from benchmarks.topics import delete_topics, make_topics
from benchmarks.work import PARTITIONS, commands, fill

PROCESSES: Final = ((1, 2, 4), (1, 2))
EVENTS: Final = (1_400_000, 200_000)
NEARLY_ALL: Final = 0.9
COLUMNS: Final = ("events_per_second", "cpu_microseconds", "cores", "machine_cores")
COMMANDS: Final = "scaling-commands"


def _run(bench: Bench) -> dict[str, Any]:
    form = int(bench.quick)
    found: dict[str, dict[str, float]] = {}
    with bench.broker("scaling") as bootstrap:
        make_topics(bootstrap, COMMANDS)
        fill(bootstrap, COMMANDS, commands(EVENTS[form]))
        for processes in PROCESSES[form]:
            found[str(processes)] = _measure(bootstrap, processes, EVENTS[form])
    table = Table("processes", "events/s", "µs of CPU an event", "cores: ours", "cores: whole machine")
    for name, numbers in found.items():
        table.add_row(name, *(f"{numbers[column]:,}" for column in COLUMNS))
    bench.console.print(table)
    return {"scaling": found}


def _measure(bootstrap: str, processes: int, events: int) -> dict[str, float]:
    """Run so many processes, and count from when each has its share of the partitions until one runs dry."""
    order = order_for(AFTERCARE, bootstrap, COMMANDS)
    names = [f"{order.group}-{number}" for number in range(processes)]
    with ExitStack() as stack:
        running = [
            stack.enter_context(started(name, AFTERCARE.command(replace(order, instance=str(number)))))
            for number, name in enumerate(names)
        ]
        samples = watched(order, events, running)
        first, last = _steady(samples, _shared_at(names, processes), events)
    delete_topics(bootstrap, order.group)
    stretch = between(first, last)
    return {
        "events": stretch.events,
        "events_per_second": round(stretch.events_per_second),
        "cpu_microseconds": round(stretch.cpu_microseconds, 2),
        "cores": round(stretch.cpu_seconds / stretch.seconds, 2),
        "machine_cores": round(stretch.machine_cores, 2),
    }


def _shared_at(names: Sequence[str], processes: int) -> float:
    """Return when every process had its share of the partitions, seconds of the monotonic clock."""
    share = PARTITIONS // processes
    return max(at for name in names for at, status in statuses(name) if _partitions(status) == share)


def _partitions(status: str) -> int:
    return status.count(",") + 1 if status.startswith("running [") and not status.endswith("[]") else 0


def _steady(samples: Sequence[Sample], from_seconds: float, events: int) -> tuple[Sample, Sample]:
    first = next(sample for sample in samples if sample.at_seconds >= from_seconds and sample.committed)
    last = next(sample for sample in samples if sample.committed >= events * NEARLY_ALL)
    return first, last


SECTION: Final = Section("scaling", _run)
