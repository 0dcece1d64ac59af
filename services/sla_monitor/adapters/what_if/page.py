"""The report as one HTML file: plots inline, no script, nothing fetched."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from schemas.vocabulary import Language
from services._runtime.web.plots import Line, Pole, dumbbells, heat, heat_difference, trend
from services._runtime.web.templates import report_css, templates_of
from services.sla_monitor.adapters.what_if.report import Attainment, Report
from services.sla_monitor.adapters.what_if.words import WORDS, duration, percent, points
from services.sla_monitor.domain.target_names import target_name

MOVED_SHOWN: Final = 40
HEADLINE_TARGETS: Final = ("first_response", "next_response", "resolution")
TREND_TARGETS: Final = ("first_response", "resolution")


def render(report: Report, lang: Language) -> str:
    """The page in one language."""
    words = WORDS[lang]
    zone = ZoneInfo(report.pressure.timezone)
    environment = templates_of("services.sla_monitor")
    environment.filters |= {
        "percent": percent,
        "duration": duration,
        "moment": lambda text: datetime.fromisoformat(text).astimezone(zone).strftime("%m-%d %H:%M"),
        "count": lambda number: f"{number:,}",
    }
    return environment.get_template(
        "what_if.html"
    ).render(
        report=report,
        words=words,
        lang=lang.value,
        style=Markup(report_css()),  # noqa: S704 - our own file
        target_word=lambda target: target_name(lang, target),
        points=points,
        headline=[row for row in report.overall if row.target in HEADLINE_TARGETS],
        moved=report.moved[:MOVED_SHOWN],
        **_plots(report, lang),
    )


def _plots(report: Report, lang: Language) -> dict[str, Any]:
    words = WORDS[lang]
    days = words["days"].split()
    pressure = report.pressure
    most = max((hour for week in (pressure.now, pressure.then) for day in week for hour in day), default=0.0)
    plots = {
        "heat_now": heat(pressure.now, most, days, words["now"]),
        "heat_then": heat(pressure.then, most, days, words["then"]),
        "heat_difference": heat_difference(pressure.now, pressure.then, days, words["difference"]),
        "trend": _trend(report, lang),
    }
    return {
        # Made of numbers and of texts that `plots` escapes.
        **{name: Markup(svg) for name, svg in plots.items()},  # noqa: S704
        "by_level": _by(report, "level", lang),
        "by_team": _by(report, "team", lang),
    }


def _by(report: Report, dimension: str, lang: Language) -> list[tuple[str, Markup]]:
    """A plot for each target that the proposal moves, and for those that everyone asks about."""
    plots = []
    for target in dict.fromkeys(row.target for row in report.overall):
        rows = [row for row in report.attainment if row.dimension == dimension and row.target == target]
        moves = any(row.now.attainment != row.then.attainment for row in rows)
        if moves or target in HEADLINE_TARGETS:
            name = target_name(lang, target)
            svg = dumbbells([_pole(row) for row in rows], f"{WORDS[lang][f'by_{dimension}']}: {name}")
            plots.append((name, Markup(svg)))  # noqa: S704 - see `_plots`
    return plots


def _pole(row: Attainment) -> Pole:
    now, then = row.now.attainment, row.then.attainment
    return Pole(row.group, now, then, f"{percent(then)}  {points(now, then)}")


def _trend(report: Report, lang: Language) -> str:
    weeks = sorted({row.group for row in report.weeks})
    lines = []
    for target in TREND_TARGETS:
        by_week = {row.group: row for row in report.weeks if row.target == target}
        shares = {
            side: [getattr(by_week[week], side).attainment if week in by_week else None for week in weeks]
            for side in ("now", "then")
        }
        lines.append(Line(target_name(lang, target), shares["now"], shares["then"]))
    return trend(weeks, lines, WORDS[lang]["by_week"])
