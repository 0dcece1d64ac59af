"""Sliding windows over what clocks tell: warnings, verdicts and burn by level, and surges of breaches by pool.

A surge is one alarm however many breaches it has: raised when a pool's breaches within the window reach the threshold,
over when they have fallen below half of it. Windows slide by buckets; time is an argument and goes by when things were
decided, so that a sweep after an outage, which breaches at once what was due over hours, is one surge too.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

import msgspec

from services.sla_monitor.domain.instants import SECOND_US

BUCKETS: Final = 30
POOLS_MAX: Final = 10_000
"""Pools that are watched at once; beyond that the one that was quiet longest is let go."""


class SurgeSettings(msgspec.Struct, frozen=True):
    """How long the window is, and how many breaches of a pool in it are a surge."""

    window_us: int = 900 * SECOND_US
    threshold: int = 20


class Surge(NamedTuple):
    """The alarm: a pool with this many breaches in the window that ends at `at_us`."""

    pool: str
    breaches: int
    at_us: int


class Window:
    """A sum over the last `window_us`, to within a bucket. Asked and added to in the order of time."""

    __slots__ = ("_bucket_us", "_buckets", "_total")

    def __init__(self, window_us: int) -> None:
        self._bucket_us = max(1, window_us // BUCKETS)
        self._buckets: deque[tuple[int, float]] = deque()
        self._total = 0.0

    def add(self, amount: float, now_us: int) -> None:
        """Add to the bucket of now; what lies in the past of the last one counts as now."""
        bucket = now_us // self._bucket_us
        if self._buckets and self._buckets[-1][0] >= bucket:
            last, held = self._buckets.pop()
            self._buckets.append((last, held + amount))
        else:
            self._buckets.append((bucket, amount))
        self._total += amount
        self._slide(now_us)

    def total(self, now_us: int) -> float:
        """The sum as of now."""
        self._slide(now_us)
        return self._total

    def _slide(self, now_us: int) -> None:
        oldest = now_us // self._bucket_us - BUCKETS
        while self._buckets and self._buckets[0][0] <= oldest:
            self._total -= self._buckets.popleft()[1]
        if not self._buckets:
            self._total = 0.0  # what rounding left


class SurgeWatch:
    """Which pools are in a surge. Bounded by `POOLS_MAX`."""

    def __init__(self, settings: SurgeSettings) -> None:
        self._settings = settings
        self._windows: dict[str, Window] = {}
        self._raised: set[str] = set()

    def breached(self, pool: str, now_us: int) -> Surge | None:
        """Count a breach; the alarm where it begins a surge."""
        window = self._windows.pop(pool, None) or Window(self._settings.window_us)
        self._windows[pool] = window  # behind all others: it was quiet for the shortest time
        if len(self._windows) > POOLS_MAX:
            quietest = next(iter(self._windows))
            del self._windows[quietest]
            self._raised.discard(quietest)
        self._calm(pool, now_us)
        window.add(1, now_us)
        breaches = round(window.total(now_us))
        if pool in self._raised or breaches < self._settings.threshold:
            return None
        self._raised.add(pool)
        return Surge(pool, breaches, now_us)

    def pools_in_surge(self, now_us: int) -> int:
        """How many pools are in a surge now."""
        for pool in tuple(self._raised):
            self._calm(pool, now_us)
        return len(self._raised)

    def _calm(self, pool: str, now_us: int) -> None:
        if pool in self._raised and 2 * self._windows[pool].total(now_us) < self._settings.threshold:
            self._raised.discard(pool)
