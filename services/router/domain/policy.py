"""A pool's rules as decisions read them; the fields and what they mean are those of `schemas.routing_policy`."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.routing_policy import RoutingFilter
from schemas.routing_policy import RoutingPolicy as Stated


class SkillTier(msgspec.Struct, frozen=True):
    """Skills that work may do without once it has waited so long."""

    skills: tuple[str, ...]
    after_seconds: int


class OverflowGroup(msgspec.Struct, frozen=True):
    """Teams that may take work once it has waited so long."""

    teams: tuple[str, ...]
    after_seconds: int = 0


class RateLimit(msgspec.Struct, frozen=True):
    """At most so many assignments to one technician within a window."""

    assignments: int
    window_seconds: int


class Policy(msgspec.Struct, frozen=True):
    """One version of a pool's rules; version 0 is the router's own.

    `load_factor` is at least 0.01, so that with a capacity of at most 1,000 one more held weight always shows.
    """

    version: int = 0
    filters: tuple[str, ...] = tuple(RoutingFilter)
    skill_tiers: tuple[SkillTier, ...] = ()
    groups: tuple[OverflowGroup, ...] = ()
    rate_limit: RateLimit | None = None
    load_factor: float = 1.0
    continuity_factor: float = 0.5
    related_factor: float = 0.25
    skill_match_factor: float = 0.1
    idle_factor: float = 0.0
    fairness_factor: float = 0.0
    idle_full_seconds: int = 3_600
    timezone: str = "UTC"
    owners: dict[str, str] = {}
    owner_seconds: int = 0
    vip_first: bool = True
    ageing_seconds: int | None = 14_400
    ageing_up_to: str = "P1"
    owner_id: str | None = None
    owner_after_seconds: int | None = 3_600
    owner_takes: bool = True
    accept_within_seconds: int | None = None
    missed_rests_seconds: int | None = 900
    offline_grace_seconds: int | None = None
    shift_grace_seconds: int | None = None
    shift_ending_seconds: int = 900
    reassignments_per_second: int = 20


def policy_of(stated: Stated) -> Policy:
    """The policy of a record, given as its contract's derived struct."""
    return msgspec.convert(msgspec.to_builtins(stated), Policy)


def stated_by(policy: Policy) -> dict[str, Any]:
    """The policy as plain values, for a record or a page."""
    plain: dict[str, Any] = msgspec.to_builtins(policy)
    return plain
