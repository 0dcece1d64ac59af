"""Drops who is off duty, or whose shift ends so soon that they could only hand the work on."""

from datetime import datetime, timedelta

from services.router.domain.shifts import Duty


def keeps(duty: Duty, ending_seconds: int, now: datetime) -> bool:
    """Whether someone on this duty gets new work; nothing in the last `ending_seconds` of a shift."""
    return duty.on and now < duty.until - timedelta(seconds=ending_seconds)
