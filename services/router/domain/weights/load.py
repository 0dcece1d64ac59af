"""The main rule: work goes to who is least loaded, measured against what they can carry."""

from services.router.domain.work import Profile, Requirement


def weigh(requirement: Requirement, profile: Profile, load: int) -> float:
    """The share of the capacity that is left once the work is taken: 1 is idle, 0 is full.

    Negative for someone whom a coordinator loads beyond their capacity.
    """
    return 1.0 - (load + requirement.weight) / max(profile.capacity, 1)


def share(capacity: int, load: int) -> float:
    """The share of the capacity that is taken: it orders as `weigh` does, the other way round, whatever the work."""
    return load / max(capacity, 1)
