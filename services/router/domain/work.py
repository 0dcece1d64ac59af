"""The words of routing: what work needs, what a technician is, and the order in which work waits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from schemas.routing_policy import RoutingFilter
from schemas.vocabulary import Language, Level, Presence, Tier
from services.router.domain.instants import MICROSECONDS, microseconds_of
from services.router.domain.policy import Policy
from services.router.domain.shifts import Shift

_NUMBERED: Final = re.compile(r"([A-Z]+)([0-9]*)(.*)")
_NEVER_DUE: Final = 2**63
"""Sorts after every instant: work without a due time comes after work with one."""

_NO_SKILLS: Final[frozenset[str]] = frozenset()

# Bound once: in Python 3.11 naming a member by its enum costs as much as all else that a filter's line does.
_LEVEL: Final = RoutingFilter.LEVEL
_LANGUAGE: Final = RoutingFilter.LANGUAGE
_PRODUCT: Final = RoutingFilter.PRODUCT
_TIER: Final = RoutingFilter.TIER
_OWNER: Final = RoutingFilter.OWNER
_VIP: Final = Tier.VIP

LEVEL_NUMBERS: Final = {Level.L1: 1, Level.L2: 2, Level.L3: 3}

Urgency = tuple[str, int, str]
"""How a priority sorts, most urgent first: letters, number, the rest."""


class Requirement(NamedTuple):
    """What work asks of a technician by now. Work of equal requirement suits the same people.

    None (and level 0) asks for nothing: the pool does without the filter, or the work has waited for long enough.
    `wished` are skills that were asked for until the work had waited too long. `only` is the one technician who is
    asked while the work waits for its named owner.
    """

    skills: frozenset[str]
    level: int
    language: Language | None
    weight: int
    product: str | None = None
    tier: Tier | None = None
    teams: frozenset[str] | None = None
    only: str | None = None
    wished: frozenset[str] = frozenset()


class Profile(NamedTuple):
    """What a technician is, apart from who. `capacity` is the sum of weights that they can hold.

    What the pool's policy does not ask for (team, products, tiers) is left empty, so that fewer differ.
    """

    skills: frozenset[str]
    level: int
    languages: frozenset[Language]
    capacity: int
    products: frozenset[str] = frozenset()
    tiers: frozenset[Tier] = frozenset()
    team: str = ""


class Kind(NamedTuple):
    """What tells beside skills whether a profile is able to do work: there are fewer of these than of profiles."""

    level: int
    languages: frozenset[Language]
    products: frozenset[str]
    tiers: frozenset[Tier]
    team: str


class Missed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Who let the time for accepting the ticket pass, and when."""

    technician_id: str
    missed_at: datetime


