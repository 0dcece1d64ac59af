"""Drops who does not serve customers of this tier (差异化服务)."""

from services.router.domain.work import Profile, Requirement


def keeps(requirement: Requirement, profile: Profile) -> bool:
    """Whether the technicians of this profile serve the tier; who names none serves all."""
    return requirement.tier is None or not profile.tiers or requirement.tier in profile.tiers
