"""How work of one weight sees technicians of one capacity: up to which load it fits, and what they weigh at each."""

from __future__ import annotations

from typing import Final

from services.router.domain.filters import capacity
from services.router.domain.policy import Policy
from services.router.domain.weights import fairness, load
from services.router.domain.weights.total import basis_of
from services.router.domain.work import Profile, Requirement

WEIGHTS_MAX: Final = 10_000
"""How many sums a scale remembers."""

IDLEST: Final = 1.0


class Scale:
    """Weighs technicians of one capacity whose skill match with the work is `match`.

    Of `requirement` and `profile` only the weight and the capacity count. Kinds of work that see a group alike share a
    scale, and so what the group remembers by it.
    """

    __slots__ = ("_match_part", "_policy", "_profile", "_requirement", "_weights", "highest_load")

    def __init__(self, requirement: Requirement, profile: Profile, match: float, policy: Policy) -> None:
        self.highest_load = capacity.highest_load(requirement, profile)
        self._requirement = requirement
        self._profile = profile
        self._policy = policy
        self._match_part = policy.skill_match_factor * match
        self._weights: dict[tuple[int, int], float] = {}

    def weight_below(self, held: int, assigned_weight: int) -> float:
        """The negative of the most that someone weighs who holds and today got so much, whatever the ticket."""
        known = held, assigned_weight
        weight_below = self._weights.get(known)
        if weight_below is None:
            if len(self._weights) >= WEIGHTS_MAX:
                self._weights.clear()
            weight_below = self._weights[known] = -self._most(held, assigned_weight)
        return weight_below

    def _most(self, held: int, assigned_weight: int) -> float:
        policy = self._policy
        return basis_of(
            policy.load_factor * load.weigh(self._requirement, self._profile, held),
            self._match_part,
            policy.fairness_factor * fairness.weigh(assigned_weight),
            policy.idle_factor * IDLEST,
        )
