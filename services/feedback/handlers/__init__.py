"""The topologies: `surveys` (ask, take, refuse) and `attainment` (how clocks kept what was promised)."""

from services.feedback.handlers.attainment import VerdictMoved, attainment_topology
from services.feedback.handlers.surveys import (
    EXPIRED,
    OUTCOMES,
    RATED,
    RATED_LOW,
    REFUSED,
    REQUESTED,
    SKIPPED,
    SurveyMoved,
    feedback_topology,
)

__all__ = [
    "EXPIRED",
    "OUTCOMES",
    "RATED",
    "RATED_LOW",
    "REFUSED",
    "REQUESTED",
    "SKIPPED",
    "SurveyMoved",
    "VerdictMoved",
    "attainment_topology",
    "feedback_topology",
]
