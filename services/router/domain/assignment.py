"""Who gets a piece of work: filters drop, weights rank the rest; equals go by idleness, then by id.

The outcome is that of asking every filter and weigher about every technician (`explaining` does, and a test compares
the two); the groups of the roster only save the asking. Groups and their cells are looked at from the best on, until
none of the others can hold one of the first three.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heapreplace
from typing import Final, NamedTuple

import msgspec

from schemas.routing_policy import RoutingFilter
from services.router.domain import filters
from services.router.domain.filters import capacity
from services.router.domain.roster import Able, Group, Place, Roster
from services.router.domain.weights import fairness, load
from services.router.domain.weights.total import Moment, Person, basis_of, parts_of
from services.router.domain.work import Profile, Requirement, Technician, Work, profile_of

PLACES: Final = 3
"""How many an assignment names: the winner and the next two."""

_SAME: Final = 2e-6
"""Two sums of the same numbers in another order may be rounded apart by this much."""


class Ranked(NamedTuple):
    """Someone who may take the work; a higher weight ranks first, then who has been idle for longer, then the id."""

    technician_id: str
    weight: float


class Choice(msgspec.Struct, frozen=True):
    """The outcome: at most three, best first, and how many technicians each filter dropped.

    Nobody in `ranked` means that the work has to wait.
    """

    ranked: tuple[Ranked, ...]
    dropped: dict[str, int]

    @property
    def winner_id(self) -> str | None:
        """Who gets the work, None if it has to wait."""
        return self.ranked[0].technician_id if self.ranked else None


class Rank(NamedTuple):
    """How candidates sort, best first."""

    weight_below: float
    last_at: int
    technician_id: str


def choose(work: Work, requirement: Requirement, roster: Roster) -> Choice:
    """The best for the work, which asks for `requirement` by now, among those whom every filter keeps."""
    able = roster.able(requirement)
    contest = _Contest(work, requirement, roster)
    dropped = {**able.dropped, **dict.fromkeys(_LATER, 0)}
    fronts: list[_Front] = []
    willing = 0
    for number, (group, match) in enumerate(able.groups):
        for reason, count in group.away.items():
            dropped[reason] += count
        if group.ready:
            highest_load = capacity.highest_load(requirement, group.profile)
            full = group.count_over(highest_load)
            dropped[filters.CAPACITY] += full
            willing += group.ready - full
            if full < group.ready:
                fronts += contest.next_front(number, group, match, 0)
    barred = contest.barred(able, willing, dropped)
    ranks = contest.best(able, fronts, barred)
    return Choice(tuple(Ranked(rank.technician_id, -rank.weight_below) for rank in ranks), dropped)


def choose_wanted(work: Work, requirement: Requirement, technician_id: str, roster: Roster) -> Choice:
    """Someone whom no filter overrules; the next two are those whom `choose` would have taken."""
    by_rule = choose(work, requirement, roster)
    wanted = Ranked(technician_id, -_Contest(work, requirement, roster).rank(technician_id).weight_below)
    others = [ranked for ranked in by_rule.ranked if ranked.technician_id != technician_id]
    return Choice((wanted, *others[: PLACES - 1]), by_rule.dropped)


def bars(work: Work, roster: Roster) -> dict[str, frozenset[str]]:
    """Whom conflicts and declines keep from this very ticket, by filter."""
    in_force = roster.policy.filters
    conflicts = roster.conflicted(work.requester_id) if RoutingFilter.CONFLICT in in_force else ()
    declined = work.declined_by if RoutingFilter.DECLINED in in_force else ()
    return {filters.CONFLICT: frozenset(conflicts), filters.DECLINED: frozenset(declined)}


_LATER: Final = (*filters.OF_STANDING, filters.CAPACITY, filters.OWNER, filters.CONFLICT, filters.DECLINED)


class _Front(NamedTuple):
    """The best that a cell of a group may hold, and which one it is; sorts by `weight_below`."""

    weight_below: float
    group_number: int
    cell_number: int
    group: Group
    match: float


class _Contest:
    """One piece of work and those who may take it."""

    __slots__ = ("_policy", "_requirement", "_roster", "_work")

    def __init__(self, work: Work, requirement: Requirement, roster: Roster) -> None:
        self._work = work
        self._requirement = requirement
        self._roster = roster
        self._policy = roster.policy

    def next_front(self, number: int, group: Group, match: float, start: int) -> list[_Front]:
        """The front of the first cell from `start` on whose technicians have room; empty where there is none."""
        highest_load = capacity.highest_load(self._requirement, group.profile)
        for cell_number in range(start, len(group.order)):
            cell = group.order[cell_number]
            if cell.load <= highest_load:
                weight = self._basis(group.profile, match, cell.load, cell.assigned_weight, 1.0)
                return [_Front(-weight, number, cell_number, group, match)]
        return []

    def barred(self, able: Able, willing: int, dropped: dict[str, int]) -> frozenset[str]:
        """Count whom the filters of this very ticket drop; return those whom declines and conflicts do."""
        if self._requirement.only is not None:
            willing_owner = self._fits(self._requirement.only, able)
            dropped[filters.OWNER] = willing - willing_owner
        barred: frozenset[str] = frozenset()
        for name, ids in bars(self._work, self._roster).items():
            if ids:
                asked = ids if self._requirement.only is None else ids & {self._requirement.only}
                dropped[name] = sum(self._fits(each, able) for each in asked - barred)
                barred |= ids
        return barred

    def best(self, able: Able, fronts: list[_Front], barred: frozenset[str]) -> list[Rank]:
        """The first three among those who are not barred."""
        found = {each: self.rank(each) for each in self._known(barred) if self._fits(each, able)}
        ranks = sorted(found.values())[:PLACES]
        if self._requirement.only is not None:
            return ranks
        heapify(fronts)
        while fronts:
            front = fronts[0]
            if len(ranks) >= PLACES and front.weight_below > ranks[-1].weight_below + _SAME:
                break
            ranks = self._with_cell(ranks, front, barred, found)
            following = self.next_front(front.group_number, front.group, front.match, front.cell_number + 1)
            if following:
                heapreplace(fronts, following[0])
            else:
                heappop(fronts)
        return ranks

    def rank(self, technician_id: str) -> Rank:
        """Someone with the sum of all weighers."""
        roster = self._roster
        profile = profile_of(roster.find(technician_id) or Technician(technician_id), self._policy)
        tally = roster.tally_of(technician_id)
        person = Person(technician_id, profile, roster.load_of(technician_id), tally)
        moment = Moment(roster.at_us, roster.day)
        parts = parts_of(self._work, self._requirement, person, self._policy, moment)
        return Rank(-parts.weight, tally.last_at, technician_id)

    def _with_cell(
        self, ranks: list[Rank], front: _Front, barred: frozenset[str], found: dict[str, Rank]
    ) -> list[Rank]:
        """The first three, with those of one more cell; the longest idle stand first in it."""
        group, policy = front.group, self._policy
        cell = group.order[front.cell_number]
        taken = 0
        candidates = list(ranks)
        for last_at, technician_id in group.cells[cell]:
            if technician_id in barred or technician_id in found:
                continue
            weight_below = self.rank(technician_id).weight_below if policy.idle_factor else front.weight_below
            candidates.append(Rank(weight_below, last_at, technician_id))
            taken += 1
            if taken == PLACES:
                break
        candidates.sort()
        return candidates[:PLACES]

    def _known(self, barred: frozenset[str]) -> Iterator[str]:
        """Those whom a weigher or a filter of this very ticket names, who may rank higher than their cell."""
        work, requirement = self._work, self._requirement
        owner = self._policy.owners.get(work.requester_id) if work.requester_id is not None else None
        named = (work.last_technician_id, work.related_technician_id, owner, requirement.only)
        for technician_id in dict.fromkeys(named):
            if technician_id is None or technician_id in barred:
                continue
            if requirement.only is None or technician_id == requirement.only:
                yield technician_id

    def _fits(self, technician_id: str, able: Able) -> bool:
        """Whether a technician is able, ready, and has room."""
        place: Place | None = self._roster.place_of(technician_id)
        if place is None or place.group not in able.known:
            return False
        return place.cell.load <= capacity.highest_load(self._requirement, place.group.profile)

    def _basis(self, profile: Profile, match: float, held: int, assigned_weight: int, idleness: float) -> float:
        policy = self._policy
        return basis_of(
            policy.load_factor * load.weigh(self._requirement, profile, held),
            policy.skill_match_factor * match,
            policy.fairness_factor * fairness.weigh(assigned_weight),
            policy.idle_factor * idleness,
        )
