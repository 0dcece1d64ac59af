"""What a survey link opens. The notifier signs it for the subject `<ticket id>/<survey id>`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import SecretStr

from services._runtime.web.tokens import AUDIENCE_SURVEY, TokenRefused, open_link

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class LinkForged(Exception):  # noqa: N818 - says what the link is
    """The link is not one of ours, or not one for surveys."""


class LinkExpired(Exception):  # noqa: N818 - says what the link is
    """The link was good until its survey expired."""


@dataclass(frozen=True, slots=True)
class SurveyLink:
    """One survey of one ticket, open to whoever holds the link."""

    tenant: str
    ticket_id: str
    survey_id: str


def open_survey(secret: SecretStr, token: str, *, now: datetime) -> SurveyLink:
    """What the token opens at `now`.

    Raises:
        LinkExpired: its survey is over.
        LinkForged: in every other case.
    """
    try:
        link = open_link(secret, token, audience=AUDIENCE_SURVEY, now=now)
    except TokenRefused as refusal:
        if _was_good_once(secret, token):
            raise LinkExpired from refusal
        raise LinkForged from refusal
    ticket_id, separator, survey_id = link.subject.partition("/")
    if not (ticket_id and separator and survey_id):
        raise LinkForged
    return SurveyLink(link.tenant, ticket_id, survey_id)


def _was_good_once(secret: SecretStr, token: str) -> bool:
    """Whether nothing but its age is wrong with a token."""
    try:
        open_link(secret, token, audience=AUDIENCE_SURVEY, now=_LONG_AGO)
    except TokenRefused:
        return False
    return True
