"""Drops who got so many assignments within the window that the pool's limit is used up."""

from services.router.domain.policy import Policy
from services.router.domain.tally import Tally, free_again_at


def keeps(tally: Tally, policy: Policy, now_us: int) -> bool:
    """Whether someone may get one more assignment; one as old as the window no longer counts."""
    return free_again_at(tally, policy, now_us) is None
