"""`routing.turns`: in which turns a pool's router decided, for whoever decides again. Key: pool. Writer: the router.

What it was told (`routing.work`) and these turns reproduce every decision: nothing else hangs on its clock, on how far
behind it was, or on which timers said nothing.
"""

from __future__ import annotations

from schemas.contract import Contract, Instant, Part
from schemas.vocabulary import Count, Name


class RecordSpan(Part):
    """Records that were decided one after the other: those of the pool from one offset to another, both among them."""

    topic: Name
    first_offset: Count
    last_offset: Count


class TurnTaken(Contract, type_name="aftercare.routing.turn_taken.v1"):
    """All that the router decided of a pool in one transaction, at `decided_at`: first the records, then the timers.

    `records` are in their order, without those that were set aside as dead letters. `timers` counts those that fired:
    they are the first that were due, and fire in the order of their time. `timers_raised` numbers, from 0, those of
    them that raised and were set aside too.
    """

    pool: Name
    decided_at: Instant
    records: list[RecordSpan]
    timers: Count
    timers_raised: list[Count] = []
