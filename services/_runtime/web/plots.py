"""Plots as inline SVG, without a script: values are in titles too, colours come from the page's style sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Final, NamedTuple

LABEL_WIDTH: Final = 118
PLOT_WIDTH: Final = 470
VALUE_WIDTH: Final = 132
ROW_HEIGHT: Final = 26
CELL: Final = 25
BAR_HEIGHT: Final = 11
BAR_ROW_HEIGHT: Final = 34
CURVE_TICKS: Final = 4
CURVE_LABELS_MAX: Final = 8
TREND_HEIGHT: Final = 190
_HOURS_A_DAY: Final = 24


class Pole(NamedTuple):
    """A row of `dumbbells`: shares from 0 to 1, None where there is nothing to show."""

    label: str
    now: float | None
    then: float | None
    note: str


class Line(NamedTuple):
    """A pair of curves of `trend`: shares by week."""

    name: str
    now: Sequence[float | None]
    then: Sequence[float | None]


def dumbbells(rows: Sequence[Pole], title: str) -> str:
    """One row a group: where its share stood, and where it would stand."""
    shown = [row for row in rows if row.now is not None or row.then is not None]
    low = _low([share for row in shown for share in (row.now, row.then)])
    height = ROW_HEIGHT * len(shown) + 26
    parts = [_open(LABEL_WIDTH + PLOT_WIDTH + VALUE_WIDTH, height, title)]
    for tick in _ticks(low):
        x = _x(tick, low)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{height - 20}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{height - 6}" text-anchor="middle">{100 * tick:.0f} %</text>')
    for number, row in enumerate(shown):
        parts += _pole(row, low, ROW_HEIGHT * number + ROW_HEIGHT / 2 + 4)
    return "".join((*parts, "</svg>"))


def _pole(row: Pole, low: float, y: float) -> list[str]:
    end = LABEL_WIDTH + PLOT_WIDTH + 16
    parts = [f'<text class="label" x="{LABEL_WIDTH - 14}" y="{y + 4:.0f}" text-anchor="end">{escape(row.label)}</text>']
    parts.append(f'<text class="value" x="{end}" y="{y + 4:.0f}">{escape(row.note)}</text>')
    if row.now is not None and row.then is not None:
        way = "worse" if row.then < row.now else "better"
        x1, x2 = _x(row.now, low), _x(row.then, low)
        parts.append(f'<line class="way {way}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y}" y2="{y}"/>')
    for side, share in (("now", row.now), ("then", row.then)):
        if share is not None:
            x = _x(share, low)
            parts.append(
                f'<circle class="{side}" cx="{x:.1f}" cy="{y}" r="5.5"><title>{100 * share:.1f} %</title></circle>'
            )
    return parts


def heat(week: Sequence[Sequence[float]], most: float, days: Sequence[str], title: str) -> str:
    """Seven days of 24 hours, the darker the more."""
    return _cells(week, days, title, lambda value: ("heat", value / most if most > 0 else 0.0))


def heat_difference(
    now: Sequence[Sequence[float]], then: Sequence[Sequence[float]], days: Sequence[str], title: str
) -> str:
    """Where there would be more (warm) or less (cool)."""
    week = [[after - before for before, after in zip(*pair, strict=True)] for pair in zip(now, then, strict=True)]
    most = max((abs(value) for day in week for value in day), default=0.0)
    return _cells(
        week,
        days,
        title,
        lambda value: ("more" if value > 0 else "less", abs(value) / most if most > 0 else 0.0),
        sign="+",
    )


def trend(weeks: Sequence[str], lines: Sequence[Line], title: str) -> str:
    """Shares by week: today's dashed, the proposal's drawn through."""
    width = LABEL_WIDTH + PLOT_WIDTH + VALUE_WIDTH
    low = _low([share for line in lines for share in (*line.now, *line.then)])
    parts = [_open(width, TREND_HEIGHT + 28, title)]
    for tick in _ticks(low):
        y = _y(tick, low)
        parts.append(
            f'<line class="grid" x1="{LABEL_WIDTH - 50}" x2="{LABEL_WIDTH + PLOT_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(
            f'<text class="tick" x="{LABEL_WIDTH - 58}" y="{y + 4:.1f}" text-anchor="end">{100 * tick:.0f} %</text>'
        )
    step = PLOT_WIDTH / max(len(weeks) - 1, 1)
    for number in range(0, len(weeks), max(1, len(weeks) // 6)):
        x = LABEL_WIDTH - 40 + step * number * 0.94 + 20
        week = escape(weeks[number][5:])
        parts.append(f'<text class="tick" x="{x:.1f}" y="{TREND_HEIGHT + 22}" text-anchor="middle">{week}</text>')
    for number, line in enumerate(lines):
        parts += _curve(line, number, "now", step, low)
        parts += _curve(line, number, "then", step, low)
    return "".join((*parts, "</svg>"))


def _curve(line: Line, number: int, side: str, step: float, low: float) -> list[str]:
    shares = line.now if side == "now" else line.then
    points = [
        (LABEL_WIDTH - 20 + step * place * 0.94, _y(share, low), share)
        for place, share in enumerate(shares)
        if share is not None
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    parts = [f'<polyline class="curve {side} curve-{number}" points="{path}"/>']
    for x, y, share in points:
        said = f"<title>{escape(line.name)} {100 * share:.1f} %</title>"
        parts.append(f'<circle class="dot curve-{number} {side}" cx="{x:.1f}" cy="{y:.1f}" r="3">{said}</circle>')
    if points and side == "then":
        x, y, _ = points[-1]
        parts.append(f'<text class="curve-{number}" x="{x + 10:.1f}" y="{y + 4:.1f}">{escape(line.name)}</text>')
    return parts


def _low(shares: Sequence[float | None]) -> float:
    """Where the axis begins: the last ten percent below everything that is shown."""
    known = [share for share in shares if share is not None]
    return max(0.0, min((int(10 * share - 0.2) / 10 for share in known), default=0.0))


def _ticks(low: float) -> list[float]:
    step = 0.1 if low >= 0.5 else 0.2  # noqa: PLR2004 - half of the axis
    return [low + step * number for number in range(round((1.0 - low) / step) + 1) if low + step * number < 1.001]  # noqa: PLR2004 - floats


def _x(share: float, low: float) -> float:
    return LABEL_WIDTH + (share - low) / (1.0 - low or 1.0) * PLOT_WIDTH


def _y(share: float, low: float) -> float:
    return 6 + (1.0 - (share - low) / (1.0 - low or 1.0)) * (TREND_HEIGHT - 12)


def _open(width: float, height: float, title: str) -> str:
    return f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(title)}">'


def _cells(
    week: Sequence[Sequence[float]],
    days: Sequence[str],
    title: str,
    paint: Callable[[float], tuple[str, float]],
    sign: str = "",
) -> str:
    left = 44
    parts = [_open(left + CELL * _HOURS_A_DAY + 4, CELL * 7 + 24, title)]
    for number, (name, day) in enumerate(zip(days, week, strict=True)):
        y = CELL * number
        parts.append(f'<text class="label" x="{left - 8}" y="{y + 17}" text-anchor="end">{escape(name)}</text>')
        for hour, value in enumerate(day):
            kind, strength = paint(value)
            said = f"{name} {hour:02d}:00 · {value:{sign}.1f}"
            parts.append(
                f'<rect class="{kind}" x="{left + CELL * hour + 1}" y="{y + 1}" width="{CELL - 2}" height="{CELL - 2}" '
                f'rx="3" fill-opacity="{0.06 + 0.94 * strength:.3f}"><title>{escape(said)}</title></rect>'
            )
    for hour in range(0, _HOURS_A_DAY, 3):
        x = left + CELL * hour + CELL / 2
        parts.append(f'<text class="tick" x="{x:.1f}" y="{CELL * 7 + 17}" text-anchor="middle">{hour:02d}</text>')
    return "".join((*parts, "</svg>"))


class Bar(NamedTuple):
    """A row of `bars`: two amounts, 0 or more, each with what is written behind it."""

    label: str
    now: float
    then: float
    now_note: str
    then_note: str


class Series(NamedTuple):
    """Amounts over time on both sides, for `curves`."""

    now: Sequence[float]
    then: Sequence[float]


def bars(rows: Sequence[Bar], title: str) -> str:
    """Two bars a group, on one scale from nothing to the largest amount."""
    most = max((amount for row in rows for amount in (row.now, row.then)), default=0.0) or 1.0
    parts = [_open(LABEL_WIDTH + PLOT_WIDTH + VALUE_WIDTH, BAR_ROW_HEIGHT * len(rows) + 6, title)]
    for number, row in enumerate(rows):
        y = BAR_ROW_HEIGHT * number + 4
        x = LABEL_WIDTH - 14
        label = escape(row.label)
        parts.append(f'<text class="label" x="{x}" y="{y + BAR_HEIGHT + 4}" text-anchor="end">{label}</text>')
        parts += _bar("now", row.now / most, row.now_note, y)
        parts += _bar("then", row.then / most, row.then_note, y + BAR_HEIGHT + 2)
    return "".join((*parts, "</svg>"))


def _bar(side: str, share: float, note: str, y: float) -> list[str]:
    width, said = max(PLOT_WIDTH * share, 1.0), escape(note)
    return [
        f'<rect class="bar {side}" x="{LABEL_WIDTH}" y="{y}" width="{width:.1f}" height="{BAR_HEIGHT}" rx="2"/>',
        f'<text class="value small" x="{LABEL_WIDTH + width + 8:.1f}" y="{y + BAR_HEIGHT - 1}">{said}</text>',
    ]


def curves(labels: Sequence[str], series: Series, title: str) -> str:
    """Amounts over time: today's dashed, the proposal's drawn through; the axis begins at nothing."""
    left, width = LABEL_WIDTH - 40, LABEL_WIDTH + PLOT_WIDTH + VALUE_WIDTH
    most = max((*series.now, *series.then), default=0.0) or 1.0
    step = (width - left - 10) / max(len(labels) - 1, 1)
    parts = [_open(width, TREND_HEIGHT + 28, title)]
    for part in range(CURVE_TICKS + 1):
        y = _y(part / CURVE_TICKS, 0.0)
        amount = f"{most * part / CURVE_TICKS:.0f}"
        parts.append(f'<line class="grid" x1="{left}" x2="{width}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{amount}</text>')
    for number in range(0, len(labels), max(1, -(-len(labels) // CURVE_LABELS_MAX))):
        x, label = left + step * number, escape(labels[number])
        parts.append(f'<text class="tick" x="{x:.1f}" y="{TREND_HEIGHT + 22}" text-anchor="middle">{label}</text>')
    for side, amounts in (("now", series.now), ("then", series.then)):
        path = " ".join(f"{left + step * at:.1f},{_y(amount / most, 0.0):.1f}" for at, amount in enumerate(amounts))
        parts.append(f'<polyline class="curve {side} curve-0" points="{path}"/>')
    return "".join((*parts, "</svg>"))
