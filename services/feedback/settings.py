"""What feedback reads from its environment beyond what every service does."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final, Self
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from schemas.topics import FEEDBACK_ANSWERS, POOL_FEEDBACK, TICKET_EVENTS, TICKET_SLA
from services._runtime.settings import RuntimeSettings, outlives
from services.feedback.domain.policy import Policy

_HOUR_SECONDS: Final = 3_600
_DAY_SECONDS: Final = 24 * _HOUR_SECONDS


class FeedbackSettings(RuntimeSettings):
    """Variables `AFTERCARE_<NAME>`."""

    survey_after_seconds: Annotated[int, Field(ge=0, le=_DAY_SECONDS)] = Field(
        default=_HOUR_SECONDS,
        description="How long after closing the customer is asked. The follow-up is due within 24 h, so no longer.",
    )
    survey_open_seconds: Annotated[int, Field(ge=1)] = Field(
        default=7 * _DAY_SECONDS,
        description="How long a survey can be answered.",
    )
    survey_again_after_seconds: Annotated[int, Field(ge=0)] = Field(
        default=7 * _DAY_SECONDS,
        description="Fatigue: a ticket's requester is not asked about it again sooner than this after the last time.",
    )
    survey_low_csat_max: Annotated[int, Field(ge=0, le=5)] = Field(
        default=2,
        description="The best CSAT (1 to 5) that counts as low; 0 makes none low.",
    )
    survey_low_nps_max: Annotated[int, Field(ge=-1, le=10)] = Field(
        default=6,
        description="The best NPS (0 to 10) that counts as low; -1 makes none low.",
    )
    feedback_retention_seconds: Annotated[int, outlives(TICKET_EVENTS, FEEDBACK_ANSWERS)] = Field(
        default=TICKET_EVENTS.retention_hours * _HOUR_SECONDS,
        description="How long a ticket is remembered once nothing more is expected of it. Until then it is known that "
        "its requester was asked, and why a late answer is refused. By default as long as its events can be read "
        "again: nobody is asked anew about a closing of months ago.",
    )

    attainment_kept_seconds: Annotated[int, outlives(TICKET_SLA, POOL_FEEDBACK)] = Field(
        default=35 * _DAY_SECONDS,
        description="How long a verdict of the clocks, and the counts of its day, are remembered: one that is taken "
        "back later than that is not corrected any more.",
    )
    feedback_timezone: str = Field(
        default="Asia/Shanghai", description="Zone (IANA) whose days verdicts of the clocks are counted by."
    )

    @field_validator("feedback_timezone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        """Refuse a name that no time zone has."""
        if name not in available_timezones():
            raise ValueError(f"no time zone {name!r}")
        return name

    @model_validator(mode="after")
    def _remembers_whom_it_asked(self) -> Self:
        if self.feedback_retention_seconds < self.survey_again_after_seconds:
            message = (
                "feedback_retention_seconds is shorter than survey_again_after_seconds: people would be asked again"
            )
            raise ValueError(message)
        return self

    @property
    def policy(self) -> Policy:
        """The numbers that decisions go by."""
        return Policy(
            ask_after=timedelta(seconds=self.survey_after_seconds),
            open_for=timedelta(seconds=self.survey_open_seconds),
            ask_again_after=timedelta(seconds=self.survey_again_after_seconds),
            low_csat_max=self.survey_low_csat_max,
            low_nps_max=self.survey_low_nps_max,
            retention=timedelta(seconds=self.feedback_retention_seconds),
        )
