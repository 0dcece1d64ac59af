"""The technicians of a pool in groups of equals, each group sorted by load.

A rule about what someone is (skill, level, language) is asked once a group. Within a group only load, presence and
name differ, so the next best is at the front, and how many would be overloaded is one search. Nothing here depends on
the order in which technicians and loads came in: a rebuilt roster is the same roster.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from services.router.domain.filters import presence
from services.router.domain.work import Profile, Technician, profile_of


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


class Roster:
    """Who is in the pool and what each one holds.

    Loads are kept for people off the roster too: by hand they may hold work, and they may come back with it.
    """

    __slots__ = ("_by_skill", "_groups", "_loads", "_ready_in", "_technicians", "members")

    def __init__(self) -> None:
        self.members = 0
        self._technicians: dict[str, Technician] = {}
        self._groups: dict[Profile, Group] = {}
        self._by_skill: dict[str, dict[Profile, Group]] = {}
        self._ready_in: dict[str, Group] = {}
        self._loads: dict[str, int] = {}

    def find(self, technician_id: str) -> Technician | None:
        """The technician as roster and presence have told, None where neither has."""
        return self._technicians.get(technician_id)

    def load_of(self, technician_id: str) -> int:
        """The sum of the weights that they hold."""
        return self._loads.get(technician_id, 0)

    def ready_group_of(self, technician_id: str) -> Group | None:
        """The group in which they are ready to take work, None while they take none."""
        return self._ready_in.get(technician_id)

    def groups_with(self, skills: frozenset[str]) -> Iterable[Group]:
        """The groups that may have all these skills: those with the rarest of them, or all if none is asked for."""
        if not skills:
            return self._groups.values()
        return min((self._by_skill.get(skill, {}) for skill in skills), key=len).values()

    def replace(self, old: Technician | None, new: Technician | None) -> None:
        """Take `old` out and `new` in; each may be None, both are the same person."""
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
        technician_id = technician.technician_id
        self._technicians[technician_id] = technician
        if not technician.rostered:
            return
        group = self._group(profile_of(technician))
        group.members += 1
        self.members += 1
        if presence.keeps(technician.presence):
            insort(group.ready, (self.load_of(technician_id), technician_id))
            self._ready_in[technician_id] = group

    def _take_out(self, technician: Technician) -> None:
        technician_id = technician.technician_id
        del self._technicians[technician_id]
        if not technician.rostered:
            return
        group = self._groups[profile_of(technician)]
        group.members -= 1
        self.members -= 1
        if self._ready_in.pop(technician_id, None) is not None:
            del group.ready[bisect_left(group.ready, (self.load_of(technician_id), technician_id))]
        if not group.members:
            self._drop(group.profile)

    def _group(self, profile: Profile) -> Group:
        group = self._groups.get(profile)
        if group is None:
            group = self._groups[profile] = Group(profile)
            for skill in profile.skills:
                self._by_skill.setdefault(skill, {})[profile] = group
        return group

    def _drop(self, profile: Profile) -> None:
        del self._groups[profile]
        for skill in profile.skills:
            groups = self._by_skill[skill]
            del groups[profile]
            if not groups:
                del self._by_skill[skill]
