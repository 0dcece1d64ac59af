"""What a metric is, said once: from it come the object that the code counts with and a line of docs/metrics.md."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

PREFIX: Final = "aftercare_"
COUNT: Final = "count"
"""The unit of what is simply counted."""
UNITS: Final = ("timestamp_seconds", "seconds", "bytes", "records", "keys", "ratio")
"""Base units that a name may end in; the first that fits is it."""


class BatchHistogram(Histogram):
    """A histogram that takes what a whole batch measured: by `observe`, 1.5 µs a value, timers would feel it."""

    def observe_all(self, amounts: Iterable[float]) -> None:
        """Observe every amount."""
        ordered = sorted(amounts)
        counted = 0
        for bound, bucket in zip(self._upper_bounds, self._buckets, strict=True):
            reached = bisect_right(ordered, bound)
            if reached > counted:
                bucket.inc(reached - counted)
                counted = reached
        self._sum.inc(sum(ordered))


class Entry(NamedTuple):
    """One metric. `name` is the whole one, as it stands on `/metrics`; `buckets` are a histogram's upper bounds."""

    name: str
    kind: str
    unit: str
    labels: tuple[str, ...]
    meaning: str
    section: str
    buckets: tuple[float, ...] = ()


class Catalogue:
    """Declares metrics in a registry and remembers what was said of them, in order.

    Args:
        registry: what `/metrics` shows.
        labels: every label that a metric may have, with its meaning and what bounds its values.
    """

    def __init__(self, registry: CollectorRegistry, labels: Mapping[str, str]) -> None:
        self.labels = labels
        self._registry = registry
        self._section = ""
        self._entries: list[Entry] = []

    @property
    def entries(self) -> Sequence[Entry]:
        """All metrics in the order of their declaration."""
        return self._entries

    def section(self, title: str) -> None:
        """What is declared from here on belongs under this title."""
        self._section = title

    def counter(self, name: str, meaning: str, *labels: str) -> Counter:
        """Declare a counter; its name ends in `_total`."""
        self._declare(name, "counter", name.removesuffix("_total"), labels, meaning)
        return Counter(PREFIX + name, meaning, labels, registry=self._registry)

    def gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        """Declare a gauge."""
        self._declare(name, "gauge", name, labels, meaning)
        return Gauge(PREFIX + name, meaning, labels, registry=self._registry)

    def histogram(self, name: str, meaning: str, *labels: str, buckets: tuple[float, ...]) -> BatchHistogram:
        """Declare a histogram with these upper bounds."""
        self._declare(name, "histogram", name, labels, meaning, buckets)
        return BatchHistogram(PREFIX + name, meaning, labels, registry=self._registry, buckets=buckets)

    def _declare(
        self,
        name: str,
        kind: str,
        measured: str,
        labels: tuple[str, ...],
        meaning: str,
        buckets: tuple[float, ...] = (),
    ) -> None:
        unit = next((unit for unit in UNITS if measured.endswith(f"_{unit}")), COUNT)
        self._entries.append(Entry(PREFIX + name, kind, unit, labels, meaning, self._section, buckets))
