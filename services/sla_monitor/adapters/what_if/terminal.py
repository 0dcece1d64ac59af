"""The report on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from schemas.vocabulary import Language
from services.sla_monitor.adapters.what_if.report import Attainment, Report
from services.sla_monitor.adapters.what_if.words import WORDS, duration, percent, points
from services.sla_monitor.domain.target_names import target_name

MOVED_SHOWN = 10
_SHADES = " ░▒▓█"


def show(report: Report, lang: Language, console: Console) -> None:
    """Print the report."""
    words = WORDS[lang]
    console.rule(f"{words['title']}: {report.policy_id} v{report.policy_version} {report.title}")
    console.print(
        f"{report.tickets:,} {words['tickets']}, {report.events:,} {words['events']} · "
        f"{words['period']} {report.since[:10]} – {report.until[:10]} · "
        f"{report.tickets_changed:,} {words['changed']}",
        highlight=False,
    )
    console.print(_attainment(report.overall, "", lang))
    for dimension in ("level", "team"):
        rows = [row for row in report.attainment if row.dimension == dimension]
        console.print(_attainment(rows, dimension, lang))
    console.print(_directions(report, words))
    console.print(_moved(report, lang))
    _print_pressure(report, words, console)
    if report.skipped.count:
        console.print(f"{words['skipped']}: {report.skipped.count:,}", style="yellow", highlight=False)
        for line in report.skipped.shown:
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _attainment(rows: list[Attainment], dimension: str, lang: Language) -> Table:
    words = WORDS[lang]
    table = Table(title=words.get(f"by_{dimension}", words["attainment"]))
    if dimension:
        table.add_column(words[dimension])
    table.add_column(words["target"])
    for name in ("now", "then", "difference"):
        table.add_column(words[name], justify="right")
    for row in rows:
        change = points(row.now.attainment, row.then.attainment)
        colour = "red" if change.startswith("-") else "green"
        cells = [target_name(lang, row.target), percent(row.now.attainment), percent(row.then.attainment)]
        table.add_row(*([row.group] if dimension else []), *cells, f"[{colour}]{change}[/]")
    return table


def _directions(report: Report, words: dict[str, str]) -> Table:
    table = Table(words["now"], words["then"], title=words["directions"])
    table.add_column("", justify="right")
    for way in report.directions:
        table.add_row(words[way.now], words[way.then], f"{way.clocks:,}")
    return table


def _moved(report: Report, lang: Language) -> Table:
    words = WORDS[lang]
    columns = (words[name] for name in ("ticket", "level", "target", "team", "now", "then", "over"))
    table = Table(*columns, title=words["moved"])
    for row in report.moved[:MOVED_SHOWN]:
        over = words["late" if row.over_seconds > 0 else "left"].format(time=duration(row.over_seconds))
        target = target_name(lang, row.target)
        table.add_row(row.ticket_id, row.priority, target, row.team, words[row.now], words[row.then], over)
    return table


def _print_pressure(report: Report, words: dict[str, str], console: Console) -> None:
    console.print(f"[bold]{words['pressure']}[/] ({report.pressure.timezone})", highlight=False)
    most = max(
        (hour for week in (report.pressure.now, report.pressure.then) for day in week for hour in day), default=0
    )
    for side in ("now", "then"):
        console.print(words[side], highlight=False)
        week: list[list[float]] = getattr(report.pressure, side)
        for name, day in zip(words["days"].split(), week, strict=True):
            console.print(f"  {name} {''.join(_shade(hour, most) for hour in day)}", highlight=False)


def _shade(value: float, most: float) -> str:
    step = 0 if most <= 0 else min(round(value / most * (len(_SHADES) - 1) + 0.3), len(_SHADES) - 1)
    return _SHADES[step] * 2
