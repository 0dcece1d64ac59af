"""Past work as something that can be assigned again: when it came, and how long it kept whoever had it.

What happened to a ticket is a chain of pieces, one an offer. A piece comes when the one before has ended and some time
has gone by, and ends when it has been held for as long as it was then; how long it waits is what is asked about.
"""

from __future__ import annotations

from datetime import datetime
from statistics import fmean, median

import msgspec

from schemas.routing_work import OfferMade


class Piece(msgspec.Struct, frozen=True):
    """One offer of a ticket.

    `gap_seconds`: after the end of the piece before; of the first, 0. `held_seconds`: from the assignment to its end;
    None where nobody can say: it was never assigned, or had not ended. `ended` is false for the latter.
    `held_by` is who had it.
    """

    offer: OfferMade
    gap_seconds: float
    held_seconds: float | None
    ended: bool
    held_by: str | None


class Chain(msgspec.Struct, frozen=True):
    """A ticket's pieces, the first of which came at `began_at`."""

    ticket_id: str
    tenant: str
    began_at: datetime
    pieces: tuple[Piece, ...]


class Placed(msgspec.Struct, frozen=True):
    """What became of a piece on one side: None for what had not happened by the end."""

    ticket_id: str
    priority: str
    weight: int
    by_hand: bool
    offered_at: datetime
    due_at: datetime | None
    last: bool
    assigned_at: datetime | None = None
    technician_id: str | None = None
    ended_at: datetime | None = None


class Waits(msgspec.Struct, frozen=True):
    """Of work that the rules assigned: how many, how long it waited, and what still waits at the end."""

    pieces: int
    assigned: int
    waiting: int
    mean_seconds: float
    median_seconds: float
    p90_seconds: float
    longest_seconds: float


class Breaches(msgspec.Struct, frozen=True):
    """Of tickets with a due time: done in time, done late (or overdue and not done), still open in time."""

    met: int
    breached: int
    open: int

    @property
    def attainment(self) -> float | None:
        """The share met of what is settled; None where nothing is."""
        settled = self.met + self.breached
        return self.met / settled if settled else None


def waits_of(placed: list[Placed], until: datetime) -> Waits:
    """The waits; what still waits at `until` has waited until then."""
    mine = [each for each in placed if not each.by_hand]
    seconds = sorted(((each.assigned_at or until) - each.offered_at).total_seconds() for each in mine)
    assigned = sum(each.assigned_at is not None for each in mine)
    if not seconds:
        return Waits(0, 0, 0, 0.0, 0.0, 0.0, 0.0)
    return Waits(
        pieces=len(mine),
        assigned=assigned,
        waiting=sum(each.assigned_at is None and each.ended_at is None for each in mine),
        mean_seconds=round(fmean(seconds), 3),
        median_seconds=round(median(seconds), 3),
        p90_seconds=round(seconds[min(len(seconds) - 1, int(0.9 * len(seconds)))], 3),
        longest_seconds=round(seconds[-1], 3),
    )


def breaches_of(placed: list[Placed], until: datetime) -> Breaches:
    """The verdicts that ends foretell: work goes on for as long as it did then, from when it would have begun."""
    met = breached = running = 0
    for each in placed:
        if each.due_at is None or not each.last:
            continue
        if each.ended_at is not None and each.ended_at <= each.due_at:
            met += 1
        elif (each.ended_at or until) > each.due_at:
            breached += 1
        else:
            running += 1
    return Breaches(met, breached, running)
