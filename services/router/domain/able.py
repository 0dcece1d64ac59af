"""Who is able to do one kind of work, kept sorted by what they weigh: so that the best are found without a scan.

Each group counts with its front, the first technician of its best cell that has room; the fronts stand in one sorted
list. A group that changed is only noted, and looked at when this kind of work comes next, so a change costs as much for
kinds of work that never come as a note does.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush

from services.router.domain import filters
from services.router.domain.group import NOBODY, Counts, Front, Group
from services.router.domain.scale import Scale
from services.router.domain.work import Requirement


class Able:
    """The groups that are able to do work of one requirement, each with the scale that it is weighed by.

    `members` counts those in the groups who could carry it if they held nothing; `dropped` those whom each filter of
    profiles drops. What else there is holds after `refresh`.
    """

    def __init__(
        self, requirement: Requirement, groups: Sequence[tuple[Group, Scale]], dropped: Mapping[str, int]
    ) -> None:
        self.dropped = dropped
        self.members = sum(group.members for group, _ in groups if group.profile.capacity >= requirement.weight)
        self.away = dict.fromkeys(filters.OF_STANDING, 0)
        self.ready = 0
        self.full = 0
        self._order: list[Front] = []
        self._changed = set(range(len(groups)))
        # Lists by number, not a record a group: what is looked at this often should be one step away in memory.
        self.groups = [group for group, _ in groups]
        self._heads = [NOBODY] * len(groups)
        self._scales = [scale for _, scale in groups]
        self._numbers = {group: number for number, group in enumerate(self.groups)}
        for number, group in enumerate(self.groups):
            group.watchers.append((self._changed, number))

    def has(self, group: Group) -> bool:
        """Whether a group is able to do the work."""
        return group in self._numbers

    def scale_of(self, group: Group) -> Scale:
        """What the work weighs the technicians of a group by that is able to do it."""
        return self._scales[self._numbers[group]]

    def refresh(self) -> None:
        """Look at the groups that changed."""
        heads, order = self._heads, self._order
        for number in self._changed:
            counts_before, before = heads[number]
            heads[number] = head = self.groups[number].head(self._scales[number])
            counts, front = head
            if counts != counts_before:
                self._count(counts_before, counts)
            if front != before:
                if before is not None:
                    del order[bisect_left(order, before)]
                if front is not None:
                    insort(order, front)
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
        weight_below, _, _, group, cell_number, place = front
        if group.ready == 1:
            return
        standing, after = group.cells[group.order[cell_number]], place + 1
        if after < len(standing):
            last_at, technician_id = standing[after]
            heappush(further, (weight_below, last_at, technician_id, group, cell_number, after))
        if place == 0:
            following = group.front_from(cell_number + 1, self.scale_of(group))
            if following is not None:
                heappush(further, following)

    def _count(self, before: Counts, now: Counts) -> None:
        self.ready += now.ready - before.ready
        self.full += now.full - before.full
        if now.away is not before.away:
            for name, dropped_before, dropped in zip(filters.OF_STANDING, before.away, now.away, strict=True):
                self.away[name] += dropped - dropped_before
