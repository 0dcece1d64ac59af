"""Whom not to ask: too many surveys make all of them worthless.

The store's key is the ticket, so this looks at what the customer was asked about this ticket. A customer with several
tickets may be asked about each.
"""

from __future__ import annotations

from datetime import datetime

from services.feedback.domain.policy import Policy
from services.feedback.domain.survey import Survey, SurveyStatus


def reason_to_skip(last: Survey | None, now: datetime, policy: Policy) -> str | None:
    """Why not to ask at `now`, given the ticket's last survey; None if nothing speaks against it."""
    if last is None:
        return None
    if last.status is SurveyStatus.OPEN:
        return "an earlier survey is still open"
    if now < last.asked_at + policy.ask_again_after:
        return "asked lately"
    return None
