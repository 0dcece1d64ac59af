"""Technicians of one profile, sorted so that the best of them are in front."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import NamedTuple, Protocol, TypeAlias

from services.router.domain.scale import Scale
from services.router.domain.work import Profile

Line = tuple[int, str]
"""How the technicians of a cell stand: when they were assigned something last (microseconds), and their id."""


class Cell(NamedTuple):
    """Technicians of a group who hold the same and got the same today; the least `rank` stands first."""

    rank: float
    load: int
    assigned_weight: int


Front: TypeAlias = "tuple[float, int, str, View, int, int]"
"""A technician who may be the best of a group: weight below, last assigned at, id, and where they stand.

They sort by the least `weight_below` (see `Scale`), then by who has been idle for longer, then by id, which no two
share. Where they stand is the view of the group, the number of the cell in it, and the place in that. Plain tuples:
several are made a decision, and they are what sorting compares.
"""


class Watcher(Protocol):
    """Who looks at groups and hears of what changes in them; see `able.Able`."""

    def count(self, ready: int, full: int) -> None:
        """So many more take work, and so many more of those have no room; negative for fewer."""

    def count_away(self, reason: str, count: int) -> None:
        """A standing drops so many more."""

    def note_better(self, view: View) -> None:
        """The front of a view may come before the one that was seen last."""


class View:
    """A group as work sees it by one scale, with those who look at it in this way.

    `full` counts who have no room. The watchers are told of whatever makes the front better or changes how many there
    are. That a front became worse they find once they come to it: most that change do so by being given work, and stand
    far behind then.
    """

    __slots__ = ("_front", "_is_known", "full", "group", "scale", "watchers")

    def __init__(self, group: Group, scale: Scale) -> None:
        self.group = group
        self.scale = scale
        self.full = sum([len(standing) for cell, standing in group.cells.items() if cell.load > scale.highest_load])
        self.watchers: list[Watcher] = []
        self._front: Front | None = None
        self._is_known = False

    def look(self) -> Front | None:
        """The first in the first cell that has room, None where none has; the same object until it is another one."""
        if not self._is_known:
            self._is_known = True
            front = self.front_from(0)
            if front != self._front:
                self._front = front
        return self._front

    def front_from(self, number: int) -> Front | None:
        """The first in the first cell from `number` on that has room."""
        group, scale = self.group, self.scale
        order, highest_load = group.order, scale.highest_load
        for each in range(number, len(order)):
            cell = order[each]
            if cell.load <= highest_load:
                last_at, technician_id = group.cells[cell][0]
                return scale.weight_below(cell.load, cell.assigned_weight), last_at, technician_id, self, each, 0
        return None

    def change(self, ready: int, full: int, *, better: bool) -> None:
        """Take in that the group has changed."""
        self._is_known = False
        if ready or full:
            self.full += full
            for watcher in self.watchers:
                watcher.count(ready, full)
        if better:
            for watcher in self.watchers:
                watcher.note_better(self)


class Group:
    """How many there are, how many of them each standing drops, and the ready ones in cells."""

    __slots__ = ("_views", "away", "cells", "members", "order", "profile", "ready")

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.members = 0
        self.ready = 0
        self.away: dict[str, int] = {}
        self.cells: dict[Cell, list[Line]] = {}
        self.order: list[Cell] = []
        self._views: dict[Scale, View] = {}

    def put(self, cell: Cell, line: Line) -> None:
        """Someone ready takes their place."""
        self._put(cell, line)
        for view in self._views.values():
            view.change(1, int(cell.load > view.scale.highest_load), better=True)

    def take(self, cell: Cell, line: Line) -> None:
        """Someone leaves their place."""
        self._take(cell, line)
        for view in self._views.values():
            view.change(-1, -int(cell.load > view.scale.highest_load), better=False)

    def move(self, cell: Cell, line: Line, to_cell: Cell, to_line: Line) -> None:
        """Someone takes another place."""
        if self.ready == 1:
            # Among experts most groups are of one person, who needs no sorting.
            self.cells, self.order = {to_cell: [to_line]}, [to_cell]
        else:
            self._take(cell, line)
            self._put(to_cell, to_line)
        is_ahead = (to_cell, to_line) < (cell, line)
        load, to_load = cell.load, to_cell.load
        for view in self._views.values():
            highest_load = view.scale.highest_load
            was_full, is_full = load > highest_load, to_load > highest_load
            view.change(0, is_full - was_full, better=not is_full and (is_ahead or was_full))

    def drop(self, reason: str, count: int) -> None:
        """So many more (or, negative, fewer) are dropped by a standing."""
        self.away[reason] = self.away.get(reason, 0) + count
        for view in self._views.values():
            for watcher in view.watchers:
                watcher.count_away(reason, count)

    def view(self, scale: Scale) -> View:
        """The group as work sees it by a scale: one view for all kinds of work that share it."""
        view = self._views.get(scale)
        if view is None:
            view = self._views[scale] = View(self, scale)
        return view

    def unwatch(self) -> None:
        """Nobody looks any more: the scales that were looked by are over, too."""
        self._views.clear()

    @property
    def views_kept(self) -> int:
        """By how many scales it is looked at."""
        return len(self._views)

    def _put(self, cell: Cell, line: Line) -> None:
        self.ready += 1
        standing = self.cells.get(cell)
        if standing is None:
            self.cells[cell] = [line]
            insort(self.order, cell)
        else:
            insort(standing, line)

    def _take(self, cell: Cell, line: Line) -> None:
        self.ready -= 1
        standing = self.cells[cell]
        del standing[bisect_left(standing, line)]
        if not standing:
            del self.cells[cell]
            del self.order[bisect_left(self.order, cell)]
