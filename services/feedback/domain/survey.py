"""One survey: asked once for a ticket's resolution cycle, open for a while, answered once."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from schemas.ids import digest_id
from services.feedback.domain.policy import Policy

SURVEY_KIND: Final = "S"


class SurveyStatus(StrEnum):
    """How far a survey is."""

    OPEN = "open"
    ANSWERED = "answered"
    EXPIRED = "expired"


class Survey(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A survey that was asked. An answer counts if it was given at or before `expires_at`."""

    survey_id: str
    cycle: int
    asked_at: datetime
    expires_at: datetime
    status: SurveyStatus = SurveyStatus.OPEN


def survey_id_of(ticket_id: str, cycle: int) -> str:
    """The id of the survey of a ticket's cycle: the same cycle is never asked twice."""
    return digest_id(SURVEY_KIND, ticket_id, str(cycle))


def ask_at(closed_at: datetime, policy: Policy) -> datetime:
    """When to ask about a ticket that was closed: not at once, for the customer to see whether it holds."""
    return closed_at + policy.ask_after


def asked(ticket_id: str, cycle: int, now: datetime, policy: Policy) -> Survey:
    """The survey that is asked now. Its time begins now, so that asking late takes nothing from the customer."""
    return Survey(survey_id_of(ticket_id, cycle), cycle, now, now + policy.open_for)


def reason_to_refuse(survey: Survey | None, survey_id: str, answered_at: datetime) -> str | None:
    """Why an answer to `survey_id`, given at `answered_at`, doesn't count; None if it does.

    An answer given in time counts even if the survey was found expired meanwhile: it only came in late.
    """
    if survey is None or survey.survey_id != survey_id:
        return "unknown survey"
    if survey.status is SurveyStatus.ANSWERED:
        return "answered before"
    if answered_at > survey.expires_at:
        return "the survey had expired"
    return None
