"""How many tickets there are in each status, and since when the longest unassigned one waits: read off the ledger.

The ledger is the one writer of a ticket's life, so its state, not the events that pass by, says what is open. The
engine keeps the census in step with each partition's states and rebuilds it when one is restored.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

from schemas.vocabulary import Status
from services._runtime.figures import Bounded, Figure
from services._runtime.metrics import TICKETS, TICKETS_UNASSIGNED_SINCE
from services.intake.domain.ticket import OPEN, Ticket
from services.intake.state import State

COUNTED: Final = OPEN | {Status.RESOLVED}
"""A closed ticket is nobody's work; it stays in the state only for a while."""
UNASSIGNED: Final = frozenset({Status.NEW, Status.CLASSIFIED, Status.QUEUED})
LEVELS_MAX: Final = 16
STALE_MIN: Final = 1_024
"""So many outdated entries of a heap are never worth a rebuild."""

# As plain texts: an enum's member is hashed by Python code, which would be most of what a change costs.
_COUNTED: Final = frozenset(map(str, COUNTED))
_UNASSIGNED: Final = frozenset(map(str, UNASSIGNED))

level_label: Final = Bounded(LEVELS_MAX)


class Census:
    """A partition's tickets: the topology's index. Equal states give equal figures, in whatever order they came."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        self._waiting: dict[str, _Waiting] = {}

    def replace(self, key: str, old: State | None, new: State | None) -> None:
        """Take `old` out and `new` in."""
        if type(old) is Ticket and (status := str(old.status)) in _COUNTED:
            place = status, old.priority
            self._counts[place] -= 1
            if status in _UNASSIGNED:
                self._waiting[old.priority].leave(key)
        if type(new) is Ticket and (status := str(new.status)) in _COUNTED:
            place = status, new.priority
            self._counts[place] = self._counts.get(place, 0) + 1
            if status in _UNASSIGNED:
                self._waiting.setdefault(new.priority, _Waiting()).enter(key, _since_seconds(new))

    def figures(self) -> Iterator[Figure]:
        """See `figures.Countable`."""
        for (status, priority), count in self._counts.items():
            if count:
                yield Figure(TICKETS, (status, level_label(priority)), count)
        for priority, waiting in self._waiting.items():
            since_seconds = waiting.earliest()
            if since_seconds is not None:
                yield Figure(TICKETS_UNASSIGNED_SINCE, (level_label(priority),), since_seconds, earliest=True)


class _Waiting:
    """Unassigned tickets of one level, the one that waits longest first. Whoever left is dropped when it comes up."""

    __slots__ = ("_heap", "_since_seconds")

    def __init__(self) -> None:
        self._since_seconds: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def enter(self, key: str, since_seconds: float) -> None:
        self._since_seconds[key] = since_seconds
        heapq.heappush(self._heap, (since_seconds, key))
        if len(self._heap) > 2 * len(self._since_seconds) + STALE_MIN:
            self._heap = [(since, each) for each, since in self._since_seconds.items()]
            heapq.heapify(self._heap)

    def leave(self, key: str) -> None:
        self._since_seconds.pop(key, None)

    def earliest(self) -> float | None:
        """Since when the longest one waits, None where nobody does."""
        heap = self._heap
        while heap and self._since_seconds.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None


def _since_seconds(ticket: Ticket) -> float:
    """Since when it is nobody's: its opening; once somebody had it, the last that happened to it, if not sooner."""
    return (ticket.updated_at if ticket.ever_assigned else ticket.opened_at).timestamp()
