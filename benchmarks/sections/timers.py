"""A million timers pending, a hundred thousand due in one second, a thousand a second; then restoring all of it."""

from __future__ import annotations

from statistics import median
from typing import Any, Final

from rich.console import Console

from benchmarks.engines.catalog import REMINDERS
from benchmarks.engines.progress import memory_bytes
from benchmarks.engines.running import started
from benchmarks.section import Bench, Goal, Section
from benchmarks.timers import Restored, TimerBed

BURST: Final = (100_000, 5_000)
PACE_PER_SECOND: Final = (1_000, 500)
PACE_SECONDS: Final = (20.0, 3.0)
RESTORES: Final = (3, 1)


def _run(bench: Bench) -> dict[str, Any]:
    form = int(bench.quick)
    pending = REMINDERS.events[form]
    with bench.broker("timers") as bootstrap:
        bed = TimerBed(bootstrap)
        with started(bed.order.group, REMINDERS.command(bed.order)) as running:
            set_per_second = bed.set_pending(running, pending)
            resident = memory_bytes(running.pid)
            burst = bed.let_come_due(running, BURST[form], 1.0)
            paced = bed.let_come_due(running, round(PACE_PER_SECOND[form] * PACE_SECONDS[form]), PACE_SECONDS[form])
        restores = [bed.restore() for _ in range(RESTORES[form])]
    keys = pending + burst.due + paced.due
    timers = {
        "pending": pending,
        "set_per_second": round(set_per_second),
        "resident_bytes": resident,
        "due_in_one_second": burst.figures,
        "paced": paced.figures | {"per_second": PACE_PER_SECOND[form]},
    }
    restore = _restore(keys, pending, restores)
    _show(bench.console, timers, restore)
    return {"timers": timers, "restore": restore}


def _restore(keys: int, timers: int, restores: list[Restored]) -> dict[str, Any]:
    return {
        "keys": keys,
        "timers": timers,
        "seconds": median(each.restore_seconds for each in restores),
        "seconds_of_rounds": [each.restore_seconds for each in restores],
        "seconds_from_process_start": median(each.start_seconds for each in restores),
        "resident_bytes": median(each.resident_bytes for each in restores),
    }


def _show(console: Console, timers: dict[str, Any], restore: dict[str, Any]) -> None:
    burst, paced = timers["due_in_one_second"], timers["paced"]
    console.print(f"{timers['pending']:,} timers pending, set at {timers['set_per_second']:,}/s")
    console.print(
        f"{burst['due']:,} due in one second: {burst['fired']:,} fired, {burst['doubled']} doubled, "
        f"{burst['early']} early, the last read {burst['seconds_to_last']} s after the first was due, "
        f"{burst['cpu_microseconds']} µs of CPU each"
    )
    console.print(f"lateness at {paced['per_second']:,}/s, in ms: {paced['lateness_ms']} ({paced['due']:,} timers)")
    console.print(
        f"restored {restore['keys']:,} keys with {restore['timers']:,} timers in {restore['seconds']} s "
        f"({restore['seconds_from_process_start']} s from the start of the process), "
        f"{restore['resident_bytes'] / 2**20:,.0f} MiB resident"
    )


SECTION: Final = Section(
    "timers",
    _run,
    (
        Goal("restore of 1 M keys with a timer each, in s", ("restore", "seconds"), at_most=15.0),
        Goal(
            "100,000 timers due in one second, s until the last was read",
            ("timers", "due_in_one_second", "seconds_to_last"),
            at_most=5.0,
        ),
        Goal(
            "the same, fired exactly once and none early", ("timers", "due_in_one_second", "exactly_once"), at_least=1.0
        ),
        Goal("timer lateness at 1,000/s, p99 in ms", ("timers", "paced", "lateness_ms", "p99"), at_most=150.0),
    ),
)
