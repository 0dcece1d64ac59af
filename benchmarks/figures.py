"""Percentiles, medians and ratios of what was measured: pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final

PERCENTILES: Final[Mapping[str, float]] = {"p50": 0.5, "p99": 0.99, "p999": 0.999}


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed (the nearest rank).

    Raises:
        ValueError: there are no values.
    """
    if not ordered:
        raise ValueError("no values")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return p50, p99, p999 and the maximum, rounded to hundredths; raises as `percentile`."""
    ordered = sorted(values)
    found = {name: round(percentile(ordered, share), 2) for name, share in PERCENTILES.items()}
    return found | {"max": round(ordered[-1], 2)}


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the ratio of the medians, rounded to thousandths: ours in the unit of theirs."""
    return round(median(ours) / median(theirs), 3)


def ratio_range(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float]:
    """Return the least and the greatest ratio of one round."""
    ratios = [round(one / other, 3) for one, other in zip(ours, theirs, strict=True)]
    return min(ratios), max(ratios)
