"""The boards as one HTML page, for whoever has Prometheus and no Grafana: the panels' own queries, drawn plainly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Final

from jinja2 import Environment, StrictUndefined

from deploy.monitoring.panels import Board, Panel, Unit
from deploy.monitoring.series import Prometheus, Series, Stretch

WIDTH: Final = 360
HEIGHT: Final = 130
COLORS: Final = ("#2f6fbf", "#d9822b", "#3a9a5b", "#b3446c", "#7a5cc0", "#5b8c8c", "#a88b2c", "#6b7280")
LEGEND_MAX: Final = 8
WHOLE_FROM: Final = 100
"""From here on fractions say nothing."""


@dataclass(frozen=True)
class Line:
    """A series as SVG: its `points`, colour and name; the last value and the highest for people."""

    points: str
    color: str
    name: str
    last: str
    highest: str


@dataclass(frozen=True)
class Drawn:
    """A panel ready for the template. `more` lines are drawn and not named."""

    panel: Panel
    value: str
    level: str
    top: str
    lines: Sequence[Line]
    more: int


def page(boards: Sequence[Board], prometheus: Prometheus, stretch: Stretch) -> str:
    """The page; raises `series.PrometheusError`."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(resources.files(__package__).joinpath("preview.html").read_text("utf-8"))
    drawn = [
        (
            board,
            [
                (row, [_drawn(panel, prometheus.lines(panel, stretch), stretch) for panel in row.panels])
                for row in board.rows
            ],
        )
        for board in boards
    ]
    clock = [datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S") for at in (stretch.begins_at, stretch.ends_at)]
    day = datetime.fromtimestamp(stretch.ends_at, UTC).strftime("%Y-%m-%d")
    return template.render(boards=drawn, width=WIDTH, height=HEIGHT, begins=clock[0], ends=clock[1], day=day)


def _drawn(panel: Panel, series: Sequence[Series], stretch: Stretch) -> Drawn:
    ordered = sorted(series, key=_highest, reverse=True)
    top = _top(panel, ordered)
    last = ordered[0].points[-1][1] if ordered else 0.0
    lines = [
        Line(
            points=_points(each, stretch, top),
            color=COLORS[number % len(COLORS)],
            name=each.name,
            last=written(each.points[-1][1], panel.unit),
            highest=written(_highest(each), panel.unit),
        )
        for number, each in enumerate(ordered)
    ]
    return Drawn(
        panel=panel,
        value=" · ".join(f"{line.name} {line.last}" for line in lines) if len(lines) > 1 else written(last, panel.unit),
        level=_level(panel, last),
        top=written(top, panel.unit),
        lines=lines,
        more=max(0, len(lines) - LEGEND_MAX),
    )


def _top(panel: Panel, series: Sequence[Series]) -> float:
    highest = max(map(_highest, series), default=0.0)
    if panel.unit == "percentunit":
        return max(1.0, highest)
    return highest if highest > 0 else 1.0


def _highest(series: Series) -> float:
    return max(value for _, value in series.points)


def _points(series: Series, stretch: Stretch, top: float) -> str:
    seconds = stretch.ends_at - stretch.begins_at
    return " ".join(
        f"{(at - stretch.begins_at) / seconds * WIDTH:.1f},{HEIGHT - max(0.0, value) / top * HEIGHT:.1f}"
        for at, value in series.points
    )


def _level(panel: Panel, value: float) -> str:
    if panel.limits is None:
        return "plain"
    amber, red = panel.limits
    return "red" if value >= red else "amber" if value >= amber else "green"


def written(value: float, unit: Unit) -> str:
    """A value for people."""
    match unit:
        case "percentunit":
            return f"{value:.1%}"
        case "s":
            return _span(value)
        case "bytes":
            return f"{value / 2**20:.0f} MiB" if value >= 2**20 else f"{value / 2**10:.1f} KiB"
        case "reqps":
            return f"{value:.2f}/s"
        case _:
            return f"{value:,.0f}" if value == int(value) or value >= WHOLE_FROM else f"{value:.2f}"


def _span(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1_000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < WHOLE_FROM else f"{seconds / 60:.0f} min"
