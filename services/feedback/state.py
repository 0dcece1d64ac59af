"""What feedback keeps: of a ticket its last survey, and how its clocks were judged; of a pool what these come to."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Self, TypeAlias

import msgspec

from services.feedback.domain.attainment import Counts, Slot, Verdict
from services.feedback.domain.policy import Policy
from services.feedback.domain.review import FIRST_CYCLE
from services.feedback.domain.survey import Survey, SurveyStatus

STATE_VERSION: Final = 1
ATTAINMENT_STATE_VERSION: Final = 1

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


_encode_verdicts: Final = msgspec.msgpack.Encoder().encode
_decode_verdicts: Final = msgspec.msgpack.Decoder(dict[str, Verdict]).decode


class TicketVerdicts(msgspec.Struct, frozen=True, array_like=True, tag="ticket", gc=False):
    """The verdicts of a ticket that stand, by clock (target, cycle, generation), so that they can be taken off.

    Millions of tickets are remembered at once, so `packed` is one text of bytes (a dictionary as msgpack).
    """

    packed: bytes = b"\x80"

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """What `packed` holds."""
        return _decode_verdicts(self.packed)

    @classmethod
    def of(cls, verdicts: dict[str, Verdict]) -> Self:
        """The state with these verdicts."""
        return cls(_encode_verdicts(verdicts))


class PoolTally(msgspec.Struct, frozen=True, array_like=True, tag="tally", gc=False):
    """What one partition has counted of a pool until `due_at`. `pool` is empty for tickets without one."""

    tenant: str
    pool: str
    due_at: datetime
    counts: dict[Slot, Counts] = {}


class PoolDay(msgspec.Struct, frozen=True, array_like=True, tag="day", gc=False):
    """All that was counted of a day of a pool. `changed` was not reported since and will be at `report_at`."""

    tenant: str
    pool: str
    forget_at: datetime
    counts: dict[Slot, Counts] = {}
    changed: tuple[Slot, ...] = ()
    report_at: datetime | None = None


AttainmentState: TypeAlias = TicketVerdicts | PoolTally | PoolDay
