"""Adds up what the weighers say, each by its factor. Weights are compared as they are shown, rounded."""

from __future__ import annotations

from typing import Final, NamedTuple

from services.router.domain import weights
from services.router.domain.policy import Policy
from services.router.domain.tally import Tally, assigned_on
from services.router.domain.weights import continuity, fairness, idle, load, related, skill_match
from services.router.domain.work import Profile, Requirement, Work

WEIGHT_DIGITS: Final = 6
"""Steps of load are coarser than this (see `Policy`)."""


class Person(NamedTuple):
    """A technician as weighers see them."""

    technician_id: str
    profile: Profile
    load: int
    tally: Tally


class Moment(NamedTuple):
    """When somebody is weighed: microseconds since 1970, and the local day of the pool (see `tally.day_of`)."""

    now_us: int
    day: int


class Parts(NamedTuple):
    """What each weigher gave, already multiplied with its factor."""

    load: float
    skill_match: float
    fairness: float
    idle: float
    continuity: float
    related: float

    @property
    def weight(self) -> float:
        """The sum that ranks, rounded."""
        basis = basis_of(self.load, self.skill_match, self.fairness, self.idle)
        return with_ties(basis, self.continuity, self.related)

    def by_name(self) -> dict[str, float]:
        """The parts by the names of their weighers."""
        return dict(zip(weights.NAMES, (round(part, WEIGHT_DIGITS) for part in self), strict=True))


def basis_of(load_part: float, skill_match_part: float, fairness_part: float, idle_part: float) -> float:
    """The part of the sum that does not depend on who has to do with the ticket; never falls with any of its parts."""
    return round(load_part + skill_match_part + fairness_part + idle_part, WEIGHT_DIGITS)


def with_ties(basis: float, continuity_part: float, related_part: float) -> float:
    """The whole sum."""
    return round(basis + continuity_part + related_part, WEIGHT_DIGITS)


def parts_of(work: Work, requirement: Requirement, person: Person, policy: Policy, moment: Moment) -> Parts:
    """Ask every weigher about one technician."""
    tally = person.tally
    return Parts(
        policy.load_factor * load.weigh(requirement, person.profile, person.load),
        policy.skill_match_factor * skill_match.weigh(requirement, person.profile),
        policy.fairness_factor * fairness.weigh(assigned_on(tally, moment.day)),
        policy.idle_factor * idle.weigh(tally.last_at, moment.now_us, policy.idle_full_seconds),
        *ties_of(work, person.technician_id, policy),
    )


def ties_of(work: Work, technician_id: str, policy: Policy) -> tuple[float, float]:
    """What `continuity` and `related` give, already multiplied: all that tells one of a cell from the others."""
    return (
        policy.continuity_factor * continuity.weigh(work, technician_id),
        policy.related_factor * related.weigh(work, technician_id, policy),
    )