class Work(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A ticket that needs a technician: what of an offer the decision looks at.

    `queued_at` is when the ticket first waited; it outlives declines and reopening. `waiting_since` is when it came to
    need a technician this time: it outlives declines and new offers, not reopening. `due_at` is its next SLA target.
    `declined_by` names each person once who does not get it: those who gave it back, and by now those of `missed` who
    rest (see `domain.missed`). `related_technician_id` knows the requester by another ticket of theirs.
    """

    ticket_id: str
    generation: int
    priority: str
    skills: tuple[str, ...]
    level: Level
    language: Language
    weight: int
    queued_at: datetime
    waiting_since: datetime
    due_at: datetime | None = None
    declined_by: tuple[str, ...] = ()
    last_technician_id: str | None = None
    wanted_technician_id: str | None = None
    product: str | None = None
    tier: Tier = Tier.STANDARD
    requester_id: str | None = None
    related_technician_id: str | None = None
    missed: tuple[Missed, ...] = ()


class Technician(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A technician as roster and presence events have told. Load is no part of it: held work says that.

    `rostered` is false for someone who is not (or no longer, or not yet) on the roster: they get nothing by rule.
    Who never said otherwise is available, as in the directory. Without a shift they are always on duty.
    """

    technician_id: str
    skills: tuple[str, ...] = ()
    languages: tuple[Language, ...] = ()
    level: Level = Level.L1
    capacity: int = 0
    presence: Presence = Presence.AVAILABLE
    rostered: bool = False
    team: str = ""
    products: tuple[str, ...] = ()
    tiers: tuple[Tier, ...] = ()
    conflicts: tuple[str, ...] = ()
    shift: Shift | None = None


class Order(NamedTuple):
    """Where work stands in the queue, first to last.

    Priority (raised by age), VIP, SLA slack, age, and the ticket id between twins.
    """

    priority: Urgency
    standard: bool
    due_microseconds: int
    queued_microseconds: int
    ticket_id: str


def requirement_of(work: Work, policy: Policy, now: datetime) -> Requirement:
    """What the work asks for at `now`: the longer it waited, the less."""
    waited_seconds = (now - work.waiting_since).total_seconds()
    in_force = policy.filters
    skills = frozenset(work.skills)
    wished = _wished(skills, policy, waited_seconds) if policy.skill_tiers else _NO_SKILLS
    return Requirement(
        skills - wished if wished else skills,
        LEVEL_NUMBERS[work.level] if _LEVEL in in_force else 0,
        work.language if _LANGUAGE in in_force else None,
        work.weight,
        work.product if _PRODUCT in in_force else None,
        work.tier if _TIER in in_force else None,
        teams_asked(policy, waited_seconds),
        _only(work, policy, waited_seconds),
        wished,
    )


def last_requirement_of(work: Work, policy: Policy) -> Requirement:
    """What the work asks for however long it waits."""
    return requirement_of(work, policy, work.waiting_since + timedelta(seconds=_longest(policy)))


def loosens_at(work: Work, policy: Policy) -> Iterator[datetime]:
    """The instants, in no order, at which the work asks for less than before."""
    for tier in policy.skill_tiers:
        if not set(tier.skills).isdisjoint(work.skills):
            yield work.waiting_since + timedelta(seconds=tier.after_seconds)
    for group in policy.groups:
        yield work.waiting_since + timedelta(seconds=group.after_seconds)
    if _only(work, policy, 0) is not None:
        yield work.waiting_since + timedelta(seconds=policy.owner_seconds)


def teams_asked(policy: Policy, waited_seconds: float) -> frozenset[str] | None:
    """The teams that may take work which has waited so long; None where the pool makes no difference."""
    if not policy.groups:
        return None
    return frozenset(team for group in policy.groups if waited_seconds >= group.after_seconds for team in group.teams)


def profile_of(technician: Technician, policy: Policy) -> Profile:
    """What the technician is, as far as the policy asks."""
    in_force = policy.filters
    return Profile(
        frozenset(technician.skills),
        LEVEL_NUMBERS[technician.level],
        frozenset(technician.languages),
        technician.capacity,
        frozenset(technician.products if _PRODUCT in in_force else ()),
        frozenset(technician.tiers if _TIER in in_force else ()),
        technician.team if policy.groups else "",
    )


def kind_of(profile: Profile) -> Kind:
    """What of a profile tells beside its skills."""
    return Kind(profile.level, profile.languages, profile.products, profile.tiers, profile.team)


def order_of(work: Work, policy: Policy, now: datetime) -> Order:
    """The place of the work in its queue. Slack shrinks for all alike, so `due_at` orders as slack does.

    Work that was raised by its age counts as due by when it was raised at the latest: what comes to that priority later
    never passes it for ever.
    """
    due = _NEVER_DUE if work.due_at is None else microseconds_of(work.due_at)
    urgency = urgency_of(work.priority)
    steps = steps_raised(work, policy, now)
    if steps and policy.ageing_seconds is not None:
        letters, number, rest = urgency
        urgency = (letters, number - steps, rest)
        due = min(due, microseconds_of(work.waiting_since) + steps * policy.ageing_seconds * MICROSECONDS)
    standard = not (policy.vip_first and work.tier is _VIP)
    return Order(urgency, standard, due, microseconds_of(work.queued_at), work.ticket_id)


def steps_raised(work: Work, policy: Policy, now: datetime) -> int:
    """By how many priorities the work counts as more urgent at `now` for having waited."""
    if policy.ageing_seconds is None:
        return 0
    waited_seconds = max(0.0, (now - work.waiting_since).total_seconds())
    return min(int(waited_seconds // policy.ageing_seconds), _steps_possible(work.priority, policy.ageing_up_to))


def raised_next_at(work: Work, policy: Policy, now: datetime) -> datetime | None:
    """When waiting raises the work by one more priority; None where it never will."""
    steps = steps_raised(work, policy, now)
    if policy.ageing_seconds is None or steps >= _steps_possible(work.priority, policy.ageing_up_to):
        return None
    return work.waiting_since + timedelta(seconds=(steps + 1) * policy.ageing_seconds)


@lru_cache(maxsize=1_024)
def urgency_of(priority: str) -> Urgency:
    """The order of priorities, most urgent least. Their names are data: P0 before P1, P2 before P10."""
    match = _NUMBERED.fullmatch(priority)
    if match is None:
        return (priority, 0, "")
    letters, digits, rest = match.groups()
    return (letters, int(digits or 0), rest)


@lru_cache(maxsize=1_024)
def _steps_possible(priority: str, ageing_up_to: str) -> int:
    letters, number, _ = urgency_of(priority)
    top_letters, top_number, _ = urgency_of(ageing_up_to)
    return max(0, number - top_number) if letters == top_letters else 0


def _wished(skills: frozenset[str], policy: Policy, waited_seconds: float) -> frozenset[str]:
    given_up = (tier.skills for tier in policy.skill_tiers if waited_seconds >= tier.after_seconds)
    return skills & frozenset(skill for tier in given_up for skill in tier)


def _only(work: Work, policy: Policy, waited_seconds: float) -> str | None:
    if waited_seconds >= policy.owner_seconds or work.requester_id is None or _OWNER not in policy.filters:
        return None
    return policy.owners.get(work.requester_id)


def _longest(policy: Policy) -> int:
    tiers = [tier.after_seconds for tier in policy.skill_tiers]
    return max([*tiers, *(group.after_seconds for group in policy.groups), policy.owner_seconds])
