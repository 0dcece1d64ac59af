"""Links in messages: signed, and the same for the same event, so that deciding again gives the same message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr

from services._runtime.web.tokens import AUDIENCE_PROGRESS, AUDIENCE_SURVEY, issue_link
from services.notifier.settings import NotifierSettings


@dataclass(frozen=True, slots=True)
class Links:
    """Makes links. Bases have no slash at their end; `at` is always the event's time."""

    secret: SecretStr
    progress_base: str
    survey_base: str
    progress_lifetime: timedelta

    @classmethod
    def of(cls, settings: NotifierSettings) -> Links:
        """Return the links that the settings describe."""
        return cls(
            secret=settings.secret,
            progress_base=settings.public_url,
            survey_base=settings.survey_url,
            progress_lifetime=timedelta(seconds=settings.notifier_progress_link_seconds),
        )

    def progress(self, tenant: str, ticket_id: str, at: datetime) -> str:
        """Return the address of a ticket's progress page."""
        token = issue_link(
            self.secret,
            audience=AUDIENCE_PROGRESS,
            tenant=tenant,
            subject=ticket_id,
            now=at,
            expires_at=at + self.progress_lifetime,
        )
        return f"{self.progress_base}/progress/{token}"

    def survey(self, tenant: str, ticket_id: str, survey_id: str, at: datetime, expires_at: datetime) -> str:
        """Return the address of a survey; it opens nothing once the survey has expired."""
        token = issue_link(
            self.secret,
            audience=AUDIENCE_SURVEY,
            tenant=tenant,
            subject=f"{ticket_id}/{survey_id}",
            now=at,
            expires_at=expires_at,
        )
        return f"{self.survey_base}/survey/{token}"
