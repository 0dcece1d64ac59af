"""What the customer thought of it: `feedback.answers` and `ticket.feedback`. Key of both: ticket id."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.contract import Contract, Instant, Personal
from schemas.vocabulary import Channel, Line, Name, Sequence, Text, TicketId

Csat = Annotated[int, Field(ge=1, le=5)]
Nps = Annotated[int, Field(ge=0, le=10)]


class SurveyAnswered(Contract, type_name="aftercare.feedback.survey_answered.v1"):
    """An answer as the survey gateway took it. Writer: survey gateways."""

    ticket_id: TicketId
    survey_id: Name
    channel: Channel
    csat: Csat | None = None
    nps: Nps | None = None
    comment: Annotated[Text | None, Personal] = None


class FeedbackEvent(Contract):
    """What every feedback event states. `cycle` is the ticket's resolution cycle. Writer: feedback.

    `decided_at` and `position` say when and on which input it was decided.
    """

    ticket_id: TicketId
    cycle: Sequence
    decided_at: Instant
    position: Line


class SurveyRequested(FeedbackEvent, type_name="aftercare.feedback.survey_requested.v1"):
    """The customer is to be asked; the link is good until `expires_at`."""

    survey_id: Name
    expires_at: Instant


class SurveySkipped(FeedbackEvent, type_name="aftercare.feedback.survey_skipped.v1"):
    """Not asked, and why (asked lately, no address)."""

    reason: Line


class SurveyExpired(FeedbackEvent, type_name="aftercare.feedback.survey_expired.v1"):
    """No answer came in time."""

    survey_id: Name


class RatingReceived(FeedbackEvent, type_name="aftercare.feedback.rating_received.v1"):
    """The first valid answer to a survey."""

    survey_id: Name
    csat: Csat | None = None
    nps: Nps | None = None
    comment: Annotated[Text | None, Personal] = None
    low: bool


class AnswerRefused(FeedbackEvent, type_name="aftercare.feedback.answer_refused.v1"):
    """An answer that doesn't count, and why (second answer, expired, unknown survey)."""

    survey_id: Name
    reason: Line


class ReviewRequested(FeedbackEvent, type_name="aftercare.feedback.review_requested.v1"):
    """A low score: the owner is to look into it, and the ticket is reopened where `reopen` says so."""

    survey_id: Name
    reason: Line
    reopen: bool
