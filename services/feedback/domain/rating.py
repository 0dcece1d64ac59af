"""What a score means."""

from __future__ import annotations

from typing import Final

from services.feedback.domain.policy import Policy

CSAT_BEST: Final = 5
NPS_BEST: Final = 10


def has_score(csat: int | None, nps: int | None) -> bool:
    """Whether there is a score at all; a comment alone rates nothing."""
    return csat is not None or nps is not None


def is_low(csat: int | None, nps: int | None, policy: Policy) -> bool:
    """Whether either score is low. CSAT goes from 1 to 5, NPS from 0 to 10 (detractors: 6 and below)."""
    return (csat is not None and csat <= policy.low_csat_max) or (nps is not None and nps <= policy.low_nps_max)


def in_words(csat: int | None, nps: int | None) -> str:
    """The scores as a reason names them: `CSAT 2 of 5, NPS 3 of 10`."""
    scores = [("CSAT", csat, CSAT_BEST), ("NPS", nps, NPS_BEST)]
    return ", ".join(f"{name} {score} of {best}" for name, score, best in scores if score is not None)
