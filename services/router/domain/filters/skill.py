"""Drops who lacks a required skill."""

from services.router.domain.work import Profile, Requirement


def keeps(requirement: Requirement, profile: Profile) -> bool:
    """Whether the technicians of this profile have every skill that the work asks for."""
    return profile.skills.issuperset(requirement.skills)
