"""Drops who does not work on the product."""

from services.router.domain.work import Profile, Requirement


def keeps(requirement: Requirement, profile: Profile) -> bool:
    """Whether the technicians of this profile work on the product; who names none works on all."""
    return requirement.product is None or not profile.products or requirement.product in profile.products
