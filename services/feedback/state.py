"""What feedback keeps of a ticket: where its last survey stands, and when to look at it again."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from services.feedback.domain.policy import Policy
from services.feedback.domain.review import FIRST_CYCLE
from services.feedback.domain.survey import Survey, SurveyStatus

STATE_VERSION: Final = 1

ASK: Final = "ask"
EXPIRE: Final = "expire"
FORGET: Final = "forget"


class Feedback(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A ticket that was closed or reopened.

    `sequence` is the last of its events that counted here, so that copies do nothing. `ask_at` is set while a survey is
    planned, `survey` is the last that was asked. `settled_at` is when something last happened.
    """

    tenant: str
    sequence: int
    settled_at: datetime
    cycle: int = FIRST_CYCLE
    ticket_open: bool = False
    ask_at: datetime | None = None
    survey: Survey | None = None

    @property
    def awaits_answer(self) -> bool:
        """Whether a survey is open."""
        return self.survey is not None and self.survey.status is SurveyStatus.OPEN


class Timing(msgspec.Struct, frozen=True):
    """A timer that a state asks for."""

    kind: str
    due_at: datetime
    generation: int


def timings(state: Feedback, policy: Policy) -> tuple[Timing, ...]:
    """All timers of a ticket. One that nothing more is expected of is forgotten after the retention.

    A reopened ticket is kept until it ends: only its state knows in which cycle it is.
    """
    found = []
    if state.ask_at is not None:
        found.append(Timing(ASK, state.ask_at, state.cycle))
    if state.survey is not None and state.awaits_answer:
        found.append(Timing(EXPIRE, state.survey.expires_at, state.survey.cycle))
    if not found and not state.ticket_open:
        found.append(Timing(FORGET, state.settled_at + policy.retention, state.sequence))
    return tuple(found)
