"""The report on a terminal."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table

from schemas.vocabulary import Language
from services.router.adapters.what_if.report import Report, WaitRow
from services.router.adapters.what_if.words import WORDS, percent, wait

PEOPLE_SHOWN: Final = 15


def show(report: Report, lang: Language, console: Console) -> None:
    """Print the report."""
    words = WORDS[lang]
    console.rule(f"{words['title']}: {report.title}")
    console.print(
        f"{report.tickets:,} {words['tickets']}, {report.pieces:,} {words['pieces']} · {', '.join(report.pools)} · "
        f"{words['period']} {report.since[:16]} – {report.until[:16]}",
        highlight=False,
    )
    console.print(_waits(report, words))
    console.print(
        f"{words['recorded']}: {words['wait_mean']} {wait(report.recorded.mean_seconds)}, "
        f"{words['wait_p90']} {wait(report.recorded.p90_seconds)}",
        style="dim",
        highlight=False,
    )
    console.print(_people(report, words))
    now, then = report.spread_now, report.spread_then
    console.print(f"{words['spread']}: {percent(now.deviation)} → {percent(then.deviation)}", highlight=False)
    if report.unreadable:
        console.print(f"{words['unreadable']}: {report.unreadable:,}", style="yellow", highlight=False)


def _waits(report: Report, words: dict[str, str]) -> Table:
    table = Table(words["priority"])
    for name in ("wait_mean", "wait_p90", "waiting", "breached", "attainment"):
        table.add_column(words[name], justify="right")
    for row in report.waits:
        table.add_row(row.priority or words["all"], *_cells(row))
    return table


def _cells(row: WaitRow) -> list[str]:
    now, then = row.now, row.then
    pairs = (
        (wait(now.mean_seconds), wait(then.mean_seconds)),
        (wait(now.p90_seconds), wait(then.p90_seconds)),
        (str(now.waiting), str(then.waiting)),
        (str(row.now_breaches.breached), str(row.then_breaches.breached)),
        (percent(row.now_breaches.attainment), percent(row.then_breaches.attainment)),
    )
    return [f"{before} → {after}" for before, after in pairs]


def _people(report: Report, words: dict[str, str]) -> Table:
    table = Table(words["technician"], title=words["carried"])
    for name in ("assignments", "load"):
        table.add_column(words[name], justify="right")
    for each in report.carried[:PEOPLE_SHOWN]:
        given = f"{_count(each.now_assignments)} → {_count(each.then_assignments)}"
        table.add_row(each.technician_id, given, f"{percent(each.now_share)} → {percent(each.then_share)}")
    return table


def _count(number: int | None) -> str:
    return "—" if number is None else str(number)
