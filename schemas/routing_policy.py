"""How a pool assigns its work, as data: which rules are in force, what each weighs, and what time changes.

Versioned in the directory (`PoolDefined.routing`) and stated on the pool's `routing.work`, so that the log alone says
by which policy each assignment was made. Durations are seconds of wall-clock time; what a null or a zero turns off is
said with each field.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.contract import Part
from schemas.vocabulary import Name, Priority, Sequence

WallTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-4]):[0-5][0-9]$")]
Seconds = Annotated[int, Field(ge=0, le=31_622_400)]
Factor = Annotated[float, Field(ge=0, le=100)]


class RoutingFilter(StrEnum):
    """The filters that a pool may do without. Skill, team, presence and capacity always hold."""

    LEVEL = "level"
    LANGUAGE = "language"
    PRODUCT = "product"
    TIER = "tier"
    OWNER = "owner"
    CONFLICT = "conflict"
    SHIFT = "shift"
    RATE = "rate"
    DECLINED = "declined"


class Shift(Part):
    """When a technician works: intervals a weekday (`mon` … `sun`) in local wall time, as calendars have them.

    An interval that ends at or before it begins goes on into the next day. `overrides` replace a day (`2026-10-10`), an
    empty list is a day off.
    """

    timezone: Name
    hours: dict[str, list[list[WallTime]]]
    overrides: dict[str, list[list[WallTime]]] = {}


class SkillTier(Part):
    """Skills that work may do without once it has waited so long; until then they are required like others."""

    skills: Annotated[list[Name], Field(min_length=1, max_length=100)]
    after_seconds: Seconds


class OverflowGroup(Part):
    """Teams that may take work once it has waited so long; a group adds to those before it."""

    teams: Annotated[list[Name], Field(min_length=1, max_length=100)]
    after_seconds: Seconds = 0


class RateLimit(Part):
    """At most so many assignments to one technician within any window of this length; those by hand count too."""

    assignments: Annotated[int, Field(ge=1, le=100)]
    window_seconds: Annotated[int, Field(ge=1, le=86_400)]


class RoutingPolicy(Part):
    """One version of a pool's rules.

    Filters: `filters` are those in force. `skill_tiers`, `groups` and `owner_seconds` loosen what work asks for as it
    waits. Without `groups` every team may take everything at once.

    Weighers: each gives 0 to 1 and counts by its factor; 0 leaves it out. Equals go to who was assigned nothing for the
    longest, then by id. `fairness` counts the weights assigned since midnight in `timezone`; `idle` is full after
    `idle_full_seconds`. `owners` names the technician who answers for a requester: they are preferred like the last
    technician, and for `owner_seconds` nobody else is asked.

    Queue: VIP before others of equal priority if `vip_first`. Every `ageing_seconds` (null: never) waiting work counts
    as one priority more urgent, up to `ageing_up_to`, so that nothing starves.

    Overflow: work that has waited `owner_after_seconds` (null: never), or that nobody of the pool could ever take,
    raises an alarm and goes to `owner_id`, marked as overflowed; with `owner_takes` false, or without an owner, it goes
    on waiting with the alarm.

    Changes: an assignment is to be accepted within `accept_within_seconds` (null: as the ledger's setting says; 0: no
    limit). Who lets that pass may get this very ticket again after `missed_rests_seconds` (null: never, as after a
    decline; 0: at once). Who is offline for `offline_grace_seconds`, or whose shift has been over for
    `shift_grace_seconds`, gives back what they hold (null: keeps it). All that is given back in a pool is spread:
    `reassignments_per_second`, most urgent first. Whose shift ends within `shift_ending_seconds` gets nothing new.
    """

    version: Sequence
    filters: list[RoutingFilter] = list(RoutingFilter)
    skill_tiers: Annotated[list[SkillTier], Field(max_length=10)] = []
    groups: Annotated[list[OverflowGroup], Field(max_length=10)] = []
    rate_limit: RateLimit | None = None
    load_factor: Annotated[float, Field(ge=0.01, le=100)] = 1.0
    continuity_factor: Factor = 0.5
    related_factor: Factor = 0.25
    skill_match_factor: Factor = 0.1
    idle_factor: Factor = 0.0
    fairness_factor: Factor = 0.0
    idle_full_seconds: Annotated[int, Field(ge=1, le=86_400)] = 3_600
    timezone: Name = "UTC"
    owners: Annotated[dict[str, Name], Field(max_length=10_000)] = {}
    owner_seconds: Seconds = 0
    vip_first: bool = True
    ageing_seconds: Annotated[int, Field(ge=1, le=31_622_400)] | None = 14_400
    ageing_up_to: Priority = "P1"
    owner_id: Name | None = None
    owner_after_seconds: Seconds | None = 3_600
    owner_takes: bool = True
    accept_within_seconds: Seconds | None = None
    missed_rests_seconds: Seconds | None = 900
    offline_grace_seconds: Seconds | None = None
    shift_grace_seconds: Seconds | None = None
    shift_ending_seconds: Annotated[int, Field(ge=0, le=86_400)] = 900
    reassignments_per_second: Annotated[int, Field(ge=1, le=1_000)] = 20
