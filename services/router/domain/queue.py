"""The waiting work of a pool, in order, by what it asks for.

Work of equal requirement waits in one line. Whoever becomes free looks at the head of each line that suits them and
takes the first of these heads, so a head that suits nobody holds up no other line. Waiting changes both: age raises the
priority, and work that waited for long asks for less; `advance` catches up with that.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Container, Iterable
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from schemas.routing_policy import RoutingFilter
from services.router.domain.filters import capacity, conflict, declined, owner, skill
from services.router.domain.policy import Policy
from services.router.domain.roster import dropped_beside_skill
from services.router.domain.work import (
    Kind,
    Order,
    Profile,
    Requirement,
    Work,
    kind_of,
    loosens_at,
    order_of,
    raised_next_at,
    requirement_of,
)

STALE_MIN: Final = 1_024
"""Instants of work that has left are cleared away once they outnumber the waiting work by this much and twofold."""

EMPTY_MIN: Final = 64
"""Lines that are empty are dropped once they outnumber the others by this much."""

SUITS_MAX: Final = 1_000_000
"""How many lines the kept answers of `Queue._lines_for` may name in all; beyond that all are looked up anew."""


class Waiter(NamedTuple):
    """Someone who could take more: who they are, what they hold, and the requesters they have a conflict with."""

    technician_id: str
    profile: Profile
    load: int
    conflicts: Container[str] = ()


class Line(NamedTuple):
    """What waits with one requirement, in order."""

    requirement: Requirement
    orders: list[Order]


class Spot(NamedTuple):
    """Where a piece of work stands: its line and its place in that."""

    line: Line
    order: Order

    @property
    def requirement(self) -> Requirement:
        """What the work asks for by now."""
        return self.line.requirement


class Queue:
    """All waiting work of a pool. Its order is that of `work.Order`, whatever the order of arrival."""

    def __init__(self, policy: Policy) -> None:
        self._go_by(policy)
        self._at: datetime | None = None
        self._lines: dict[Requirement, Line] = {}
        self._by_skill: dict[str | None, list[Line]] = {}
        self._empty = 0
        self._suited: dict[Profile, list[Line]] = {}
        self._suited_by_skill: dict[tuple[Kind, str | None], list[Line]] = {}
        self._suits = 0
        self._work: dict[str, Work] = {}
        self._newest: Work | None = None
        self._spots: dict[str, Spot] = {}
        self._changing: list[tuple[datetime, str, int]] = []

    def __len__(self) -> int:
        return len(self._work)

    @property
    def instants_noted(self) -> int:
        """How many instants are remembered at which something about waiting work changes."""
        return len(self._changing)

    @property
    def lines_kept(self) -> int:
        """How many kinds of work are remembered, some included of which nothing waits now."""
        return len(self._lines)

    def ticket_ids(self) -> Iterable[str]:
        """The tickets that wait, in no order."""
        return self._work.keys()

    def spot_of(self, ticket_id: str) -> Spot:
        """Where waiting work stands, and what it asks for by now; KeyError for work that does not wait."""
        self._place_newest()
        return self._spots[ticket_id]

    def rule(self, policy: Policy) -> None:
        """Go by another policy."""
        if policy != self._policy:
            self._go_by(policy)
            self._rebuild()

    def advance(self, now: datetime) -> None:
        """Bring places to `now`; an earlier instant than before brings all of them anew."""
        if self._at == now:
            return
        earlier = self._at is None or now < self._at
        self._at = now
        if earlier:
            self._rebuild()
            return
        self._place_newest()
        changing = self._changing
        while changing and changing[0][0] <= now:
            _, ticket_id, generation = heappop(changing)
            work = self._work.get(ticket_id)
            if work is not None and work.generation == generation:
                self._take(ticket_id)
                self._put(work)

    def add(self, work: Work) -> None:
        """Let work wait. It finds its place once somebody looks, or more comes: most is given away before that."""
        self._place_newest()
        self._work[work.ticket_id] = self._newest = work

    def remove(self, work: Work) -> None:
        """Take work out, wherever it stands."""
        del self._work[work.ticket_id]
        if self._newest is not None and self._newest.ticket_id == work.ticket_id:
            self._newest = None
        else:
            self._take(work.ticket_id)

    def first_for(self, waiter: Waiter) -> Work | None:
        """The first work that this person can take with what they hold now; the caller has seen that they are ready."""
        self._place_newest()
        first: Order | None = None
        for line in self._lines_for(waiter.profile):
            requirement, orders = line
            if not orders or (first is not None and first < orders[0]):
                continue
            if waiter.load > capacity.highest_load(requirement, waiter.profile):
                continue
            if not owner.keeps(requirement, waiter.technician_id):
                continue
            order = self._first_in(orders, waiter)
            if order is not None and (first is None or order < first):
                first = order
        return self._work[first.ticket_id] if first is not None else None

    def _lines_for(self, profile: Profile) -> list[Line]:
        """The lines that technicians of a profile are able to serve; asked once, until lines come or go."""
        lines = self._suited.get(profile)
        if lines is None:
            if self._suits > SUITS_MAX:
                self._forget_suited()
            kind = kind_of(profile)
            found = (line for name in (*profile.skills, None) for line in self._lines_under(name, kind, profile))
            lines = self._suited[profile] = [line for line in found if skill.keeps(line.requirement, profile)]
            self._suits += 1 + len(lines)
        return lines

    def _lines_under(self, name: str | None, kind: Kind, profile: Profile) -> list[Line]:
        """Those under one skill that a profile of this kind could serve if it had all other skills, too."""
        lines = self._suited_by_skill.get((kind, name))
        if lines is None:
            asked = self._by_skill.get(name, ())
            lines = [line for line in asked if dropped_beside_skill(line.requirement, profile) is None]
            self._suited_by_skill[kind, name] = lines
            self._suits += 1 + len(lines)
        return lines

    def _forget_suited(self) -> None:
        self._suited.clear()
        self._suited_by_skill.clear()
        self._suits = 0

    def _first_in(self, orders: list[Order], waiter: Waiter) -> Order | None:
        for order in orders:
            work = self._work[order.ticket_id]
            if self._declines and not declined.keeps(work, waiter.technician_id):
                continue
            if self._conflicts and not conflict.keeps(work, waiter.conflicts):
                continue
            return order
        return None

    def _go_by(self, policy: Policy) -> None:
        self._policy = policy
        self._declines = RoutingFilter.DECLINED in policy.filters
        self._conflicts = RoutingFilter.CONFLICT in policy.filters

    def _place_newest(self) -> None:
        newest, self._newest = self._newest, None
        if newest is not None:
            self._put(newest)

    def _put(self, work: Work) -> None:
        # Before the first `advance` there is no now, and with it all find their places anew.
        now = self._at if self._at is not None else work.waiting_since
        line, order = self._line(requirement_of(work, self._policy, now)), order_of(work, self._policy, now)
        self._spots[work.ticket_id] = Spot(line, order)
        insort(line.orders, order)
        changes_at = _changes_at(work, self._policy, now)
        if changes_at is not None:
            heappush(self._changing, (changes_at, work.ticket_id, work.generation))
            if len(self._changing) > 2 * len(self._spots) + STALE_MIN:
                self._drop_stale(now)

    def _drop_stale(self, now: datetime) -> None:
        """Most work is given away at once, hours before it would have been raised."""
        instants = ((work, _changes_at(work, self._policy, now)) for work in self._work.values())
        self._changing = [(at, work.ticket_id, work.generation) for work, at in instants if at is not None]
        heapify(self._changing)

    def _take(self, ticket_id: str) -> None:
        (_, orders), order = self._spots.pop(ticket_id)
        # Whoever becomes free takes from the head, where a search would end last.
        del orders[0 if orders[0] is order else bisect_left(orders, order)]
        if not orders:
            self._empty += 1
            if 2 * self._empty > len(self._lines) + EMPTY_MIN:
                self._drop_empty()

    def _line(self, requirement: Requirement) -> Line:
        line = self._lines.get(requirement)
        if line is None:
            line = Line(requirement, [])
            self._add_line(line)
            self._forget_suited()
        elif not line.orders:
            self._empty -= 1
        return line

    def _add_line(self, line: Line) -> None:
        self._lines[line.requirement] = line
        # Under one of its skills is enough: whoever lacks that one is not able.
        self._by_skill.setdefault(min(line.requirement.skills, default=None), []).append(line)

    def _forget_lines(self) -> None:
        self._lines.clear()
        self._by_skill.clear()
        self._empty = 0
        self._forget_suited()

    def _drop_empty(self) -> None:
        """Lines are kept for a while once they are empty: where little waits, they come and go with each ticket."""
        kept = [line for line in self._lines.values() if line.orders]
        self._forget_lines()
        for line in kept:
            self._add_line(line)

    def _rebuild(self) -> None:
        self._forget_lines()
        self._spots.clear()
        self._changing.clear()
        self._newest = None
        for work in self._work.values():
            self._put(work)


def _changes_at(work: Work, policy: Policy, now: datetime) -> datetime | None:
    """When waiting alone changes next what the work asks for or where it stands."""
    instants = [instant for instant in loosens_at(work, policy) if instant > now]
    raised_at = raised_next_at(work, policy, now)
    if raised_at is not None:
        instants.append(raised_at)
    return min(instants, default=None)
