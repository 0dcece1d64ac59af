"""The technicians of a pool in groups of equals, each group sorted so that its best are in front.

A rule about what someone is (skill, level, language, product, tier, team) is asked once a group, and its answer kept
until the roster changes. Within a group technicians differ by what they hold, by what they got today and by when they
got it last: those of equal load and day stand in one cell, longest idle first, and the cells are sorted by what load
and fairness weigh.

What only time changes (shifts, rate limit, midnight) is caught up with by `advance`. Nothing here depends on the order
in which technicians, loads and tallies came in: a rebuilt roster is the same roster.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from heapq import heappop, heappush
from typing import Any, Final, NamedTuple

from services.router.domain import filters
from services.router.domain.able import Able
from services.router.domain.filters import language, level, product, skill, team, tier
from services.router.domain.group import Cell, Group, Line
from services.router.domain.instants import microseconds_of
from services.router.domain.policy import Policy
from services.router.domain.scale import Scale
from services.router.domain.standing import READY, Standing, standing_of
from services.router.domain.tally import NOTHING_YET, Tally, assigned_on, day_of
from services.router.domain.weights import fairness, load, skill_match
from services.router.domain.work import Kind, Profile, Requirement, Technician, kind_of, profile_of

SHARES_MAX: Final = 1_000_000
"""How many groups the kept answers of `Roster.able` may name in all; beyond that all are looked up anew."""


class Place(NamedTuple):
    """Where someone ready stands: the group, the cell in it, and (last assigned at, id) in that."""

    group: Group
    cell: Cell
    line: Line


class Roster:
    """Who is in the pool, what each one holds, and who is ready at the instant of `advance`.

    Loads are kept for people off the roster too: by hand they may hold work, and they may come back with it.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.at_us = 0
        self.day = 0
        self.members = 0
        self.capacity = 0
        self.load = 0
        self._at: datetime | None = None
        self._technicians: dict[str, Technician] = {}
        self._tallies: dict[str, Tally] = {}
        self._loads: dict[str, int] = {}
        self._standings: dict[str, Standing] = {}
        self._places: dict[str, Place] = {}
        self._changing: list[tuple[datetime, str]] = []
        self._looked_at_again: dict[str, datetime] = {}
        self._groups: dict[Profile, Group] = {}
        self._by_skill: dict[str | None, dict[Kind, dict[Profile, Group]]] = {}
        self._able: dict[Requirement, Able] = {}
        self._shares = 0
        self._scales: dict[tuple[int, int, float], Scale] = {}
        self._moved: set[str] = set()
        self._conflicts: dict[str, set[str]] = {}

    # ── what is asked ───────────────────────────────────────────────────────────────────────────────────────────────

    def find(self, technician_id: str) -> Technician | None:
        """The technician as roster and presence have told, None where neither has."""
        return self._technicians.get(technician_id)

    def everyone(self) -> Iterator[Technician]:
        """All who are on the roster, by id."""
        return (self._technicians[each] for each in sorted(self._technicians) if self._technicians[each].rostered)

    def load_of(self, technician_id: str) -> int:
        """The sum of the weights that they hold."""
        return self._loads.get(technician_id, 0)

    def tally_of(self, technician_id: str) -> Tally:
        """What they were assigned lately."""
        return self._tallies.get(technician_id, NOTHING_YET)

    def place_of(self, technician_id: str) -> Place | None:
        """Where they stand ready to take work, None while they take none."""
        if self._moved:
            self._catch_up()
        return self._places.get(technician_id)

    def conflicted(self, requester_id: str | None) -> Iterable[str]:
        """The ids of those who have a conflict of interest with a requester."""
        return self._conflicts.get(requester_id, ()) if requester_id is not None else ()

    def able(self, requirement: Requirement) -> Able:
        """Who is able to do such work, whether or not they can take it now; `only` makes no difference."""
        if requirement.only is not None:
            requirement = requirement._replace(only=None)
        if self._moved:
            self._catch_up()
        able = self._able.get(requirement)
        if able is None:
            able = self._find_able(requirement)
            self._shares += len(able)
            self._able[requirement] = able
        return able

    def could_ever(self, technician_id: str, requirement: Requirement) -> bool:
        """Whether someone is able to do such work, and could carry it if they held nothing."""
        technician = self._technicians.get(technician_id)
        return (
            technician is not None
            and technician.rostered
            and technician.capacity >= requirement.weight
            and dropped_by(requirement, profile_of(technician, self.policy)) is None
        )

    def ids(self) -> list[str]:
        """The ids of all who are known, in order."""
        return sorted(self._technicians)

    def ready_ids(self) -> list[str]:
        """The ids of those who take work now, in order."""
        self._catch_up()
        return sorted(self._places)

    # ── what changes ────────────────────────────────────────────────────────────────────────────────────────────────

    def advance(self, now: datetime) -> None:
        """Bring standings to `now`; an earlier instant than before, or another day, brings all of them anew."""
        if self._at == now:
            return
        earlier = self._at is None or now < self._at
        self._at, self.at_us = now, microseconds_of(now)
        day = day_of(self.policy, self.at_us)
        if earlier or day != self.day:
            self.day = day
            self._rebuild()
            return
        changing = self._changing
        while changing and changing[0][0] <= now:
            _, technician_id = heappop(changing)
            self._looked_at_again.pop(technician_id, None)
            technician = self._technicians.get(technician_id)
            if technician is not None and technician.rostered:
                self._stand_anew(technician)

    def rule(self, policy: Policy) -> None:
        """Go by another policy."""
        if policy != self.policy:
            self.policy = policy
            self.day = day_of(policy, self.at_us)
            self._rebuild()

    def replace(self, old: Technician | None, new: Technician | None) -> None:
        """Take `old` out and `new` in; each may be None, both are the same person."""
        if old is not None and new is not None and old.rostered and new.rostered and self._is_only_elsewhere(old, new):
            self._technicians[new.technician_id] = new
            self._stand_anew(new)
            return
        if old is not None:
            self._take_out(old)
        if new is not None:
            self._put_in(new)

    def add_load(self, technician_id: str, weight: int) -> None:
        """Change what someone holds by `weight`, which is negative when work is taken off them."""
        held = self._loads.get(technician_id, 0) + weight
        if held:
            self._loads[technician_id] = held
        else:
            self._loads.pop(technician_id, None)
        technician = self._technicians.get(technician_id)
        if technician is not None and technician.rostered:
            self.load += weight
            self._moved.add(technician_id)

    def set_tally(self, technician_id: str, tally: Tally | None) -> None:
        """Say what someone was assigned lately."""
        if tally is None:
            self._tallies.pop(technician_id, None)
        else:
            self._tallies[technician_id] = tally
        self._moved.add(technician_id)

    # ── how it is kept ──────────────────────────────────────────────────────────────────────────────────────────────

    def _is_only_elsewhere(self, old: Technician, new: Technician) -> bool:
        return old.conflicts == new.conflicts and profile_of(old, self.policy) == profile_of(new, self.policy)

    def _put_in(self, technician: Technician) -> None:
        technician_id = technician.technician_id
        self._technicians[technician_id] = technician
        for requester_id in technician.conflicts:
            self._conflicts.setdefault(requester_id, set()).add(technician_id)
        if technician.rostered:
            self._forget_able()
            group = self._group(profile_of(technician, self.policy))
            group.members += 1
            self.members += 1
            self.capacity += technician.capacity
            self.load += self.load_of(technician_id)
            self._stand(technician, group)

    def _take_out(self, technician: Technician) -> None:
        technician_id = technician.technician_id
        del self._technicians[technician_id]
        for requester_id in technician.conflicts:
            self._conflicts[requester_id].discard(technician_id)
            if not self._conflicts[requester_id]:
                del self._conflicts[requester_id]
        if technician.rostered:
            self._forget_able()
            group = self._groups[profile_of(technician, self.policy)]
            self._unstand(technician_id, group)
            group.members -= 1
            self.members -= 1
            self.capacity -= technician.capacity
            self.load -= self.load_of(technician_id)
            if not group.members:
                self._drop(group.profile)

    def _stand(self, technician: Technician, group: Group) -> None:
        technician_id = technician.technician_id
        tally = self.tally_of(technician_id)
        # Before the first `advance` there is no now, and with it all stand anew.
        standing = standing_of(technician, tally, self.policy, self._at) if self._at is not None else READY
        self._standings[technician_id] = standing
        if standing.until is not None and self._looked_at_again.get(technician_id) != standing.until:
            self._looked_at_again[technician_id] = standing.until
            heappush(self._changing, (standing.until, technician_id))
        if standing.dropped_by is not None:
            group.drop(standing.dropped_by, 1)
            return
        place = Place(group, self._cell(technician_id, group, tally), (tally.last_at, technician_id))
        self._places[technician_id] = place
        group.put(place.cell, place.line)

    def _unstand(self, technician_id: str, group: Group) -> None:
        standing = self._standings.pop(technician_id)
        if standing.dropped_by is not None:
            group.drop(standing.dropped_by, -1)
            return
        place = self._places.pop(technician_id)
        group.take(place.cell, place.line)

    def _stand_anew(self, technician: Technician) -> None:
        group = self._groups[profile_of(technician, self.policy)]
        self._unstand(technician.technician_id, group)
        self._stand(technician, group)

    def _catch_up(self) -> None:
        """Give those their places who hold or got something else than before; once, however often that changed."""
        limited = self.policy.rate_limit is not None
        for technician_id in self._moved:
            if not limited:
                # Only a limit makes work change whether they are ready, so whoever is moves within their group.
                place = self._places.get(technician_id)
                if place is not None:
                    self._move(technician_id, place)
                continue
            technician = self._technicians.get(technician_id)
            if technician is not None and technician.rostered:
                self._stand_anew(technician)
        self._moved.clear()

    def _move(self, technician_id: str, old: Place) -> None:
        group, cell_before, line_before = old
        tally = self._tallies.get(technician_id, NOTHING_YET)
        cell, line = self._cell(technician_id, group, tally), (tally.last_at, technician_id)
        if cell != cell_before or line != line_before:
            self._places[technician_id] = Place(group, cell, line)
            group.move(cell_before, line_before, cell, line)

    def _cell(self, technician_id: str, group: Group, tally: Tally) -> Cell:
        policy = self.policy
        assigned_weight = assigned_on(tally, self.day) if policy.fairness_factor else 0
        held = self._loads.get(technician_id, 0)
        return _cell_of(group.profile.capacity, held, assigned_weight, policy.load_factor, policy.fairness_factor)

    def _rebuild(self) -> None:
        kept: dict[Any, Any]
        for kept in (self._standings, self._places, self._groups, self._by_skill, self._looked_at_again):
            kept.clear()
        self._changing.clear()
        self._moved.clear()
        self._forget_able()
        for technician in self._technicians.values():
            if technician.rostered:
                group = self._group(profile_of(technician, self.policy))
                group.members += 1
                self._stand(technician, group)

    def _forget_able(self) -> None:
        if self._able:
            self._able.clear()
            self._scales.clear()
            self._shares = 0
            for group in self._groups.values():
                group.unwatch()

    def _find_able(self, requirement: Requirement) -> Able:
        if self._shares > SHARES_MAX:
            self._forget_able()
        dropped = dict.fromkeys(filters.OF_PROFILES, 0)
        dropped[filters.SKILL] = self.members
        views = []
        for groups in self._groups_with(requirement.skills):
            skilled = [(profile, group) for profile, group in groups.items() if skill.keeps(requirement, profile)]
            if not skilled:
                continue
            members = sum([group.members for _, group in skilled])
            dropped[filters.SKILL] -= members
            reason = dropped_beside_skill(requirement, skilled[0][0])
            if reason is None:
                views += [group.view(self._scale(requirement, profile)) for profile, group in skilled]
            else:
                dropped[reason] += members
        return Able(requirement, views, dropped)

    def _scale(self, requirement: Requirement, profile: Profile) -> Scale:
        match = skill_match.weigh(requirement, profile)
        seen = requirement.weight, profile.capacity, match
        scale = self._scales.get(seen)
        if scale is None:
            scale = self._scales[seen] = Scale(requirement, profile, match, self.policy)
        return scale

    def _groups_with(self, skills: frozenset[str]) -> Iterable[Mapping[Profile, Group]]:
        """The groups that may have all these skills, by kind: those with the rarest, or all if none is asked for."""
        return min([self._by_skill.get(name, {}) for name in skills or (None,)], key=_groups_in).values()

    def _group(self, profile: Profile) -> Group:
        group = self._groups.get(profile)
        if group is None:
            group = self._groups[profile] = Group(profile)
            kind = kind_of(profile)
            for name in (None, *profile.skills):
                self._by_skill.setdefault(name, {}).setdefault(kind, {})[profile] = group
        return group

    def _drop(self, profile: Profile) -> None:
        del self._groups[profile]
        kind = kind_of(profile)
        for name in (None, *profile.skills):
            kinds = self._by_skill[name]
            del kinds[kind][profile]
            if not kinds[kind]:
                del kinds[kind]
            if not kinds:
                del self._by_skill[name]


