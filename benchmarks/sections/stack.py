"""How long a customer's request takes to be somebody's, the whole stack on this machine, requests over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from rich.table import Table

from benchmarks import stack
from benchmarks.section import Bench, Goal, Section

PER_SECOND: Final = (100.0, 30.0)
SECONDS: Final = (20.0, 5.0)
WARM_UP_SECONDS: Final = (45.0, 5.0)
"""A broker that has just started compiles what it does on the cores that the stack needs: 45 s later it nearly has."""


def _run(bench: Bench) -> dict[str, Any]:
    form = int(bench.quick)
    run = stack.measure(PER_SECOND[form], SECONDS[form], WARM_UP_SECONDS[form])
    table = Table("span", "p50 ms", "p99 ms", "max ms")
    spans = {
        "request → 202": run.to_accepted_ms,
        "202 → assigned (written)": run.accepted_to_assigned_ms,
        "202 → assigned (seen, read_committed)": run.accepted_to_seen_ms,
    }
    for name, span in spans.items():
        table.add_row(name, *(f"{span[each]:,.0f}" for each in ("p50", "p99", "max")))
    bench.console.print(table)
    bench.console.print(
        f"{run.requests} requests at {run.accepted_per_second:g}/s (asked: {run.asked_per_second:g}/s), "
        f"{run.failed} failed, {run.unassigned} unassigned, {run.unaccounted} unaccounted"
    )
    spent = ", ".join(f"{name} {milliseconds:g}" for name, milliseconds in run.cpu_ms_a_ticket.items())
    bench.console.print(f"ms of CPU a ticket: {spent}")
    return {"stack": asdict(run)}


SECTION: Final = Section(
    "stack",
    _run,
    (
        Goal(
            "202 → assigned with everything running, p99 in ms",
            ("stack", "accepted_to_assigned_ms", "p99"),
            at_most=500.0,
        ),
        Goal("the same, requests that are not accounted for", ("stack", "unaccounted"), at_most=0.0),
    ),
)
