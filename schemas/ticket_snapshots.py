"""`ticket.snapshots`: the current state of each ticket, compacted. Key: ticket id. Writer: the intake ledger."""

from __future__ import annotations

from schemas.contract import Contract, Instant
from schemas.vocabulary import (
    Category,
    Channel,
    Count,
    Language,
    Level,
    Name,
    Priority,
    Sequence,
    Status,
    TicketId,
    Tier,
)


class TicketSnapshot(Contract, type_name="aftercare.ticket.snapshot.v1"):
    """The ticket as it stands after `sequence`; a subscriber reads these, then follows `ticket.events`."""

    ticket_id: TicketId
    sequence: Sequence
    status: Status
    priority: Priority
    channel: Channel
    category: Category
    pool: Name
    skills: list[Name]
    level: Level
    product: Name | None = None
    requester_id: Name
    tier: Tier
    language: Language
    technician_id: Name | None = None
    generation: Count
    cycle: Sequence
    opened_at: Instant
    updated_at: Instant
    resolved_at: Instant | None = None
    closed_at: Instant | None = None
