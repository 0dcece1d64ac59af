"""The technicians of a pool in groups of equals, each group sorted by load.

A rule about what someone is (skill, level, language) is asked once a group, and its answer kept until the roster
changes. Within a group only load, presence and name differ, so the next best is at the front, and how many would be
overloaded is one search. Nothing here depends on the order in which technicians and loads came in: a rebuilt roster is
the same roster.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from schemas.vocabulary import Language
from services.router.domain import filters
from services.router.domain.filters import language, level, presence, skill
from services.router.domain.weights import skill_match
from services.router.domain.work import Profile, Requirement, Technician, profile_of

ABILITIES_MAX: Final = 4_096
"""How many answers of `Roster.able` are kept; more kinds of work than this are looked up anew."""


class Group:
    """Technicians of one profile. `ready` holds (load, id) of those who take work, least loaded first."""

    __slots__ = ("members", "profile", "ready")

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.members = 0
        self.ready: list[tuple[int, str]] = []

    def count_up_to(self, load: int) -> int:
        """How many of `ready` have at most this load; they stand first."""
        return bisect_left(self.ready, (load + 1, ""))


class Able(NamedTuple):
    """Who is able to do a kind of work: the groups, each with its `skill_match`, which is the same for all in it.

    `dropped` has how many technicians skill, level and language dropped.
    """

    groups: tuple[tuple[Group, float], ...]
    dropped: Mapping[str, int]


class Roster:
    """Who is in the pool and what each one holds.

    Loads are kept for people off the roster too: by hand they may hold work, and they may come back with it.
    """

    __slots__ = ("_able", "_by_skill", "_groups", "_loads", "_ready_in", "_technicians", "members")

    def __init__(self) -> None:
        self.members = 0
        self._technicians: dict[str, Technician] = {}
        self._groups: dict[Profile, Group] = {}
        self._by_skill: dict[str, dict[Profile, Group]] = {}
        self._ready_in: dict[str, Group] = {}
        self._loads: dict[str, int] = {}
        self._able: dict[tuple[frozenset[str], int, Language], Able] = {}

    def find(self, technician_id: str) -> Technician | None:
        """The technician as roster and presence have told, None where neither has."""
        return self._technicians.get(technician_id)

    def load_of(self, technician_id: str) -> int:
        """The sum of the weights that they hold."""
        return self._loads.get(technician_id, 0)

    def ready_group_of(self, technician_id: str) -> Group | None:
        """The group in which they are ready to take work, None while they take none."""
        return self._ready_in.get(technician_id)

    def able(self, requirement: Requirement) -> Able:
        """Who is able to do such work, whether or not they can take it now."""
        kind = (requirement.skills, requirement.level, requirement.language)
        able = self._able.get(kind)
        if able is None:
            if len(self._able) >= ABILITIES_MAX:
                self._able.clear()
            able = self._able[kind] = self._find_able(requirement)
        return able

    def replace(self, old: Technician | None, new: Technician | None) -> None:
        """Take `old` out and `new` in; each may be None, both are the same person."""
        if old is not None and new is not None and old.rostered and new.rostered:
            group = self._groups[profile_of(old)]
            if group.profile == profile_of(new):
                # Only their presence is another: what the groups are able to do stays true.
                self._technicians[new.technician_id] = new
                self._stand_down(old, group)
                self._stand_by(new, group)
                return
        if old is not None:
            self._take_out(old)
        if new is not None:
            self._put_in(new)

    def add_load(self, technician_id: str, weight: int) -> None:
        """Change what someone holds by `weight`, which is negative when work is taken off them."""
        load = self._loads.get(technician_id, 0)
        group = self._ready_in.get(technician_id)
        if group is not None:
            del group.ready[bisect_left(group.ready, (load, technician_id))]
            insort(group.ready, (load + weight, technician_id))
        if load + weight:
            self._loads[technician_id] = load + weight
        else:
            self._loads.pop(technician_id, None)

    def _put_in(self, technician: Technician) -> None:
        self._technicians[technician.technician_id] = technician
        if technician.rostered:
            self._able.clear()
            group = self._group(profile_of(technician))
            group.members += 1
            self.members += 1
            self._stand_by(technician, group)

    def _take_out(self, technician: Technician) -> None:
        del self._technicians[technician.technician_id]
        if technician.rostered:
            self._able.clear()
            group = self._groups[profile_of(technician)]
            group.members -= 1
            self.members -= 1
            self._stand_down(technician, group)
            if not group.members:
                self._drop(group.profile)

    def _stand_by(self, technician: Technician, group: Group) -> None:
        if presence.keeps(technician.presence):
            insort(group.ready, (self.load_of(technician.technician_id), technician.technician_id))
            self._ready_in[technician.technician_id] = group

    def _stand_down(self, technician: Technician, group: Group) -> None:
        if self._ready_in.pop(technician.technician_id, None) is not None:
            place = (self.load_of(technician.technician_id), technician.technician_id)
            del group.ready[bisect_left(group.ready, place)]

    def _find_able(self, requirement: Requirement) -> Able:
        dropped = {filters.SKILL: self.members, filters.LEVEL: 0, filters.LANGUAGE: 0}
        groups = []
        for group in self._groups_with(requirement.skills):
            if not skill.keeps(requirement, group.profile):
                continue
            dropped[filters.SKILL] -= group.members
            if not level.keeps(requirement, group.profile):
                dropped[filters.LEVEL] += group.members
            elif not language.keeps(requirement, group.profile):
                dropped[filters.LANGUAGE] += group.members
            else:
                groups.append((group, skill_match.weigh(requirement, group.profile)))
        return Able(tuple(groups), dropped)

    def _groups_with(self, skills: frozenset[str]) -> Iterable[Group]:
        """The groups that may have all these skills: those with the rarest of them, or all if none is asked for."""
        if not skills:
            return self._groups.values()
        return min((self._by_skill.get(name, {}) for name in skills), key=len).values()

    def _group(self, profile: Profile) -> Group:
        group = self._groups.get(profile)
        if group is None:
            group = self._groups[profile] = Group(profile)
            for name in profile.skills:
                self._by_skill.setdefault(name, {})[profile] = group
        return group

    def _drop(self, profile: Profile) -> None:
        del self._groups[profile]
        for name in profile.skills:
            groups = self._by_skill[name]
            del groups[profile]
            if not groups:
                del self._by_skill[name]
