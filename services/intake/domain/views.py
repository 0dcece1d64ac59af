"""What the read model shows of a ticket: the shapes that its projector writes and its readers answer with.

Times are RFC 3339 texts in UTC, as they travel. Texts of people are cut to what a page or a technician needs.
"""

from __future__ import annotations

from dataclasses import dataclass

HELD_STATUSES = ("assigned", "in_progress", "pending", "on_hold", "in_review")
"""Where a ticket is somebody's work."""

FINAL_STATUSES = ("closed", "cancelled", "merged")
"""Where a ticket ends, unless it is reopened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetView:
    """Where one SLA target of a ticket stands; `due_at` is null while it is paused. Seconds are business seconds."""

    target: str
    state: str
    cycle: int
    due_at: str | None
    budget_seconds: float
    elapsed_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketView:
    """A ticket as it stands after `sequence`.

    `subject` and `body` are what the customer wrote, the body cut. `merged_into` names the ticket that goes on in its
    place. Contact data is not here: what the customer is told goes through the product.
    """

    ticket_id: str
    sequence: int
    status: str
    priority: str | None
    channel: str | None
    subject: str | None
    body: str | None
    requester_id: str | None
    company: str | None
    tier: str | None
    language: str | None
    issue_type: str | None
    product: str | None
    version: str | None
    users_affected_percent: int | None
    steps_to_reproduce: str | None
    screenshot_url: str | None
    missing_fields: list[str]
    category: str | None
    pool: str | None
    skills: list[str]
    level: str | None
    technician_id: str | None
    cycle: int
    merged_into: str | None
    opened_at: str | None
    updated_at: str
    resolved_at: str | None
    closes_at: str | None
    closed_at: str | None
    csat: int | None
    nps: int | None
    targets: list[TargetView]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One event of a ticket. `cause` is the id of the command or event that led to it.

    `text` is what the customer, the technician or the solution said, cut.
    """

    sequence: int
    type: str
    status: str
    occurred_at: str
    cause: str
    technician_id: str | None = None
    priority: str | None = None
    level: str | None = None
    reason: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """How many tickets are in each status and came by each channel, and how many events of each type there were.

    `fresh` says whether the view had caught up with the topics lately.
    """

    status: dict[str, int]
    channel: dict[str, int]
    events: dict[str, int]
    fresh: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketPage:
    """Some tickets of an index, and where the next page begins (null at the end)."""

    tickets: list[TicketView]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """What Redis knows of a thread that a new message belongs to.

    `ticket_id` is set only once the ledger has opened that ticket and still takes messages for it;
    `expected_ticket_id` is also the one that an accepted message should open. `conversation` is the key under which
    the thread's earlier messages were sent on.
    """

    ticket_id: str | None = None
    expected_ticket_id: str | None = None
    conversation: str | None = None


UNKNOWN_THREAD = Thread()
