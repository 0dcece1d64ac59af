"""Why a ticket went where it went: one decision with everyone that it looked at."""

from __future__ import annotations

from datetime import datetime

import msgspec

from services.router.domain.explaining import Candidate, Explanation

ASSIGNED_BY_RULE = "assigned"
"""The outcome of a decision that the filters and weighers made."""


class UnknownDecisionError(LookupError):
    """The log does not hold the decision that was asked about: it is too old, or there was none."""


class LogTooLongError(Exception):
    """A log is longer than what may be read at once."""


class Decided(msgspec.Struct, frozen=True):
    """A decision as it was told: who got the work, with the weights of the first three, and how many were dropped."""

    outcome: str
    technician_id: str | None
    weights: dict[str, float]
    dropped: dict[str, int]


class Why(msgspec.Struct, frozen=True):
    """A decision made again. `equal`: the replay comes to what was told then, and the candidates to the same.

    `candidates` are all on the roster: those who might have it by place, then who was dropped, by id.
    """

    ticket_id: str
    generation: int
    pool: str
    decided_at: datetime
    position: str
    policy_version: int
    told: Decided
    replayed: Decided
    equal: bool
    candidates: tuple[Candidate, ...]


def agrees(explained: Explanation, replayed: Decided) -> bool:
    """Whether asking everyone comes to the decision; by hand, and to the owner, work goes whatever is said of them."""
    choice = explained.choice
    if choice.dropped != replayed.dropped:
        return False
    if replayed.outcome == ASSIGNED_BY_RULE:
        weights = {each.technician_id: each.weight for each in choice.ranked}
        return choice.winner_id == replayed.technician_id and weights == replayed.weights
    return replayed.technician_id is not None or not choice.ranked
