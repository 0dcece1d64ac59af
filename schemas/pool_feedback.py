"""`pool.feedback`: how a pool's clocks kept what was promised. Key: tenant and pool. Writer: feedback.

A pool's tickets lie on all partitions of `ticket.sla`. What each partition counted is brought together here.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.contract import Contract, Instant, Part
from schemas.vocabulary import Count, Line, Name, Priority

COUNTS_MAX = 200
"""Counts in one event."""

Day = Annotated[str, Field(min_length=10, max_length=10)]
"""A day of the business's time zone: 2026-01-07."""


class VerdictCount(Part):
    """Changes of one day, level and target since the last count: below zero where more was taken back than given."""

    day: Day
    priority: Priority
    target: Name
    met: int
    breached: int
    retracted: int


class VerdictsCounted(Contract, type_name="aftercare.feedback.verdicts_counted.v1"):
    """The verdicts of a pool that one partition has seen since its last count. `pool` null: they had none yet."""

    pool: Name | None = None
    counts: Annotated[list[VerdictCount], Field(max_length=COUNTS_MAX)]
    decided_at: Instant
    position: Line


class AttainmentReported(Contract, type_name="aftercare.feedback.attainment_reported.v1"):
    """All verdicts of a day, a level and a target in a pool, so far.

    The last report of (tenant, pool, day, priority, target) holds: whatever is proven wrong later is corrected by
    another one. A verdict belongs to the day on which it fell, and to the pool and level that it was told with;
    `breached` are breaches that stand, `retracted` verdicts that fell. `attained` is the share met, null while no
    verdict stands. Longer periods are sums of days.
    """

    pool: Name | None = None
    day: Day
    priority: Priority
    target: Name
    met: Count
    breached: Count
    retracted: Count
    attained: float | None
    decided_at: Instant
    position: Line
