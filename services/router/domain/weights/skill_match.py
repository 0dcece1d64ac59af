"""Prefers who fits the work closely, so that experts and all-rounders stay free for what only they can do."""

from services.router.domain.work import Profile, Requirement


def weigh(requirement: Requirement, profile: Profile) -> float:
    """1 for exactly the skills and the level; less with each skill or level beyond, and each wished skill missing."""
    skills_beyond = len(profile.skills - requirement.skills - requirement.wished)
    wishes_missing = len(requirement.wished - profile.skills)
    levels_beyond = max(0, profile.level - max(requirement.level, 1))
    return 1.0 / (1 + skills_beyond + wishes_missing + levels_beyond)
