"""Who gets a piece of work: filters drop, weights rank the rest, the id settles ties.

The outcome is that of asking every filter and weigher about every technician (a test compares the two); the groups of
the roster only save the asking. In a group all are equal but for load and name, so its best are its least loaded, and
only the technician of the last cycle may rank higher than their place.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from operator import itemgetter
from typing import Final, NamedTuple

import msgspec

from services.router.domain import filters
from services.router.domain.filters import capacity, declined
from services.router.domain.roster import Able, Group, Roster
from services.router.domain.weights import continuity, load, skill_match
from services.router.domain.work import Profile, Requirement, Technician, Work, profile_of, requirement_of

PLACES: Final = 3
"""How many an assignment names: the winner and the next two."""

WEIGHT_DIGITS: Final = 6
"""Weights are compared as they are shown. Steps of load are coarser than this (see `Factors`)."""


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
    absent = full = refused = 0
    fronts: list[tuple[float, str, _Line]] = []
    for group, match in able.groups:
        ready = group.ready
        fitting = group.count_up_to(capacity.highest_load(requirement, group.profile))
        absent += group.members - len(ready)
        full += len(ready) - fitting
        if fitting:
            line = _Line(group, match, fitting)
            if work.declined_by:
                refused += contest.count_declined(group)
            front = contest.front_of(line)
            if front is not None:
                held, technician_id = front
                fronts.append((-contest.weigh(line.group.profile, match, held), technician_id, line))
    # Whoever is among the first three stands in a line whose front is, too. Continuity changes that for one only.
    fronts.sort(key=_FRONT)
    ranked = {each for *_, line in fronts[:PLACES] for each in contest.best_of(line)}
    ranked.update(contest.last_of_cycle(able))
    dropped = {**able.dropped, filters.PRESENCE: absent, filters.CAPACITY: full, filters.DECLINED: refused}
    return Choice(tuple(sorted(ranked, key=_place)[:PLACES]), dropped)


def choose_wanted(work: Work, technician_id: str, roster: Roster, factors: Factors) -> Choice:
    """A coordinator's choice, which no filter overrules; the next two are those whom `choose` would have taken."""
    by_rule = choose(work, roster, factors)
    requirement = requirement_of(work)
    profile = profile_of(roster.find(technician_id) or Technician(technician_id))
    match = skill_match.weigh(requirement, profile)
    contest = _Contest(work, requirement, roster, factors)
    wanted = contest.rank(profile, match, roster.load_of(technician_id), technician_id)
    others = [ranked for ranked in by_rule.ranked if ranked.technician_id != technician_id]
    return Choice((wanted, *others[: PLACES - 1]), by_rule.dropped)


class _Line(NamedTuple):
    """A group that is able to do the work: its `skill_match`, and how many of its ready ones have room (the first)."""

    group: Group
    match: float
    fitting: int


_FRONT: Final = itemgetter(0, 1)


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

    def count_declined(self, group: Group) -> int:
        """How many of those with room declined the work before."""
        return sum(self._fits(technician_id, group) for technician_id in self._work.declined_by)

    def front_of(self, line: _Line) -> tuple[int, str] | None:
        """Load and id of the first in line, None where all of them declined."""
        return next(self._willing(line), None) if self._work.declined_by else line.group.ready[0]

    def best_of(self, line: _Line) -> list[Ranked]:
        """The first of a line."""
        first = islice(self._willing(line), PLACES)
        return [self.rank(line.group.profile, line.match, held, technician_id) for held, technician_id in first]

    def last_of_cycle(self, able: Able) -> list[Ranked]:
        """The technician who worked on the ticket last, where every filter keeps them."""
        technician_id = self._work.last_technician_id
        if technician_id is None or not declined.keeps(self._work, technician_id):
            return []
        held = self._roster.load_of(technician_id)
        return [
            self.rank(group.profile, match, held, technician_id)
            for group, match in able.groups
            if self._fits(technician_id, group)
        ]

    def weigh(self, profile: Profile, match: float, held: int) -> float:
        """The sum of the weighers that go by what someone is and holds."""
        weight = self._factors.load * load.weigh(self._requirement, profile, held) + self._factors.skill_match * match
        return round(weight, WEIGHT_DIGITS)

    def rank(self, profile: Profile, match: float, held: int, technician_id: str) -> Ranked:
        """Someone with the sum of all weighers."""
        again = self._factors.continuity * continuity.weigh(self._work, technician_id)
        return Ranked(technician_id, round(self.weigh(profile, match, held) + again, WEIGHT_DIGITS))

    def _willing(self, line: _Line) -> Iterator[tuple[int, str]]:
        return (place for place in islice(line.group.ready, line.fitting) if declined.keeps(self._work, place[1]))

    def _fits(self, technician_id: str, group: Group) -> bool:
        """Whether a technician is of this group, ready, and has room."""
        highest_load = capacity.highest_load(self._requirement, group.profile)
        return (
            self._roster.ready_group_of(technician_id) is group and self._roster.load_of(technician_id) <= highest_load
        )
