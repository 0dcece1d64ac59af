"""Who gets a piece of work: filters drop, weights rank the rest, the id settles ties.

The outcome is that of asking every filter and weigher about every technician (a test compares the two); the groups of
the roster only save the asking. In a group all are equal but for load and name, so its best are its least loaded, and
only the technician of the last cycle may rank higher than their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

import msgspec

from services.router.domain import filters
from services.router.domain.filters import capacity, declined, language, level, skill
from services.router.domain.roster import Group, Roster
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


class Ranked(msgspec.Struct, frozen=True):
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
    dropped = dict.fromkeys(filters.NAMES, 0)
    ranked: list[Ranked] = []
    able = 0
    for group in roster.groups_with(requirement.skills):
        if not skill.keeps(requirement, group.profile):
            continue
        able += group.members
        if not level.keeps(requirement, group.profile):
            dropped[filters.LEVEL] += group.members
        elif not language.keeps(requirement, group.profile):
            dropped[filters.LANGUAGE] += group.members
        else:
            ranked.extend(_best_of(group, work, requirement, roster, factors, dropped))
    dropped[filters.SKILL] = roster.members - able
    ranked.sort(key=_place)
    return Choice(tuple(ranked[:PLACES]), dropped)


def choose_wanted(work: Work, technician_id: str, roster: Roster, factors: Factors) -> Choice:
    """A coordinator's choice, which no filter overrules; the next two are those whom `choose` would have taken."""
    by_rule = choose(work, roster, factors)
    technician = roster.find(technician_id) or Technician(technician_id)
    requirement = requirement_of(work)
    weight = _weigh(work, requirement, profile_of(technician), technician_id, roster.load_of(technician_id), factors)
    others = [ranked for ranked in by_rule.ranked if ranked.technician_id != technician_id]
    return Choice((Ranked(technician_id, weight), *others[: PLACES - 1]), by_rule.dropped)


def _place(ranked: Ranked) -> tuple[float, str]:
    return (-ranked.weight, ranked.technician_id)


def _best_of(
    group: Group, work: Work, requirement: Requirement, roster: Roster, factors: Factors, dropped: dict[str, int]
) -> Iterator[Ranked]:
    """Who of a group may be among the first, counting into `dropped` whom presence, capacity and declines drop."""
    highest_load = capacity.highest_load(requirement, group.profile)
    fitting = group.count_up_to(highest_load)
    dropped[filters.PRESENCE] += group.members - len(group.ready)
    dropped[filters.CAPACITY] += len(group.ready) - fitting

    def fits(technician_id: str) -> bool:
        return roster.ready_group_of(technician_id) is group and roster.load_of(technician_id) <= highest_load

    front: Iterable[tuple[int, str]] = islice(group.ready, fitting)
    if work.declined_by:
        dropped[filters.DECLINED] += sum(map(fits, work.declined_by))
        front = (place for place in front if declined.keeps(work, place[1]))
    first = set(islice(front, PLACES))
    last_id = work.last_technician_id
    if last_id is not None and declined.keeps(work, last_id) and fits(last_id):
        first.add((roster.load_of(last_id), last_id))
    for held, technician_id in first:
        yield Ranked(technician_id, _weigh(work, requirement, group.profile, technician_id, held, factors))


def _weigh(
    work: Work, requirement: Requirement, profile: Profile, technician_id: str, held: int, factors: Factors
) -> float:
    total = (
        factors.load * load.weigh(requirement, profile, held)
        + factors.continuity * continuity.weigh(work, technician_id)
        + factors.skill_match * skill_match.weigh(requirement, profile)
    )
    return round(total, WEIGHT_DIGITS)
