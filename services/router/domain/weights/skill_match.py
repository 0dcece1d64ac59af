"""Prefers who fits the work closely, so that experts and all-rounders stay free for what only they can do."""

from services.router.domain.work import Profile, Requirement


def weigh(requirement: Requirement, profile: Profile) -> float:
    """1 for exactly the required skills and level; less with every skill and level beyond."""
    skills_beyond = len(profile.skills.difference(requirement.skills))
    levels_beyond = profile.level - requirement.level
    return 1.0 / (1 + skills_beyond + levels_beyond)