def _groups_in(kinds: Mapping[Kind, Mapping[Profile, Group]]) -> int:
    return sum([len(groups) for groups in kinds.values()])


@lru_cache(maxsize=65_536)
def _cell_of(capacity: int, held: int, assigned_weight: int, load_factor: float, fairness_factor: float) -> Cell:
    """One cell for all who share it: there are few, somebody moves with every decision, and equals compare at once."""
    rank = load_factor * load.share(capacity, held)
    if fairness_factor:
        rank -= fairness_factor * fairness.weigh(assigned_weight)
    return Cell(rank, held, assigned_weight)


def dropped_by(requirement: Requirement, profile: Profile) -> str | None:
    """The first filter that drops the technicians of a profile, None where all keep them."""
    return dropped_beside_skill(requirement, profile) if skill.keeps(requirement, profile) else filters.SKILL


def dropped_beside_skill(requirement: Requirement, profile: Profile) -> str | None:
    """The same without the first filter: one answer for all profiles of a `work.Kind`."""
    for name, keeps in _BESIDE_SKILL:
        if not keeps(requirement, profile):
            return name
    return None


_BESIDE_SKILL: Final = (
    (filters.LEVEL, level.keeps),
    (filters.LANGUAGE, language.keeps),
    (filters.PRODUCT, product.keeps),
    (filters.TIER, tier.keeps),
    (filters.TEAM, team.keeps),
)
