"""Drops who is of a team that is not asked (yet): the overflow groups of the pool open one after the other."""

from services.router.domain.work import Profile, Requirement


def keeps(requirement: Requirement, profile: Profile) -> bool:
    """Whether the technicians of this profile are of a team that may take the work by now."""
    return requirement.teams is None or profile.team in requirement.teams
