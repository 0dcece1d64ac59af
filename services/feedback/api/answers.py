"""An answer as it comes in, and the event that it becomes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas import envelope
from schemas.feedback import Csat, Nps, SurveyAnswered
from schemas.ids import digest_id
from schemas.topics import FEEDBACK_ANSWERS
from schemas.vocabulary import Channel
from services.feedback.api.links import SurveyLink
from services.feedback.domain.rating import has_score

COMMENT_CHARACTERS_MAX: Final = 2_000
_ANSWER_KIND: Final = "A"
_SOURCE: Final = "/aftercare/feedback"


class Answer(BaseModel):
    """How it was: a CSAT from 1 to 5 or an NPS from 0 to 10, or both, and what else there is to say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    csat: Csat | None = None
    nps: Nps | None = None
    comment: Annotated[str | None, Field(max_length=COMMENT_CHARACTERS_MAX)] = None

    @model_validator(mode="after")
    def _has_a_score(self) -> Self:
        if not has_score(self.csat, self.nps):
            message = "give csat (1 to 5) or nps (0 to 10)"
            raise ValueError(message)
        return self


class Sender(Protocol):
    """Writes records to Kafka; the gateways' producer."""

    async def send(self, topic: str, key: str, value: bytes | None) -> object:
        """Come back once the record is safe; raise `KafkaUnavailable` if that is not known in time."""


async def send_answer(
    sender: Sender, link: SurveyLink, answer: Answer, *, received_at: datetime, traceparent: str | None
) -> None:
    """Write the answer to `feedback.answers`, and come back once it is safe there.

    Raises:
        KafkaUnavailable: it may or may not have been written; sending it again is safe.
    """
    comment = (answer.comment or "").strip() or None
    data = SurveyAnswered.new(
        ticket_id=link.ticket_id,
        survey_id=link.survey_id,
        channel=Channel.SURVEY,
        csat=answer.csat,
        nps=answer.nps,
        comment=comment,
    )
    value = envelope.encode(
        type_name=SurveyAnswered.type_name,
        # The same answer again, after a time-out or a double click, is the same event.
        event_id=digest_id(_ANSWER_KIND, link.survey_id, str(answer.csat), str(answer.nps), comment or ""),
        source=_SOURCE,
        time=received_at,
        subject=link.ticket_id,
        tenant=link.tenant,
        traceparent=traceparent,
        data=data,
    )
    await sender.send(FEEDBACK_ANSWERS.name, link.ticket_id, value)
