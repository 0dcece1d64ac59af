"""The words of routing: what work needs, what a technician is, and the order in which work waits."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from schemas.vocabulary import Language, Level, Presence

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NUMBERED: Final = re.compile(r"([A-Z]+)([0-9]*)(.*)")
_NEVER_DUE: Final = 2**63
"""Sorts after every instant: work without a due time comes after work with one."""

LEVEL_NUMBERS: Final = {Level.L1: 1, Level.L2: 2, Level.L3: 3}


class Requirement(NamedTuple):
    """What work asks of a technician. Work of equal requirement suits the same people."""

    skills: frozenset[str]
    level: int
    language: Language
    weight: int


class Profile(NamedTuple):
    """What a technician is, apart from who. `capacity` is the sum of weights that they can hold."""

    skills: frozenset[str]
    level: int
    languages: frozenset[Language]
    capacity: int


class Work(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A ticket that needs a technician: what of an offer the decision looks at.

    `queued_at` is when the ticket first waited; it outlives declines and reopening. `due_at` is its next SLA target.
    `declined_by` names each person once.
    """

    ticket_id: str
    generation: int
    priority: str
    skills: tuple[str, ...]
    level: Level
    language: Language
    weight: int
    queued_at: datetime
    due_at: datetime | None = None
    declined_by: tuple[str, ...] = ()
    last_technician_id: str | None = None
    wanted_technician_id: str | None = None


class Technician(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A technician as roster and presence events have told. Load is no part of it: held work says that.

    `rostered` is false for someone who is not (or no longer, or not yet) on the roster: they get nothing by rule.
    Who never said otherwise is available, as in the directory.
    """

    technician_id: str
    skills: tuple[str, ...] = ()
    languages: tuple[Language, ...] = ()
    level: Level = Level.L1
    capacity: int = 0
    presence: Presence = Presence.AVAILABLE
    rostered: bool = False


class Order(NamedTuple):
    """Where work stands in the queue, first to last: priority, SLA slack, age, and the ticket id between twins."""

    priority: tuple[str, int, str]
    due_microseconds: int
    queued_microseconds: int
    ticket_id: str


def requirement_of(work: Work) -> Requirement:
    """What the work asks for."""
    return Requirement(frozenset(work.skills), LEVEL_NUMBERS[work.level], work.language, work.weight)


def profile_of(technician: Technician) -> Profile:
    """What the technician is."""
    return Profile(
        frozenset(technician.skills),
        LEVEL_NUMBERS[technician.level],
        frozenset(technician.languages),
        technician.capacity,
    )


def order_of(work: Work) -> Order:
    """The place of the work in its queue. Slack shrinks for all alike, so `due_at` orders as slack does."""
    due = _NEVER_DUE if work.due_at is None else _microseconds(work.due_at)
    return Order(urgency_of(work.priority), due, _microseconds(work.queued_at), work.ticket_id)


def urgency_of(priority: str) -> tuple[str, int, str]:
    """The order of priorities, most urgent least. Their names are data: P0 before P1, P2 before P10."""
    match = _NUMBERED.fullmatch(priority)
    if match is None:
        return (priority, 0, "")
    letters, digits, rest = match.groups()
    return (letters, int(digits or 0), rest)


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND
