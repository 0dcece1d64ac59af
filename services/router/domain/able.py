"""Who is able to do one kind of work, kept sorted by what they weigh: so that the best are found without a scan.

Each group counts with its front, the first technician of its best cell that has room. Fronts of equal weight stand in
one level, longest idle first. A group that changed is only noted, and looked at when this kind of work comes next, so a
change costs as much for kinds of work that never come as a note does.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from services.router.domain import filters
from services.router.domain.filters import capacity
from services.router.domain.group import Cell, Group
from services.router.domain.policy import Policy
from services.router.domain.weights import fairness, load
from services.router.domain.weights.total import basis_of
from services.router.domain.work import Requirement

STALE_MIN: Final = 64
"""Fronts that are out of date are cleared away once they outnumber the groups by this much and fourfold."""

WEIGHTS_MAX: Final = 10_000
"""How many sums are remembered, by what they follow from."""

IDLEST: Final = 1.0


class Front(NamedTuple):
    """A technician who may be the best of a group, by the least `weight_below`: the negative of the most they weigh.

    `cell_number` and `place` say where they stand in their group.
    """

    weight_below: float
    last_at: int
    technician_id: str
    number: int
    cell_number: int
    place: int


class Share(NamedTuple):
    """What a group adds to the counts: those each standing drops, the ready ones, and those of them who are full.

    `away` is in the order of `filters.OF_STANDING`.
    """

    away: tuple[int, int, int]
    ready: int
    full: int
    front: Front | None


_NOBODY: Final = Share((0, 0, 0), 0, 0, None)


class Able:
    """The groups that are able to do work of one requirement, each with its `skill_match`, equal for all in it.

    `members` counts those in the groups who could carry it if they held nothing; `dropped` those whom each filter of
    profiles drops. What else there is holds after `refresh`.
    """

    def __init__(
        self,
        requirement: Requirement,
        policy: Policy,
        groups: Sequence[tuple[Group, float]],
        dropped: Mapping[str, int],
    ) -> None:
        self.requirement = requirement
        self.groups = groups
        self.dropped = dropped
        self.members = sum(group.members for group, _ in groups if group.profile.capacity >= requirement.weight)
        self.away = dict.fromkeys(filters.OF_STANDING, 0)
        self.ready = 0
        self.full = 0
        self.levels: dict[float, list[Front]] = {}
        self.order: list[float] = []
        self._policy = policy
        self._changed = set(range(len(groups)))
        self._shares = [_NOBODY] * len(groups)
        self._numbers = {id(group): number for number, (group, _) in enumerate(groups)}
        self._weights: dict[tuple[float, int, int, int], float] = {}
        self._fronts = 0
        for number, (group, _) in enumerate(groups):
            group.watchers.append((self._changed, number))

    def has(self, group: Group) -> bool:
        """Whether a group is able to do the work."""
        return id(group) in self._numbers

    def refresh(self) -> None:
        """Look at the groups that changed."""
        for number in self._changed:
            old, new = self._shares[number], self._share(number)
            self._shares[number] = new
            if old.away != new.away:
                for name, before, now in zip(filters.OF_STANDING, old.away, new.away, strict=True):
                    self.away[name] += now - before
            self.ready += new.ready - old.ready
            self.full += new.full - old.full
            if new.front is not None and new.front != old.front:
                self._add(new.front)
        self._changed.clear()
        if self._fronts > 4 * len(self._shares) + STALE_MIN:
            self._rebuild()

    def is_current(self, front: Front) -> bool:
        """Whether someone is still the front of their group."""
        return self._shares[front.number].front == front

    def following(self, front: Front) -> list[Front]:
        """Who may come next in the same group: in the same cell, and in the next one that has room."""
        group, _ = self.groups[front.number]
        cell = group.order[front.cell_number]
        standing, after = group.cells[cell], front.place + 1
        found = []
        if after < len(standing):
            last_at, technician_id = standing[after]
            found.append(Front(front.weight_below, last_at, technician_id, front.number, front.cell_number, after))
        if front.place == 0:
            following = self._front(front.number, front.cell_number + 1)
            if following is not None:
                found.append(following)
        return found

    def dropped_one(self) -> None:
        """A front that was out of date was taken off its level."""
        self._fronts -= 1

    def _share(self, number: int) -> Share:
        group, _ = self.groups[number]
        away = group.away
        counts = (away[filters.PRESENCE], away[filters.SHIFT], away[filters.RATE])
        if not group.ready:
            return Share(counts, 0, 0, None)
        full = group.count_over(capacity.highest_load(self.requirement, group.profile))
        return Share(counts, group.ready, full, self._front(number, 0) if full < group.ready else None)

    def _front(self, number: int, start: int) -> Front | None:
        group, match = self.groups[number]
        highest_load = capacity.highest_load(self.requirement, group.profile)
        order = group.order
        for cell_number in range(start, len(order)):
            cell = order[cell_number]
            if cell.load <= highest_load:
                last_at, technician_id = group.cells[cell][0]
                return Front(-self._most(group, match, cell), last_at, technician_id, number, cell_number, 0)
        return None

    def _most(self, group: Group, match: float, cell: Cell) -> float:
        """What the technicians of a cell weigh if they are idle for long, and have nothing to do with the ticket."""
        key = (match, group.profile.capacity, cell.load, cell.assigned_weight)
        weight = self._weights.get(key)
        if weight is None:
            policy = self._policy
            weight = self._weights[key] = basis_of(
                policy.load_factor * load.weigh(self.requirement, group.profile, cell.load),
                policy.skill_match_factor * match,
                policy.fairness_factor * fairness.weigh(cell.assigned_weight),
                policy.idle_factor * IDLEST,
            )
            if len(self._weights) > WEIGHTS_MAX:
                self._weights.clear()
        return weight

    def _add(self, front: Front) -> None:
        level = self.levels.get(front.weight_below)
        if level is None:
            level = self.levels[front.weight_below] = []
            insort(self.order, front.weight_below)
        heappush(level, front)
        self._fronts += 1

    def _rebuild(self) -> None:
        self.levels.clear()
        self._fronts = 0
        for share in self._shares:
            if share.front is not None:
                self.levels.setdefault(share.front.weight_below, []).append(share.front)
                self._fronts += 1
        for level in self.levels.values():
            heapify(level)
        self.order = sorted(self.levels)


class Walk:
    """Goes through those who are able and have room, level by level, and in each from the longest idle on.

    It leaves the levels as it found them but for what was out of date: `end` puts back what was looked at.
    """

    __slots__ = ("_able", "_further", "_level", "_seen")

    def __init__(self, able: Able) -> None:
        self._able = able
        self._further: list[Front] = []
        self._seen: list[Front] = []
        self._level = 0

    def next(self) -> Front | None:
        """The one with the least `weight_below`, then the longest idle; None after the last."""
        own = self._own()
        further = self._further
        if own is None and not further:
            return None
        if own is None or (further and further[0] < own):
            front = heappop(further)
        else:
            front = own
            self._seen.append(heappop(self._able.levels[own.weight_below]))
        return front

    def go_on(self, front: Front) -> None:
        """Let those who follow someone in their group come, too."""
        for following in self._able.following(front):
            heappush(self._further, following)

    def end(self) -> None:
        """Put everything back."""
        for front in self._seen:
            heappush(self._able.levels[front.weight_below], front)

    def _own(self) -> Front | None:
        able = self._able
        while self._level < len(able.order):
            weight_below = able.order[self._level]
            level = able.levels[weight_below]
            while level and not able.is_current(level[0]):
                heappop(level)
                able.dropped_one()
            if level:
                return level[0]
            self._level += 1
        return None
