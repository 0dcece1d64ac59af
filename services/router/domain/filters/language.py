"""Drops who does not speak the customer's language."""

from services.router.domain.work import Profile, Requirement


def keeps(requirement: Requirement, profile: Profile) -> bool:
    """Whether the technicians of this profile speak the required language, if one is."""
    return requirement.language is None or requirement.language in profile.languages
