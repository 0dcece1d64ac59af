"""Who is able to do one kind of work, kept sorted by what they weigh: so that the best are found without a scan.

Each group counts with its front, the first technician of its best cell that has room; the fronts stand in one sorted
list. A group that changed is only noted, and looked at when this kind of work comes next, so a change costs as much for
kinds of work that never come as a note does.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import Final

from services.router.domain import filters
from services.router.domain.filters import capacity
from services.router.domain.group import NOBODY, Cell, Group, Head, Standing
from services.router.domain.policy import Policy
from services.router.domain.weights import fairness, load
from services.router.domain.weights.total import basis_of
from services.router.domain.work import Requirement

WEIGHTS_MAX: Final = 10_000
"""How many sums are remembered of each match and capacity."""

IDLEST: Final = 1.0


Front = tuple[float, int, str, int, int, int]
"""A technician who may be the best of a group: weight below, last assigned at, id, and where they stand.

They sort by the least `weight_below`, which is the negative of the most they weigh, then by who has been idle for
longer, then by id. Where they stand is the number of the group here, of the cell there, and the place in that. Plain
tuples: several are made a decision, and they are what sorting compares.
"""


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
        # Lists by number, not a record a group: what is looked at this often should be one step away in memory.
        self.groups = [group for group, _ in groups]
        self._matches = [match for _, match in groups]
        self._highest_loads = [capacity.highest_load(requirement, group.profile) for group, _ in groups]
        known: dict[tuple[float, int], dict[Cell, float]] = {}
        self._weights = [known.setdefault((match, group.profile.capacity), {}) for group, match in groups]
        self._numbers = {id(group): number for number, (group, _) in enumerate(groups)}
        for number, (group, _) in enumerate(groups):
            group.watchers.append((self._changed, number))

    def has(self, group: Group) -> bool:
        """Whether a group is able to do the work."""
        return id(group) in self._numbers

    def refresh(self) -> None:
        """Look at the groups that changed."""
        for number in self._changed:
            old, new = self._heads[number], self.groups[number].head(self._highest_loads[number])
            self._heads[number] = new
            # All three stay the same while there is room and nobody comes or goes; the tuple is even the same one.
            if new.full != old.full or new.ready != old.ready or new.away is not old.away:
                self._count(old, new)
            before = self._fronts[number]
            front = None if new.first is None else self._front(number, new.first)
            if front != before:
                if before is not None:
                    del self._order[bisect_left(self._order, before)]
                if front is not None:
                    insort(self._order, front)
                self._fronts[number] = front
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
        weight_below, _, _, number, cell_number, place = front
        group = self.groups[number]
        if group.ready == 1:
            return
        standing, after = group.cells[group.order[cell_number]], place + 1
        if after < len(standing):
            last_at, technician_id = standing[after]
            heappush(further, (weight_below, last_at, technician_id, number, cell_number, after))
        if place == 0:
            following = group.first_from(cell_number + 1, self._highest_loads[number])
            if following is not None:
                heappush(further, self._front(number, following))

    def _count(self, old: Head, new: Head) -> None:
        self.ready += new.ready - old.ready
        self.full += new.full - old.full
        for name, before, now in zip(filters.OF_STANDING, old.away, new.away, strict=True):
            self.away[name] += now - before

    def _front(self, number: int, standing: Standing) -> Front:
        """Who stands first in a cell, with what they weigh if idle for long, having nothing to do with the ticket."""
        cell_number, cell, (last_at, technician_id) = standing
        weights = self._weights[number]
        weight_below = weights.get(cell)
        if weight_below is None:
            if len(weights) >= WEIGHTS_MAX:
                weights.clear()
            weight_below = weights[cell] = -self._most(number, cell)
        return weight_below, last_at, technician_id, number, cell_number, 0

    def _most(self, number: int, cell: Cell) -> float:
        policy = self._policy
        return basis_of(
            policy.load_factor * load.weigh(self.requirement, self.groups[number].profile, cell.load),
            policy.skill_match_factor * self._matches[number],
            policy.fairness_factor * fairness.weigh(cell.assigned_weight),
            policy.idle_factor * IDLEST,
        )
