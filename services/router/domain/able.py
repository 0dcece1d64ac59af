"""Who is able to do one kind of work, the best of them at hand: so that nobody is looked for by a scan.

Each group counts with its front, the first technician of its best cell that has room. The fronts that were seen stand
in rows of equal weight, in which a group may stand too far ahead and never too far behind: one that became better is
looked at when this kind of work comes next, one that became worse is put right once its turn comes. So a change costs
as little as a note. Who is given work mostly goes to the end of another row, where nothing is to be searched.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import islice
from typing import Final

from services.router.domain import filters
from services.router.domain.group import Front, Group, View
from services.router.domain.work import Requirement

STALE_MIN: Final = 64
"""Fronts that were replaced leave the rows once they outnumber the others by this much."""


class Able:
    """The groups that are able to do work of one requirement, as work sees them.

    `members` counts those in the groups who could carry it if they held nothing; `dropped` those whom each filter of
    profiles drops. Of those in the groups, `away` counts whom each standing drops, `ready` the others, and `full` those
    of them who have no room. `standing` is how many fronts are kept, replaced ones included.
    """

    def __init__(self, requirement: Requirement, views: Sequence[View], dropped: Mapping[str, int]) -> None:
        self.dropped = dropped
        self.members = sum(view.group.members for view in views if view.group.profile.capacity >= requirement.weight)
        self.away = dict.fromkeys(filters.OF_STANDING, 0)
        self.ready = self.full = 0
        self._views = {view.group: view for view in views}
        # What stands for a group in the rows; all else in there has been replaced.
        self._seen: dict[View, Front | None] = {}
        self._weights: list[float] = []
        self._rows: dict[float, list[Front]] = {}
        self.standing = 0
        self._better: set[View] = set()
        for view in views:
            self._watch(view)
        self._stand_anew()

    def __len__(self) -> int:
        """How many groups are able."""
        return len(self._views)

    def has(self, group: Group) -> bool:
        """Whether a group is able to do the work."""
        return group in self._views

    def view_of(self, group: Group) -> View:
        """How the work sees a group that is able to do it."""
        return self._views[group]

    # ── what groups tell ────────────────────────────────────────────────────────────────────────────────────────────

    def count(self, ready: int, full: int) -> None:
        """See `group.Watcher`."""
        self.ready += ready
        self.full += full

    def count_away(self, reason: str, count: int) -> None:
        """See `group.Watcher`."""
        self.away[reason] += count

    def note_better(self, view: View) -> None:
        """See `group.Watcher`."""
        self._better.add(view)

    # ── what is asked ───────────────────────────────────────────────────────────────────────────────────────────────

    def walk(self) -> Iterator[Front]:
        """Those who are able and have room: the one with the least `weight_below`, then the longest idle, to the last.

        Who follows in a group is looked for only once somebody asks for more than its front.
        """
        self._look_at_better()
        further: list[Front] = []
        for own in self._fronts():
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

    def _fronts(self) -> Iterator[Front]:
        """The front of each group, those of the least weight first; puts right what stands too far ahead."""
        weights, number = self._weights, 0
        while number < len(weights):
            row, place = self._rows[weights[number]], 0
            while place < len(row):
                front = row[place]
                if front[3].look() is front:
                    yield front
                    place += 1
                else:
                    self._put_right(row, place)
            if row:
                number += 1
            else:
                del self._rows[weights.pop(number)]

    def _put_right(self, row: list[Front], place: int) -> None:
        """Let those leave a row, from a place on to the first who is right there, who do not stand there any more.

        All at once: after a long time of other work nearly everyone may have to.
        """
        seen = self._seen
        left: list[tuple[View, Front | None]] = []
        nearer: list[Front] = []
        until = place
        for front in islice(row, place, None):
            view = front[3]
            now = view.look()
            if now is front:
                break
            until += 1
            if seen[view] is not front:
                continue
            if now is not None and now < front:
                # Only by how the sums of load and fairness are rounded: it stays where nobody passes it by.
                seen[view] = now
                nearer.append(now)
            else:
                left.append((view, now))
        row[place:until] = nearer
        self.standing += len(nearer) - (until - place)
        for view, now in left:
            self._stand(view, now)

    def _follow(self, front: Front, further: list[Front]) -> None:
        """Let those come who may be next in the same group: in the same cell, and in the next one that has room."""
        weight_below, _, _, view, cell_number, place = front
        group = view.group
        if group.ready == 1:
            return
        standing, after = group.cells[group.order[cell_number]], place + 1
        if after < len(standing):
            last_at, technician_id = standing[after]
            heappush(further, (weight_below, last_at, technician_id, view, cell_number, after))
        if place == 0:
            following = view.front_from(cell_number + 1)
            if following is not None:
                heappush(further, following)

    # ── how it is kept ──────────────────────────────────────────────────────────────────────────────────────────────

    def _watch(self, view: View) -> None:
        view.watchers.append(self)
        self.ready += view.group.ready
        self.full += view.full
        for reason, count in view.group.away.items():
            self.away[reason] += count
        self._seen[view] = view.look()

    def _look_at_better(self) -> None:
        if not self._better:
            return
        for view in self._better:
            now, before = view.look(), self._seen[view]
            if now is not None and (before is None or now < before):
                self._stand(view, now)
        self._better.clear()
        if self.standing > 2 * len(self._seen) + STALE_MIN:
            self._stand_anew()

    def _stand(self, view: View, front: Front | None) -> None:
        """Let a group stand where its front belongs."""
        self._seen[view] = front
        if front is None:
            return
        self.standing += 1
        row = self._rows.get(front[0])
        if row is None:
            self._rows[front[0]] = [front]
            insort(self._weights, front[0])
        elif not row or row[-1] < front:
            row.append(front)
        else:
            insort(row, front)

    def _stand_anew(self) -> None:
        """Build the rows from what was seen: a group that becomes better again and again leaves a front each time."""
        self._rows.clear()
        for front in self._seen.values():
            if front is not None:
                self._rows.setdefault(front[0], []).append(front)
        for row in self._rows.values():
            row.sort()
        self._weights = sorted(self._rows)
        self.standing = sum(map(len, self._rows.values()))
