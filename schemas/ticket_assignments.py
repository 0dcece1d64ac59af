"""`ticket.assignments`: what the router proposes. Key: ticket id. Writer: the router. The ledger disposes."""

from __future__ import annotations

from enum import StrEnum

from schemas.contract import Contract, Instant
from schemas.parts import Candidate
from schemas.vocabulary import Count, Line, Name, Sequence, TicketId


class OverflowReason(StrEnum):
    """Why work goes beyond those who were asked first."""

    WAITED = "waited"
    NOBODY_ABLE = "nobody_able"
    ALL_DECLINED = "all_declined"


class ReleaseReason(StrEnum):
    """Why work is taken off who holds it."""

    OFFLINE = "offline"
    SHIFT_OVER = "shift_over"
    OFF_ROSTER = "off_roster"


class AssignmentEvent(Contract):
    """What every routing decision states; `generation` echoes the offer's.

    `policy_version` is that of the pool's `RoutingPolicy`; 0 is the router's own settings.
    """

    ticket_id: TicketId
    generation: Sequence
    pool: Name
    decided_at: Instant
    position: Line
    policy_version: Count = 0


class AssignmentQueued(AssignmentEvent, type_name="aftercare.assignment.queued.v1"):
    """Nobody can take it now; it waits. `dropped` counts the technicians that each filter dropped."""

    dropped: dict[str, Count]


class AssignmentMade(AssignmentEvent, type_name="aftercare.assignment.made.v1"):
    """The winner, the next two, and how many technicians each filter dropped.

    `by_hand`: a coordinator's choice, which no filter overruled. `overflowed`: given to the pool's owner, by no filter
    either. `accept_within_seconds` null leaves the time-out to the ledger's settings, 0 sets none.
    """

    technician_id: Name
    by_hand: bool = False
    overflowed: bool = False
    candidates: list[Candidate]
    dropped: dict[str, Count]
    accept_within_seconds: Count | None = None


class AssignmentOverflowed(AssignmentEvent, type_name="aftercare.assignment.overflowed.v1"):
    """Those who were asked first did not take it: `teams` may now, or (none left) the pool's owner is alarmed.

    `owner_id` null means that the pool names no owner; the work then waits on, and the alarm is all there is.
    """

    reason: OverflowReason
    alarm: bool
    teams: list[Name] = []
    owner_id: Name | None = None
    dropped: dict[str, Count]


class AssignmentReleased(AssignmentEvent, type_name="aftercare.assignment.released.v1"):
    """The technician is gone for longer than the pool's grace: the ledger is to offer the ticket anew, its age kept."""

    technician_id: Name
    reason: ReleaseReason
