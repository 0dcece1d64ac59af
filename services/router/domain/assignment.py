"""Who gets a piece of work: filters drop, weights rank the rest; equals go by idleness, then by id.

The outcome is that of asking every filter and weigher about every technician (`explaining` does, and a test compares
the two); the groups of the roster only save the asking. Those who are able and have room are looked at from the best
on, until nobody after can be one of the first three.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec

from schemas.routing_policy import RoutingFilter
from services.router.domain import filters
from services.router.domain.able import Able
from services.router.domain.filters import capacity
from services.router.domain.group import Front
from services.router.domain.roster import Place, Roster
from services.router.domain.weights.total import Moment, Person, parts_of, ties_of, with_ties
from services.router.domain.work import Requirement, Technician, Work, profile_of

PLACES: Final = 3
"""How many an assignment names: the winner and the next two."""

_SAME: Final = 2e-6
"""Two sums of the same numbers in another order may be rounded apart by this much."""


class Ranked(msgspec.Struct, frozen=True, gc=False):
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


Rank = tuple[float, int, str]
"""How candidates sort, best first: weight below, last assigned at, id. What a `Front` begins with."""


def choose(work: Work, requirement: Requirement, roster: Roster) -> Choice:
    """The best for the work, which asks for `requirement` by now, among those whom every filter keeps."""
    able = roster.able(requirement)
    contest = _Contest(work, requirement, roster)
    dropped = {**able.dropped, **able.away, filters.CAPACITY: able.full, **_NONE_YET}
    barred = contest.barred(able, dropped)
    ranks = contest.best(able, barred)
    return Choice(tuple([Ranked(technician_id, -weight_below) for weight_below, _, technician_id in ranks]), dropped)


def choose_wanted(work: Work, requirement: Requirement, technician_id: str, roster: Roster) -> Choice:
    """Someone whom no filter overrules; the next two are those whom `choose` would have taken."""
    by_rule = choose(work, requirement, roster)
    wanted = Ranked(technician_id, -_Contest(work, requirement, roster).rank(technician_id)[0])
    others = [ranked for ranked in by_rule.ranked if ranked.technician_id != technician_id]
    return Choice((wanted, *others[: PLACES - 1]), by_rule.dropped)


def bars(work: Work, roster: Roster) -> dict[str, frozenset[str]]:
    """Whom conflicts and declines keep from this very ticket, by filter."""
    in_force = roster.policy.filters
    conflicts = roster.conflicted(work.requester_id) if RoutingFilter.CONFLICT in in_force else ()
    declined = work.declined_by if RoutingFilter.DECLINED in in_force else ()
    return {filters.CONFLICT: frozenset(conflicts), filters.DECLINED: frozenset(declined)}


_NOBODY: Final[frozenset[str]] = frozenset()
_NONE_YET: Final = {filters.OWNER: 0, filters.CONFLICT: 0, filters.DECLINED: 0}


class _Contest:
    """One piece of work and those who may take it."""

    __slots__ = ("_policy", "_requirement", "_roster", "_work")

    def __init__(self, work: Work, requirement: Requirement, roster: Roster) -> None:
        self._work = work
        self._requirement = requirement
        self._roster = roster
        self._policy = roster.policy

    def barred(self, able: Able, dropped: dict[str, int]) -> frozenset[str]:
        """Count whom the filters of this very ticket drop; return those whom declines and conflicts do."""
        if self._requirement.only is not None:
            dropped[filters.OWNER] = able.ready - able.full - self._fits(self._requirement.only, able)
        barred = _NOBODY
        if not self._work.declined_by and not self._roster.conflicted(self._work.requester_id):
            return barred
        for name, ids in bars(self._work, self._roster).items():
            if ids:
                asked = ids if self._requirement.only is None else ids & {self._requirement.only}
                dropped[name] = sum(self._fits(each, able) for each in asked - barred)
                barred |= ids
        return barred

    def best(self, able: Able, barred: frozenset[str]) -> list[Rank]:
        """The first three among those who are not barred."""
        named = self._named(able, barred)
        if self._requirement.only is not None:
            return list(named.values())
        if not (named or self._policy.fairness_factor or self._policy.idle_factor):
            # With no part that a front only bounds, the walk is already in the order of ranks.
            return [front[:3] for front in islice(_without(barred, able.walk()), PLACES)]
        ranks = sorted(named.values())[:PLACES]
        for front in _without(barred.union(named), able.walk()):
            if len(ranks) >= PLACES and self._is_behind(front, ranks[-1]):
                break
            insort(ranks, self.rank(front[2]) if self._policy.idle_factor else front[:3])
            del ranks[PLACES:]
        return ranks

    def _rank_at(self, place: Place, able: Able) -> Rank:
        """Whoever stands there, with the sum of all weighers: their cell's, and what ties them to the ticket."""
        last_at, technician_id = place.line
        if self._policy.idle_factor:
            return self.rank(technician_id)
        below = able.view_of(place.group).scale.weight_below(place.cell.load, place.cell.assigned_weight)
        return -with_ties(-below, *ties_of(self._work, technician_id, self._policy)), last_at, technician_id

    def _is_behind(self, front: Front, third: Rank) -> bool:
        """Whether neither this one nor any after can come before the third."""
        if self._policy.fairness_factor:
            return front[0] > third[0] + _SAME
        return front[:3] > third

    def rank(self, technician_id: str) -> Rank:
        """Someone with the sum of all weighers."""
        roster = self._roster
        profile = profile_of(roster.find(technician_id) or Technician(technician_id), self._policy)
        tally = roster.tally_of(technician_id)
        person = Person(technician_id, profile, roster.load_of(technician_id), tally)
        moment = Moment(roster.at_us, roster.day)
        parts = parts_of(self._work, self._requirement, person, self._policy, moment)
        return -parts.weight, tally.last_at, technician_id

    def _named(self, able: Able, barred: frozenset[str]) -> dict[str, Rank]:
        """Those whom a weigher or a filter of this very ticket names, who may rank higher than their cell."""
        work, requirement = self._work, self._requirement
        if work.last_technician_id is work.related_technician_id is work.requester_id is None:
            return {}  # nothing is known of most new tickets; a named owner follows from the requester
        owner = self._policy.owners.get(work.requester_id) if work.requester_id is not None else None
        ranks = {}
        asked = (work.last_technician_id, work.related_technician_id, owner, requirement.only)
        for technician_id in dict.fromkeys(asked):
            if technician_id is None or technician_id in barred:
                continue
            if requirement.only is None or technician_id == requirement.only:
                place = self._place_of(technician_id, able)
                if place is not None:
                    ranks[technician_id] = self._rank_at(place, able)
        return ranks

    def _fits(self, technician_id: str, able: Able) -> bool:
        return self._place_of(technician_id, able) is not None

    def _place_of(self, technician_id: str, able: Able) -> Place | None:
        """Where a technician stands who is able, ready, and has room; None for everyone else."""
        place = self._roster.place_of(technician_id)
        if place is None or not able.has(place.group):
            return None
        return place if place.cell.load <= capacity.highest_load(self._requirement, place.group.profile) else None


def _without(some: frozenset[str], fronts: Iterator[Front]) -> Iterator[Front]:
    return (front for front in fronts if front[2] not in some) if some else fronts
