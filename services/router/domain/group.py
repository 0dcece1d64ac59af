"""Technicians of one profile, sorted so that the best of them are in front."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from typing import NamedTuple

from services.router.domain.work import Profile

Line = tuple[int, str]
"""How the technicians of a cell stand: when they were assigned something last (microseconds), and their id."""


class Cell(NamedTuple):
    """Technicians of a group who hold the same and got the same today; the least `rank` stands first."""

    rank: float
    load: int
    assigned_weight: int


class Group:
    """How many there are, how many of them each standing drops, and the ready ones in cells.

    `watchers` are sets of numbers, each with the number under which the group is to be put there when it changes.
    """

    __slots__ = ("away", "by_load", "cells", "members", "order", "profile", "ready", "watchers")

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.members = 0
        self.ready = 0
        self.away: Counter[str] = Counter()
        self.by_load: Counter[int] = Counter()
        self.cells: dict[Cell, list[Line]] = {}
        self.order: list[Cell] = []
        self.watchers: list[tuple[set[int], int]] = []

    def put(self, cell: Cell, line: Line) -> None:
        """Someone ready takes their place."""
        self.ready += 1
        self.by_load[cell.load] += 1
        standing = self.cells.get(cell)
        if standing is None:
            self.cells[cell] = [line]
            insort(self.order, cell)
        else:
            insort(standing, line)
        self._changed()

    def take(self, cell: Cell, line: Line) -> None:
        """Someone leaves their place."""
        self.ready -= 1
        self.by_load[cell.load] -= 1
        if not self.by_load[cell.load]:
            del self.by_load[cell.load]
        standing = self.cells[cell]
        del standing[bisect_left(standing, line)]
        if not standing:
            del self.cells[cell]
            del self.order[bisect_left(self.order, cell)]
        self._changed()

    def drop(self, reason: str, count: int) -> None:
        """So many more (or, negative, fewer) are dropped by a standing."""
        self.away[reason] += count
        self._changed()

    def count_over(self, load: int) -> int:
        """How many ready ones hold more than this."""
        over = 0
        for held, count in self.by_load.items():
            if held > load:
                over += count
        return over

    def _changed(self) -> None:
        for numbers, number in self.watchers:
            numbers.add(number)
