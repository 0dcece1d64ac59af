"""Who of a pool knows a requester, by other tickets of theirs: whoever works on one, else whoever did last."""

from __future__ import annotations

from bisect import bisect_left, insort
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

NOTED_AGAIN: Final = timedelta(days=1)
"""Somebody who goes on working for the same requester is noted so often: each ticket need not be written down."""


class Acquainted(msgspec.Struct, frozen=True, array_like=True, tag="acquainted", gc=False):
    """Who worked for a requester last, and until when."""

    technician_id: str
    until: datetime


class AtWork(NamedTuple):
    """A ticket that somebody works on, of one requester; the one that came last to need somebody sorts last."""

    since_us: int
    ticket_id: str
    technician_id: str


class AtWorkFor:
    """Who works for whom now, by requester. What it says follows from what is in it, in whatever order that came."""

    __slots__ = ("_of",)

    def __init__(self) -> None:
        self._of: dict[str, list[AtWork]] = {}

    def __len__(self) -> int:
        return len(self._of)

    def add(self, requester_id: str, at_work: AtWork) -> None:
        """Somebody works for a requester."""
        insort(self._of.setdefault(requester_id, []), at_work)

    def remove(self, requester_id: str, at_work: AtWork) -> None:
        """They no longer do."""
        known = self._of[requester_id]
        del known[bisect_left(known, at_work)]
        if not known:
            del self._of[requester_id]

    def last(self, requester_id: str, ticket_id: str) -> str | None:
        """Who does on the latest ticket other than this one; None where nobody does."""
        for each in reversed(self._of.get(requester_id, ())):
            if each.ticket_id != ticket_id:
                return each.technician_id
        return None


def acquainted(known: Acquainted | None, technician_id: str, until: datetime) -> Acquainted | None:
    """What is to be noted of someone who worked for a requester `until` then; None where what is known will do."""
    if known is not None and known.technician_id == technician_id and until - known.until < NOTED_AGAIN:
        return None
    return Acquainted(technician_id, until)
