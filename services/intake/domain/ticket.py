"""A ticket as the ledger keeps it, and the little that is kept of one that is over.

Both are written as arrays: a new field goes to the end and has a default, so that older records and older code read
on. No message bodies and no contact data: those are in the events.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import Final, TypeAlias

import msgspec

from schemas.vocabulary import Category, Channel, Language, Level, Status, Tier

RECENT_COMMANDS: Final = 16
"""How many of the latest causes a ticket remembers, so that none is carried out twice."""

DECLINES_REMEMBERED: Final = 32
"""How many technicians that declined a ticket, and how many that missed it, are named to the router; the earliest are
forgotten first."""

OPEN: Final = frozenset(
    {
        Status.NEW,
        Status.CLASSIFIED,
        Status.QUEUED,
        Status.ASSIGNED,
        Status.IN_PROGRESS,
        Status.PENDING,
        Status.ON_HOLD,
        Status.IN_REVIEW,
    }
)
WORKED_ON: Final = frozenset({Status.IN_PROGRESS, Status.PENDING, Status.ON_HOLD, Status.IN_REVIEW})
PAUSED: Final = frozenset({Status.PENDING, Status.ON_HOLD})
"""It waits for someone else than its technician."""
HELD: Final = WORKED_ON | {Status.ASSIGNED}
"""A technician has it."""
OFFERED: Final = HELD | {Status.QUEUED}
"""The current generation is with the router: it waits there or weighs on someone."""
OVER: Final = frozenset({Status.RESOLVED, Status.CLOSED})
"""Solved; it may be reopened."""
ENDED: Final = frozenset({Status.CANCELLED, Status.MERGED})
"""Nothing can follow."""


class Missed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Who let the time for accepting a ticket pass, and when that was noticed."""

    technician_id: str
    missed_at: datetime


class Ticket(msgspec.Struct, frozen=True, array_like=True, tag="ticket", gc=False):
    """A ticket that is open, or over and may still be reopened.

    `sequence` is that of its last event, `generation` that of its last offer, `cycle` counts resolutions from 1.
    `recent` are fingerprints of the latest causes. `wakes_at` is when its status ends by itself: `assigned` unless
    accepted, `resolved` by closing, `closed` by becoming a `Remnant`. `resolution_due_at` is what the sla_monitor
    said last. `given_up`: the technician went while the ticket was paused, so it is offered anew when work goes on.
    `ever_assigned`: somebody was found for it, at least once. `missed` names each person once, whoever did last at the
    end.
    """

    ticket_id: str
    tenant: str
    status: Status
    sequence: int
    generation: int
    cycle: int
    priority: str
    channel: Channel
    category: Category
    pool: str
    level: Level
    requester_id: str
    tier: Tier
    language: Language
    opened_at: datetime
    updated_at: datetime
    skills: tuple[str, ...] = ()
    product: str | None = None
    technician_id: str | None = None
    last_technician_id: str | None = None
    wanted_technician_id: str | None = None
    declined_by: tuple[str, ...] = ()
    resolution_due_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    wakes_at: datetime | None = None
    recent: tuple[int, ...] = ()
    given_up: bool = False
    ever_assigned: bool = False
    missed: tuple[Missed, ...] = ()


class Remnant(msgspec.Struct, frozen=True, array_like=True, tag="remnant", gc=False):
    """What is kept of a ticket that is over for good, or of an id under which none was ever opened (`opened` false).

    It keeps the sequence free of holes and answers late commands, until `wakes_at`.
    """

    ticket_id: str
    tenant: str
    status: Status
    sequence: int
    generation: int
    wakes_at: datetime
    opened: bool = True
    into_ticket_id: str | None = None
    recent: tuple[int, ...] = ()


State: TypeAlias = Ticket | Remnant


class Moment(msgspec.Struct, frozen=True, gc=False):
    """What a decision is made on besides state and input.

    `cause` is the id of the input, `mark` its fingerprint, or None where nothing is to be remembered of it.
    `occurred_at` is when the fact happened, `decided_at` the processor's now: durations begin then, so that an outage
    shortens nobody's time. `position` is where the input stands.
    """

    ticket_id: str
    tenant: str
    cause: str
    occurred_at: datetime
    decided_at: datetime
    position: str
    mark: int | None = None


def fingerprint(text: str) -> int:
    """64 bits that stand for an id in a bounded memory; two ids of one ticket meet once in 10^17."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def remembering(recent: tuple[int, ...], mark: int | None) -> tuple[int, ...]:
    """The memory with one more mark, the oldest dropped where it is full."""
    return recent if mark is None else (*recent[1 - RECENT_COMMANDS :], mark)
