"""`routing.work`: all that a pool's router needs, in one log. Key: pool.

Writers: the intake ledger (offers and withdrawals), the directory API (policy, roster and presence). The log alone
reproduces every routing decision.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from schemas.contract import Contract, Instant, Part
from schemas.routing_policy import RoutingPolicy, Shift
from schemas.vocabulary import Language, Level, Line, Name, Presence, Priority, Sequence, TicketId, Tier

DECLINED: Final = "declined"
NOT_ACCEPTED: Final = "not accepted in time"
DECLINED_REASONS: Final = (DECLINED, NOT_ACCEPTED)
"""Why the ledger withdraws an offer whose technician gave the ticket back, or let the time for accepting it pass."""
VOID: Final = "void: no longer offered"
"""Why it withdraws what the router assigned too late: nobody was told."""


class MissedAccept(Part):
    """Someone let the time for accepting a ticket pass, at `missed_at`. It is no decline: they may have been away."""

    technician_id: Name
    missed_at: Instant


class OfferMade(Contract, type_name="aftercare.routing.offer_made.v1"):
    """A ticket waits for a technician. `queued_at` is when it first waited: age survives declines and reopening.

    `generation` counts the ledger's offers of the ticket; an assignment of another generation is void.
    `declined_by` never get it again; who is in `missed`, each named once, may after the pool's `missed_rests_seconds`.
    `wanted_technician_id` is a coordinator's choice, which always wins. `due_at` orders by SLA slack where known.
    """

    ticket_id: TicketId
    generation: Sequence
    pool: Name
    priority: Priority
    skills: list[Name]
    level: Level
    language: Language
    product: Name | None = None
    tier: Tier
    weight: Annotated[int, Field(ge=1, le=100)] = 1
    queued_at: Instant
    due_at: Instant | None = None
    declined_by: list[Name] = []
    missed: list[MissedAccept] = []
    last_technician_id: Name | None = None
    wanted_technician_id: Name | None = None
    requester_id: Name | None = None


class OfferWithdrawn(Contract, type_name="aftercare.routing.offer_withdrawn.v1"):
    """The ticket no longer needs this generation's technician: it ended, moved on, or the assignment was void.

    Frees the load that the generation held, and takes a waiting ticket out of the queue.
    """

    ticket_id: TicketId
    generation: Sequence
    pool: Name
    reason: Line


class TechnicianRostered(Contract, type_name="aftercare.routing.technician_rostered.v1"):
    """A technician of the pool as the directory has them; `active` false takes them off the roster.

    Empty `products` and `tiers` mean all. `conflicts` are requesters whose work they must not get. Without a `shift`
    they are on duty whenever they are present.
    """

    technician_id: Name
    pool: Name
    team: Name
    skills: list[Name]
    languages: list[Language]
    level: Level
    capacity: Annotated[int, Field(ge=0, le=1000)]
    active: bool = True
    products: list[Name] = []
    tiers: list[Tier] = []
    conflicts: Annotated[list[Name], Field(max_length=1000)] = []
    shift: Shift | None = None


class PresenceChanged(Contract, type_name="aftercare.routing.presence_changed.v1"):
    """Whether a technician takes new work. A fact, not a missing heartbeat."""

    technician_id: Name
    pool: Name
    presence: Presence


class RoutingPolicyStated(Contract, type_name="aftercare.routing.policy_stated.v1"):
    """By which rules the pool assigns from here on, what waits included."""

    pool: Name
    policy: RoutingPolicy
