"""Technicians of one profile, sorted so that the best of them are in front."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import NamedTuple, TypeAlias

from services.router.domain.filters import OF_STANDING
from services.router.domain.scale import Scale
from services.router.domain.work import Profile

Line = tuple[int, str]
"""How the technicians of a cell stand: when they were assigned something last (microseconds), and their id."""


class Cell(NamedTuple):
    """Technicians of a group who hold the same and got the same today; the least `rank` stands first."""

    rank: float
    load: int
    assigned_weight: int


Front: TypeAlias = "tuple[float, int, str, Group, int, int]"
"""A technician who may be the best of a group: weight below, last assigned at, id, and where they stand.

They sort by the least `weight_below` (see `Scale`), then by who has been idle for longer, then by id, which no two
share. Where they stand is the group, the number of the cell in it, and the place in that. Plain tuples: several are
made a decision, and they are what sorting compares.
"""


class Counts(NamedTuple):
    """Of a group: those whom each standing drops (as `filters.OF_STANDING`), the ready ones, and those of them full."""

    away: tuple[int, ...]
    ready: int
    full: int


class Head(NamedTuple):
    """A group as work sees it by a scale; `front` is the first in the first cell that has room, None where none has."""

    counts: Counts
    front: Front | None


NOBODY = Head(Counts((0,) * len(OF_STANDING), 0, 0), None)


class Group:
    """How many there are, how many of them each standing drops, and the ready ones in cells.

    `watchers` are sets of numbers, each with the number under which the group is to be put there when it changes.
    """

    __slots__ = ("_by_load", "_heads", "away", "cells", "members", "order", "profile", "ready", "watchers")

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.members = 0
        self.ready = 0
        self.away = NOBODY.counts.away
        self.cells: dict[Cell, list[Line]] = {}
        self.order: list[Cell] = []
        self.watchers: list[tuple[set[int], int]] = []
        self._by_load: dict[int, int] = {}
        self._heads: dict[Scale, Head] = {}

    def put(self, cell: Cell, line: Line) -> None:
        """Someone ready takes their place."""
        self._put(cell, line)
        self._changed()

    def take(self, cell: Cell, line: Line) -> None:
        """Someone leaves their place."""
        self._take(cell, line)
        self._changed()

    def move(self, cell: Cell, line: Line, to_cell: Cell, to_line: Line) -> None:
        """Someone takes another place."""
        if self.ready == 1:
            # Among experts most groups are of one person, who needs no sorting.
            self.cells, self.order, self._by_load = {to_cell: [to_line]}, [to_cell], {to_cell.load: 1}
        else:
            self._take(cell, line)
            self._put(to_cell, to_line)
        self._changed()

    def drop(self, reason: str, count: int) -> None:
        """So many more (or, negative, fewer) are dropped by a standing."""
        place = OF_STANDING.index(reason)
        self.away = (*self.away[:place], self.away[place] + count, *self.away[place + 1 :])
        self._changed()

    def head(self, scale: Scale) -> Head:
        """What work sees by a scale; kept until the group changes, since many kinds of work ask it."""
        head = self._heads.get(scale)
        if head is None:
            head = self._heads[scale] = self._head(scale)
        return head

    def unwatch(self) -> None:
        """Nobody looks any more: with the scales that were looked by, what was seen by them is over, too."""
        self.watchers.clear()
        self._heads.clear()

    @property
    def heads_kept(self) -> int:
        """By how many scales is remembered what is seen."""
        return len(self._heads)

    def front_from(self, number: int, scale: Scale) -> Front | None:
        """The first in the first cell from `number` on that has room."""
        order, highest_load = self.order, scale.highest_load
        for each in range(number, len(order)):
            cell = order[each]
            if cell.load <= highest_load:
                last_at, technician_id = self.cells[cell][0]
                return scale.weight_below(cell.load, cell.assigned_weight), last_at, technician_id, self, each, 0
        return None

    def _head(self, scale: Scale) -> Head:
        full = 0
        for held, count in self._by_load.items():
            if held > scale.highest_load:
                full += count
        ready = self.ready
        return Head(Counts(self.away, ready, full), self.front_from(0, scale) if full < ready else None)

    def _put(self, cell: Cell, line: Line) -> None:
        self.ready += 1
        self._by_load[cell.load] = self._by_load.get(cell.load, 0) + 1
        standing = self.cells.get(cell)
        if standing is None:
            self.cells[cell] = [line]
            insort(self.order, cell)
        else:
            insort(standing, line)

    def _take(self, cell: Cell, line: Line) -> None:
        self.ready -= 1
        left = self._by_load[cell.load] - 1
        if left:
            self._by_load[cell.load] = left
        else:
            del self._by_load[cell.load]
        standing = self.cells[cell]
        del standing[bisect_left(standing, line)]
        if not standing:
            del self.cells[cell]
            del self.order[bisect_left(self.order, cell)]

    def _changed(self) -> None:
        self._heads.clear()
        for numbers, number in self.watchers:
            numbers.add(number)
