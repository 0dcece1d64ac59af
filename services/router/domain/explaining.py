"""Every candidate of one decision, with what each filter said and what each weigher gave: the plain, slow way.

It decides exactly as `assignment` does by its groups. `roster` tells who there is, what they hold and what they got
lately; `policy` may be another than the roster's, to see what it would have done.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from schemas.routing_policy import RoutingFilter
from services.router.domain import filters
from services.router.domain.assignment import PLACES, Choice, Ranked
from services.router.domain.filters import (
    capacity,
    conflict,
    declined,
    language,
    level,
    owner,
    presence,
    product,
    rate,
    shift,
    skill,
    team,
    tier,
)
from services.router.domain.instants import microseconds_of
from services.router.domain.policy import Policy
from services.router.domain.roster import Roster
from services.router.domain.shifts import duty_at
from services.router.domain.tally import Tally, day_of
from services.router.domain.weights.total import Moment, Person, parts_of
from services.router.domain.work import Requirement, Technician, Work, profile_of, requirement_of


class Candidate(msgspec.Struct, frozen=True):
    """One technician of the pool.

    `verdicts` says of each filter whether it keeps them, `dropped_by` which is the first that does not (None: they may
    take the work), `parts` what each weigher gave times its factor, `weight` the sum. `place` counts from 1 among those
    who may take it.
    """

    technician_id: str
    load: int
    capacity: int
    verdicts: dict[str, bool]
    dropped_by: str | None
    parts: dict[str, float]
    weight: float
    place: int | None = None


class Explanation(msgspec.Struct, frozen=True):
    """A decision with every candidate: those who may take the work by place, then the others by id."""

    ticket_id: str
    generation: int
    policy_version: int
    asked: Requirement
    candidates: tuple[Candidate, ...]

    @property
    def choice(self) -> Choice:
        """What an assignment event says of it."""
        dropped = dict.fromkeys(filters.NAMES, 0)
        for candidate in self.candidates:
            if candidate.dropped_by is not None:
                dropped[candidate.dropped_by] += 1
        placed = [candidate for candidate in self.candidates if candidate.place is not None]
        return Choice(tuple(Ranked(each.technician_id, each.weight) for each in placed[:PLACES]), dropped)


def explain(work: Work, roster: Roster, policy: Policy, now: datetime) -> Explanation:
    """Ask every filter and every weigher about everyone on the roster."""
    requirement = requirement_of(work, policy, now)
    candidates = [_candidate(work, requirement, technician, roster, policy, now) for technician in roster.everyone()]
    fit = [each for each in candidates if each.dropped_by is None]
    fit.sort(key=lambda each: (-each.weight, roster.tally_of(each.technician_id).last_at, each.technician_id))
    placed = [msgspec.structs.replace(each, place=place) for place, each in enumerate(fit, 1)]
    others = [each for each in candidates if each.dropped_by is not None]
    return Explanation(work.ticket_id, work.generation, policy.version, requirement, (*placed, *others))


def verdicts_on(
    work: Work,
    requirement: Requirement,
    technician: Technician,
    held: int,
    tally: Tally,
    policy: Policy,
    now: datetime,
) -> dict[str, bool]:
    """Whether each filter keeps a technician who holds `held`, in the order in which they apply."""
    profile, in_force = profile_of(technician, policy), policy.filters
    technician_id = technician.technician_id
    duty = duty_at(technician.shift, now) if technician.shift is not None else None
    return {
        filters.SKILL: skill.keeps(requirement, profile),
        filters.LEVEL: level.keeps(requirement, profile),
        filters.LANGUAGE: language.keeps(requirement, profile),
        filters.PRODUCT: product.keeps(requirement, profile),
        filters.TIER: tier.keeps(requirement, profile),
        filters.TEAM: team.keeps(requirement, profile),
        filters.PRESENCE: presence.keeps(technician.presence),
        filters.SHIFT: RoutingFilter.SHIFT not in in_force
        or duty is None
        or shift.keeps(duty, policy.shift_ending_seconds, now),
        filters.RATE: RoutingFilter.RATE not in in_force or rate.keeps(tally, policy, microseconds_of(now)),
        filters.CAPACITY: held <= capacity.highest_load(requirement, profile),
        filters.OWNER: owner.keeps(requirement, technician_id),
        filters.CONFLICT: RoutingFilter.CONFLICT not in in_force or conflict.keeps(work, technician.conflicts),
        filters.DECLINED: RoutingFilter.DECLINED not in in_force or declined.keeps(work, technician_id),
    }


def _candidate(
    work: Work, requirement: Requirement, technician: Technician, roster: Roster, policy: Policy, now: datetime
) -> Candidate:
    technician_id = technician.technician_id
    held, tally = roster.load_of(technician_id), roster.tally_of(technician_id)
    verdicts = verdicts_on(work, requirement, technician, held, tally, policy, now)
    now_us = microseconds_of(now)
    person = Person(technician_id, profile_of(technician, policy), held, tally)
    parts = parts_of(work, requirement, person, policy, Moment(now_us, day_of(policy, now_us)))
    return Candidate(
        technician_id,
        held,
        technician.capacity,
        verdicts,
        next((name for name, kept in verdicts.items() if not kept), None),
        parts.by_name(),
        parts.weight,
    )
