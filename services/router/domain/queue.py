"""The waiting work of a pool, in order, by what it asks for.

Work of equal requirement waits in one line. Whoever becomes free looks at the head of each line that suits them and
takes the first of these heads, so a head that suits nobody holds up no other line.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from services.router.domain.filters import capacity, declined, language, level, skill
from services.router.domain.work import Order, Profile, Requirement, Work, order_of, requirement_of


class Queue:
    """All waiting work of a pool. Its order is that of `work.Order`, whatever the order of arrival."""

    __slots__ = ("_lines", "_work")

    def __init__(self) -> None:
        self._lines: dict[Requirement, list[Order]] = {}
        self._work: dict[str, Work] = {}

    def __len__(self) -> int:
        return len(self._work)

    def add(self, work: Work) -> None:
        """Put work in its place."""
        self._work[work.ticket_id] = work
        insort(self._lines.setdefault(requirement_of(work), []), order_of(work))

    def remove(self, work: Work) -> None:
        """Take work out, wherever it stands."""
        del self._work[work.ticket_id]
        requirement = requirement_of(work)
        line = self._lines[requirement]
        del line[bisect_left(line, order_of(work))]
        if not line:
            del self._lines[requirement]

    def first_for(self, technician_id: str, profile: Profile, load: int) -> Work | None:
        """The first work that this person can take with what they hold now; the caller has seen their presence."""
        first: Order | None = None
        for requirement, line in self._lines.items():
            if first is not None and first < line[0]:
                continue
            if not _suits(requirement, profile, load):
                continue
            order = self._first_in(line, technician_id)
            if order is not None and (first is None or order < first):
                first = order
        return self._work[first.ticket_id] if first is not None else None

    def _first_in(self, line: list[Order], technician_id: str) -> Order | None:
        return next((order for order in line if declined.keeps(self._work[order.ticket_id], technician_id)), None)


def _suits(requirement: Requirement, profile: Profile, load: int) -> bool:
    return (
        load <= capacity.highest_load(requirement, profile)
        and level.keeps(requirement, profile)
        and language.keeps(requirement, profile)
        and skill.keeps(requirement, profile)
    )
