"""Gauges of what is held now, worked out anew each time they are shown.

Partitions move between processes and processes start again, so a gauge that counts up and down with passing events
would be wrong after either. A figure is read off the state instead: what left with a partition is taken off the gauge,
and what a process restored stands on it at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol, runtime_checkable

from prometheus_client import Gauge

OTHER: Final = "other"


class Figure(NamedTuple):
    """A part of what a gauge shows. Parts under the same labels are added up, or the `earliest` of them is shown."""

    gauge: Gauge
    labels: tuple[str, ...]
    value: float
    earliest: bool = False


@runtime_checkable
class Countable(Protocol):
    """An index of a partition that knows figures of it."""

    def figures(self) -> Iterable[Figure]:
        """What the partition adds to gauges now. Asked every few seconds, so it must not go through all states."""


class Shown:
    """What one owner (a processor, a view) shows on gauges; nobody else shows the same labels. For one thread."""

    def __init__(self) -> None:
        self._shown: set[tuple[Gauge, tuple[str, ...]]] = set()

    def show(self, figures: Iterable[Figure]) -> None:
        """Let the gauges show these figures and no longer any that were shown before."""
        values: dict[tuple[Gauge, tuple[str, ...]], float] = {}
        for gauge, labels, value, earliest in figures:
            place = gauge, labels
            known = values.get(place)
            if known is None:
                values[place] = value
            else:
                values[place] = min(known, value) if earliest else known + value
        for gauge, labels in self._shown - values.keys():
            gauge.remove(*labels)
        for (gauge, labels), value in values.items():
            gauge.labels(*labels).set(value)
        self._shown = set(values)


class Bounded:
    """Values of a label that are data, such as names of levels: the first `most` of them, any further as `OTHER`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        """The value to put on the label."""
        if value not in self._known:
            if len(self._known) >= self._most:
                return OTHER
            self._known.add(value)
        return value
