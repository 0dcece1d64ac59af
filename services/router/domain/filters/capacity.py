"""Drops who would hold more than they can carry.

Said as a bound on the load and not as a test of one technician, so that a sorted group is cut by one search.
"""

from services.router.domain.work import Profile, Requirement


def highest_load(requirement: Requirement, profile: Profile) -> int:
    """The largest load, in weights of held work, with which the work still fits; negative where it never fits."""
    return profile.capacity - requirement.weight
