"""Who is able to do one kind of work, kept sorted by what they weigh: so that the best are found without a scan.

Each group counts with its front, the first technician of its best cell that has room; the fronts stand in one sorted
list. A group that changed is only noted, and looked at when this kind of work comes next, so a change costs as much for
kinds of work that never come as a note does.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import Final, NamedTuple

from services.router.domain import filters
from services.router.domain.filters import capacity
from services.router.domain.group import NOBODY, Cell, Group
from services.router.domain.policy import Policy
from services.router.domain.weights import fairness, load
from services.router.domain.weights.total import basis_of
from services.router.domain.work import Requirement

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
        self._policy = policy
        self._order: list[Front] = []
        self._changed = set(range(len(groups)))
        self._heads = [NOBODY] * len(groups)
        self._fronts: list[Front | None] = [None] * len(groups)
        self._highest_loads = [capacity.highest_load(requirement, group.profile) for group, _ in groups]
        self._numbers = {id(group): number for number, (group, _) in enumerate(groups)}
        self._weights: dict[tuple[float, int, int, int], float] = {}
        for number, (group, _) in enumerate(groups):
            group.watchers.append((self._changed, number))

    def has(self, group: Group) -> bool:
        """Whether a group is able to do the work."""
        return id(group) in self._numbers

    def refresh(self) -> None:
        """Look at the groups that changed."""
        for number in self._changed:
            old, new = self._heads[number], self.groups[number][0].head(self._highest_loads[number])
            self._heads[number] = new
            # The same tuple unless somebody came or went, which is rare beside what is given and taken off.
            if old.away is not new.away:
                for name, before, now in zip(filters.OF_STANDING, old.away, new.away, strict=True):
                    self.away[name] += now - before
            self.ready += new.ready - old.ready
            self.full += new.full - old.full
            self._stand(number, self._front(number, new.first) if new.first is not None else None)
        self._changed.clear()

    def walk(self) -> Iterator[Front]:
        """Those who are able and have room: the one with the least `weight_below`, then the longest idle, to the last.

        Who follows in a group is looked for only once somebody asks for more than its front.
        """
        further: list[Front] = []
        for own in self._order:
            while further and further[0] < own:
                front = heappop(further)
                yield front
                self._follow(front, further)
            yield own
            self._follow(own, further)
        while further:
            front = heappop(further)
            yield front
            self._follow(front, further)

    def _follow(self, front: Front, further: list[Front]) -> None:
        """Let those come who may be next in the same group: in the same cell, and in the next one that has room."""
        number, cell_number, after = front.number, front.cell_number, front.place + 1
        group = self.groups[number][0]
        standing = group.cells[group.order[cell_number]]
        if after < len(standing):
            last_at, technician_id = standing[after]
            heappush(further, Front(front.weight_below, last_at, technician_id, number, cell_number, after))
        if front.place == 0 and cell_number + 1 < len(group.order):
            following = group.first_from(cell_number + 1, self._highest_loads[number])
            if following is not None:
                heappush(further, self._front(number, following))

    def _stand(self, number: int, new: Front | None) -> None:
        """Put the front of a group in its place, in place of the one before."""
        old = self._fronts[number]
        if old == new:
            return
        if old is not None:
            del self._order[bisect_left(self._order, old)]
        if new is not None:
            insort(self._order, new)
        self._fronts[number] = new

    def _front(self, number: int, cell_number: int) -> Front:
        """Who stands first in a cell, with what they weigh if idle for long, having nothing to do with the ticket."""
        group, match = self.groups[number]
        cell = group.order[cell_number]
        last_at, technician_id = group.cells[cell][0]
        key = (match, group.profile.capacity, cell.load, cell.assigned_weight)
        weight_below = self._weights.get(key)
        if weight_below is None:
            weight_below = self._weights[key] = -self._most(group, match, cell)
            if len(self._weights) > WEIGHTS_MAX:
                self._weights.clear()
        return Front(weight_below, last_at, technician_id, number, cell_number, 0)

    def _most(self, group: Group, match: float, cell: Cell) -> float:
        policy = self._policy
        return basis_of(
            policy.load_factor * load.weigh(self.requirement, group.profile, cell.load),
            policy.skill_match_factor * match,
            policy.fairness_factor * fairness.weigh(cell.assigned_weight),
            policy.idle_factor * IDLEST,
        )
