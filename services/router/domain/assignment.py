"""Who gets a piece of work: filters drop, weights rank the rest, the id settles ties.

The outcome is that of asking every filter and weigher about every technician (a test compares the two); the groups of
the roster only save the asking. In a group all are equal but for load and name, so its best are its least loaded, and
only the technician of the last cycle may rank higher than their place.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from services.router.domain import filters
from services.router.domain.filters import capacity, declined
from services.router.domain.roster import Group, Roster
from services.router.domain.weights import continuity, load, skill_match
from services.router.domain.work import Profile, Requirement, Technician, Work, profile_of, requirement_of

PLACES: Final = 3
"""How many an assignment names: the winner and the next two."""

WEIGHT_DIGITS: Final = 6
"""Weights are compared as they are shown. Steps of load are coarser than this (see `Factors`)."""

_PASSING: Final = (filters.PRESENCE, filters.CAPACITY, filters.DECLINED)
"""The filters that depend on more than what a technician is."""


class Factors(msgspec.Struct, frozen=True):
    """How much each weigher counts.

    `load` is at least 0.01, so that with a capacity of at most 1,000 one more held weight always shows in the sum.
    """

    load: float = 1.0
    continuity: float = 0.5
    skill_match: float = 0.1


class Ranked(NamedTuple):
    """Someone who may take the work; a higher weight ranks first."""

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


def choose(work: Work, roster: Roster, factors: Factors) -> Choice:
    """The best for the work among those whom every filter keeps."""
    requirement = requirement_of(work)
    able = roster.able(requirement)
    contest = _Contest(work, requirement, roster, factors)
    dropped = {**able.dropped, **dict.fromkeys(_PASSING, 0)}
    fronts: list[tuple[Ranked, Group]] = []
    for group in able.groups:
        fitting = contest.fitting(group)
        dropped[filters.PRESENCE] += group.members - len(group.ready)
        dropped[filters.CAPACITY] += len(group.ready) - fitting
        if fitting:
            dropped[filters.DECLINED] += contest.count_declined(group)
            fronts += [(ranked, group) for ranked in contest.best_of(group, fitting, 1)]
    # Whoever is among the first three stands in a group whose front is, too.
    fronts.sort(key=lambda front: _place(front[0]))
    ranked = {each for _, group in fronts[:PLACES] for each in contest.best_of(group, contest.fitting(group), PLACES)}
    ranked.update(contest.last_of_cycle(able.groups))
    return Choice(tuple(sorted(ranked, key=_place)[:PLACES]), dropped)


def choose_wanted(work: Work, technician_id: str, roster: Roster, factors: Factors) -> Choice:
    """A coordinator's choice, which no filter overrules; the next two are those whom `choose` would have taken."""
    by_rule = choose(work, roster, factors)
    profile = profile_of(roster.find(technician_id) or Technician(technician_id))
    contest = _Contest(work, requirement_of(work), roster, factors)
    wanted = contest.rank(profile, roster.load_of(technician_id), technician_id)
    others = [ranked for ranked in by_rule.ranked if ranked.technician_id != technician_id]
    return Choice((wanted, *others[: PLACES - 1]), by_rule.dropped)


def _place(ranked: Ranked) -> tuple[float, str]:
    return (-ranked.weight, ranked.technician_id)


class _Contest:
    """One piece of work and those who may take it."""

    __slots__ = ("_factors", "_requirement", "_roster", "_work")

    def __init__(self, work: Work, requirement: Requirement, roster: Roster, factors: Factors) -> None:
        self._work = work
        self._requirement = requirement
        self._roster = roster
        self._factors = factors

    def fitting(self, group: Group) -> int:
        """How many of the group's ready ones have room; they stand first."""
        return group.count_up_to(capacity.highest_load(self._requirement, group.profile))

    def count_declined(self, group: Group) -> int:
        """How many of those with room declined the work before."""
        return sum(self._fits(technician_id, group) for technician_id in self._work.declined_by)

    def best_of(self, group: Group, fitting: int, places: int) -> list[Ranked]:
        """The least loaded of a group, leaving out who declined; continuity is not seen to (`last_of_cycle`)."""
        front: Iterable[tuple[int, str]] = islice(group.ready, fitting)
        if self._work.declined_by:
            front = (place for place in front if declined.keeps(self._work, place[1]))
        return [self.rank(group.profile, held, technician_id) for held, technician_id in islice(front, places)]

    def last_of_cycle(self, groups: tuple[Group, ...]) -> list[Ranked]:
        """The technician who worked on the ticket last, where every filter keeps them."""
        technician_id = self._work.last_technician_id
        if technician_id is None or not declined.keeps(self._work, technician_id):
            return []
        group = self._roster.ready_group_of(technician_id)
        if group is None or group not in groups or not self._fits(technician_id, group):
            return []
        return [self.rank(group.profile, self._roster.load_of(technician_id), technician_id)]

    def rank(self, profile: Profile, held: int, technician_id: str) -> Ranked:
        """Someone with the sum of all weighers."""
        factors = self._factors
        weight = (
            factors.load * load.weigh(self._requirement, profile, held)
            + factors.continuity * continuity.weigh(self._work, technician_id)
            + factors.skill_match * skill_match.weigh(self._requirement, profile)
        )
        return Ranked(technician_id, round(weight, WEIGHT_DIGITS))

    def _fits(self, technician_id: str, group: Group) -> bool:
        """Whether a technician is of this group, ready, and has room."""
        highest_load = capacity.highest_load(self._requirement, group.profile)
        return (
            self._roster.ready_group_of(technician_id) is group and self._roster.load_of(technician_id) <= highest_load
        )
