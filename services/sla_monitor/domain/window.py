"""A sum over a sliding window, by buckets; time is an argument."""

from __future__ import annotations

from collections import deque
from typing import Final

BUCKETS: Final = 30


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
