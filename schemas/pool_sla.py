"""`pool.sla`: what the verdicts of a pool come to. Key: tenant and pool. Writer: the sla_monitor.

A pool's tickets lie on all partitions of `ticket.sla`. Each partition's verdicts are tallied there and brought together
here, so that a surge of breaches is seen as one.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.contract import Contract, Instant
from schemas.vocabulary import Count, Line, Name, Priority, Sequence, TicketId

SURGE_TICKETS_MAX = 20
"""Tickets that a tally or a surge names, the latest breached."""

Tickets = Annotated[list[TicketId], Field(max_length=SURGE_TICKETS_MAX)]


class VerdictsTallied(Contract, type_name="aftercare.sla.verdicts_tallied.v1"):
    """The verdicts of one level of a pool that one partition has told since its last tally.

    A retracted breach takes one off, so `breached` may be below zero. `tickets` are the latest that were breached.
    """

    pool: Name
    priority: Priority
    breached: int
    met: Count
    tickets: Tickets
    decided_at: Instant
    position: Line


class SurgeEvent(Contract):
    """What every event about a surge states, of the window that ends at `decided_at`.

    `burn_rate` is how many times faster than allowed the error budget of `objective` (the share of verdicts to be met)
    is used up: the share breached, by the share that may be; null where the policy states no objective. `surge_id` is
    the same for the beginning and the end.
    """

    surge_id: Name
    pool: Name
    priority: Priority
    breached: Count
    verdicts: Count
    burn_rate: float | None
    objective: float | None
    window_seconds: float
    policy_id: Name
    policy_version: Sequence
    started_at: Instant
    decided_at: Instant
    position: Line


class SurgeDetected(SurgeEvent, type_name="aftercare.sla.surge_detected.v1"):
    """Breaches of a pool in one level have reached the policy's threshold; once, however many more there are."""

    tickets: Tickets


class SurgeEnded(SurgeEvent, type_name="aftercare.sla.surge_ended.v1"):
    """They have fallen below half of every threshold."""
