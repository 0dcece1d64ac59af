"""What the coordinator board shows: waiting work with its slack, and who holds how much; all of it from states."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from schemas.vocabulary import Language, Level, Presence, Tier
from services.router.domain.policy import Policy
from services.router.domain.work import Order, Technician, Work, order_of

PRESENCES: Final = (Presence.AVAILABLE, Presence.BUSY, Presence.AWAY, Presence.OFFLINE)
"""In the order in which the board lists people."""


_UNAGED: Final = Policy(ageing_seconds=None)


class OfferRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A piece of work. `technician_id` is who holds it, None while it waits; of held work less is known."""

    ticket_id: str
    priority: str
    weight: int
    queued_at: datetime
    waiting_since: datetime
    due_at: datetime | None = None
    skills: tuple[str, ...] = ()
    level: Level = Level.L1
    language: Language | None = None
    tier: Tier = Tier.STANDARD
    technician_id: str | None = None


class TechnicianRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A technician as the router knows them, without what they hold."""

    technician_id: str
    level: Level
    capacity: int
    presence: Presence
    rostered: bool
    skills: tuple[str, ...] = ()
    languages: tuple[Language, ...] = ()


class Holding(msgspec.Struct, frozen=True):
    """A technician with the sum of the weights that they hold, and the tickets among it that the viewer may see."""

    technician: TechnicianRow
    load: int
    offers: tuple[OfferRow, ...]

    @property
    def share(self) -> float:
        """Of their capacity; above 1 for who was loaded by hand."""
        return self.load / max(self.technician.capacity, 1)


class PoolCounts(msgspec.Struct, frozen=True):
    """A pool in numbers. `waiting` and what is said of due times are of the viewer's tenant, the rest is the pool's.

    `capacity` is that of who is available, `load` all that is held; `present` counts people by presence.
    """

    pool: str
    waiting: int = 0
    overdue: int = 0
    due_within_hour: int = 0
    load: int = 0
    capacity: int = 0
    present: dict[str, int] = {}

    @property
    def utilisation(self) -> float | None:
        """What is held, of what those who are available can carry; None while nobody is."""
        return self.load / self.capacity if self.capacity else None


class PoolLane(msgspec.Struct, frozen=True):
    """A pool with the head of its queue and the first of its people: available ones first, the least loaded first."""

    counts: PoolCounts
    queue: tuple[OfferRow, ...]
    people: tuple[Holding, ...]


class Board(msgspec.Struct, frozen=True):
    """All pools in numbers, some of them in rows. Not `fresh`: the view is being read anew and may lack something."""

    pools: tuple[PoolCounts, ...]
    lanes: tuple[PoolLane, ...]
    fresh: bool


def offer_row(work: Work) -> OfferRow:
    """The row of work that waits."""
    return OfferRow(
        ticket_id=work.ticket_id,
        priority=work.priority,
        weight=work.weight,
        queued_at=work.queued_at,
        waiting_since=work.waiting_since,
        due_at=work.due_at,
        skills=work.skills,
        level=work.level,
        language=work.language,
        tier=work.tier,
    )


def technician_row(technician: Technician) -> TechnicianRow:
    """The row of a technician."""
    return TechnicianRow(
        technician_id=technician.technician_id,
        level=technician.level,
        capacity=technician.capacity,
        presence=technician.presence,
        rostered=technician.rostered,
        skills=technician.skills,
        languages=technician.languages,
    )


def place_in_queue(work: Work) -> str:
    """Text that sorts as the queue does before age raises anything, for a sorted set whose members have one score."""
    return sortable(order_of(work, _UNAGED, work.queued_at))


def in_order(rows: Iterable[OfferRow], policy: Policy, now: datetime) -> list[OfferRow]:
    """Waiting work as the pool's queue has it at `now`, what age has raised included."""
    return sorted(rows, key=lambda row: order_of(_work(row), policy, now))


def _work(row: OfferRow) -> Work:
    """As much of the work as its place depends on."""
    return Work(
        ticket_id=row.ticket_id,
        generation=1,
        priority=row.priority,
        skills=row.skills,
        level=row.level,
        language=row.language or Language.ZH_CN,
        weight=row.weight,
        queued_at=row.queued_at,
        waiting_since=row.waiting_since,
        due_at=row.due_at,
        tier=row.tier,
    )


def sortable(order: Order) -> str:
    """An order as text that sorts in the same way: numbers with all their digits, texts ended by what sorts first."""
    return "\x00".join(_sortable_part(part) for part in _flat(order))


def _flat(order: tuple[object, ...]) -> list[object]:
    return [part for each in order for part in (_flat(each) if isinstance(each, tuple) else [each])]


def _sortable_part(part: object) -> str:
    return f"{part:020d}" if isinstance(part, int) else str(part)
