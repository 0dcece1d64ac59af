"""The report as one HTML file: plots inline, no script, nothing fetched."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from schemas.vocabulary import Language
from services._runtime.web.plots import Bar, Series, bars, curves
from services._runtime.web.templates import report_css, templates_of
from services.router.adapters.what_if.report import Report
from services.router.adapters.what_if.words import WORDS, percent, points, wait

PEOPLE_SHOWN: Final = 40


def render(report: Report, lang: Language) -> str:
    """The page in one language."""
    words = WORDS[lang]
    environment = templates_of("services.router")
    environment.filters |= {"percent": percent, "wait": wait, "count": lambda number: f"{number:,}"}
    waits = [
        Bar(
            row.priority or words["all"],
            row.now.mean_seconds,
            row.then.mean_seconds,
            wait(row.now.mean_seconds),
            wait(row.then.mean_seconds),
        )
        for row in report.waits
    ]
    people = [
        Bar(
            each.technician_id,
            each.now_share or 0.0,
            each.then_share or 0.0,
            *map(percent, (each.now_share, each.then_share)),
        )
        for each in report.carried[:PEOPLE_SHOWN]
    ]
    series = Series(report.waiting_now, report.waiting_then)
    return environment.get_template("what_if.html").render(
        report=report,
        words=words,
        lang=lang.value,
        points=points,
        total=report.waits[0],
        style=Markup(report_css()),  # noqa: S704 - our own file
        # Made of numbers and of texts that `plots` escapes.
        waits_plot=Markup(bars(waits, words["by_priority"])),  # noqa: S704 - see above
        queue_plot=Markup(curves(report.times, series, words["queue"])),  # noqa: S704 - see above
        people_plot=Markup(bars(people, words["carried"])),  # noqa: S704 - see above
    )
