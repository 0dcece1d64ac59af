"""`python -m benchmarks [--quick] [--only SECTION]`: measure, show tables, write `build/bench/report.json`."""

import argparse
import faulthandler
import os
import sys
import time
import traceback
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.report import REPORT, Report, earlier
from benchmarks.section import Bench, Section
from benchmarks.sections import hop, memory, profile, router, scaling, sla, stack, throughput, timers
from benchmarks.tables import short
from deploy.local import jars
from deploy.local.errors import StackError
from deploy.local.folders import BUILD

SECTIONS: Final[tuple[Section, ...]] = (
    throughput.SECTION,
    hop.SECTION,
    timers.SECTION,
    memory.SECTION,
    scaling.SECTION,
    sla.SECTION,
    router.SECTION,
    stack.SECTION,
    profile.SECTION,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for; return the exit code: 0 when every section was measured."""
    faulthandler.enable()
    names = [section.name for section in SECTIONS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short form, to see that it runs")
    parser.add_argument("--only", choices=names, action="append", help="these alone; the report keeps the others")
    parsed = parser.parse_args(arguments)
    chosen = [section for section in SECTIONS if parsed.only is None or section.name in parsed.only]
    console = Console()
    try:
        jars.ensure()
    except StackError as error:
        console.print(f"error: {error}", soft_wrap=True, markup=False)
        return 1
    bench = Bench(console, quick=parsed.quick)
    goals = [goal for section in SECTIONS for goal in section.goals]
    kept = earlier(quick=bench.quick) if parsed.only else None
    report = Report(goals, quick=bench.quick, earlier=kept)
    for section in chosen:
        _measure(section, report, bench)
    _show_goals(report, console, quick=bench.quick)
    console.print(f"written to {REPORT.relative_to(BUILD.parent)}")
    return 1 if report.failed else 0


def _measure(section: Section, report: Report, bench: Bench) -> None:
    form = " --quick" if bench.quick else ""
    bench.console.rule(f"{section.name}   python -m benchmarks --only {section.name}{form}")
    began, (load, _, _) = time.monotonic(), os.getloadavg()
    report.begin(section)
    try:
        report.add(section, section.run(bench), time.monotonic() - began, load)
    except Exception as error:  # noqa: BLE001 - whatever a section raises, the others are measured
        report.fail(section, error)
        bench.console.print(traceback.format_exc(), soft_wrap=True, markup=False)
    for part, failure in bench.failures:
        report.fail(section, failure, part)
    bench.failures.clear()
    report.write()


def _show_goals(report: Report, console: Console, *, quick: bool) -> None:
    table = Table(
        "goal", "wanted", "measured", "", title="goals (of the quick form, which proves nothing)" if quick else "goals"
    )
    for goal in report.goals():
        measured = short(goal["measured"]) if goal["measured"] is not None else "not measured"
        table.add_row(goal["what"], goal["wanted"], measured, {True: "met", False: "missed", None: ""}[goal["met"]])
    if table.row_count:
        console.print(table)
    for name, error in report.failed.items():
        console.print(f"failed: {name}: {error}", soft_wrap=True, markup=False)


if __name__ == "__main__":
    sys.exit(main())
