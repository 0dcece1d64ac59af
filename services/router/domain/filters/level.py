"""Drops who works at a lower support level than the work needs (FACTS: L1 front line, L2 support, L3 experts).

A higher level may take lower work, so that a ticket does not wait beside an idle expert; `weights.skill_match` sees to
it that experts are not the first choice.
"""

from services.router.domain.work import Profile, Requirement


def keeps(requirement: Requirement, profile: Profile) -> bool:
    """Whether the technicians of this profile work at the required level or above; 0 asks for none."""
    return profile.level >= requirement.level
