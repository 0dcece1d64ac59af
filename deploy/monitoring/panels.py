"""A dashboard as a value: rows of panels with the PromQL that they show, free of Grafana's own words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["short", "s", "percentunit", "bytes", "reqps", "bool_yes_no"]
"""Grafana's name of a unit."""


@dataclass(frozen=True)
class Query:
    """PromQL, and what its series are called. Grafana fills in `$__rate_interval` and `$__range`."""

    expr: str
    legend: str = "{{__name__}}"


@dataclass(frozen=True)
class Panel:
    """One picture. `shows` says in a sentence what it means and when it is bad.

    A `stat` is a number as of now (`limits`: from where it is amber and red), a `timeseries` its course. `width` is in
    twelfths of a row.
    """

    title: str
    shows: str
    queries: tuple[Query, ...]
    unit: Unit = "short"
    kind: Literal["stat", "timeseries"] = "timeseries"
    stacked: bool = False
    width: int = 4
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class Row:
    """Panels under a title."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Board:
    """One dashboard. `uid` is what links name it by, so it never changes."""

    uid: str
    title: str
    shows: str
    rows: tuple[Row, ...]


def or_zero(expr: str) -> str:
    """The expression, or 0 where it has no series at all: an empty picture does not say whether anyone looked.

    Plain `or vector(0)` would put a line without a name beside every grouped sum.
    """
    return f"{expr} or (vector(0) unless on () {expr})"


def number(title: str, shows: str, expr: str, unit: Unit = "short", limits: tuple[float, float] | None = None) -> Panel:
    """A panel with one number."""
    return Panel(title, shows, (Query(expr, title),), unit, "stat", width=2, limits=limits)


def quantiles(metric: str, by: str, legend: str, where: str = "") -> tuple[Query, ...]:
    """The median and the 99th percentile of a histogram, by a label."""
    labels = f"le, {by}" if by else "le"
    return tuple(
        Query(
            f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket{where}[$__rate_interval])))",
            f"{legend} {name}".strip(),
        )
        for share, name in ((0.5, "p50"), (0.99, "p99"))
    )
