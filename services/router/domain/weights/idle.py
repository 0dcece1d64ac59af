"""Prefers who was assigned nothing for the longest."""

from services.router.domain.instants import MICROSECONDS


def weigh(last_at: int, now_us: int, full_seconds: int) -> float:
    """The time since the last assignment as a share of `full_seconds`, at most 1; instants in microseconds."""
    return min(max((now_us - last_at) / (full_seconds * MICROSECONDS), 0.0), 1.0)
