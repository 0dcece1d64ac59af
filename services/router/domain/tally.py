"""What is remembered of the assignments that someone got: enough for rate limit, idleness and fairness, no more."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from services.router.domain.instants import MICROSECONDS, datetime_of
from services.router.domain.policy import Policy

_QUARTER_SECONDS: Final = 900

NEVER_ASSIGNED: Final = 0
"""Before every instant: whoever never got anything has been idle for longest."""


class Tally(msgspec.Struct, frozen=True, array_like=True, tag="tally", gc=False):
    """`last_at` in microseconds since 1970; `assigned_weight` of the local `day` (days since year 1).

    `recent` are the instants of the latest assignments, as many as the rate limit counts.
    """

    last_at: int = NEVER_ASSIGNED
    day: int = 0
    assigned_weight: int = 0
    recent: tuple[int, ...] = ()


NOTHING_YET: Final = Tally()


def tallied(tally: Tally, weight: int, policy: Policy, now_us: int) -> Tally:
    """The tally with one more assignment, made now."""
    day = day_of(policy, now_us)
    limit = policy.rate_limit
    recent = (*tally.recent, now_us)[-limit.assignments :] if limit is not None else ()
    return Tally(max(tally.last_at, now_us), day, assigned_on(tally, day) + weight, recent)


def assigned_on(tally: Tally, day: int) -> int:
    """The weights assigned on a day."""
    return tally.assigned_weight if tally.day == day else 0


def free_again_at(tally: Tally, policy: Policy, now_us: int) -> int | None:
    """When someone who has used up the rate limit gets work again, in microseconds; None who has not."""
    limit = policy.rate_limit
    if limit is None or len(tally.recent) < limit.assignments:
        return None
    leaves_at = tally.recent[-limit.assignments] + limit.window_seconds * MICROSECONDS
    return leaves_at if leaves_at > now_us else None


def day_of(policy: Policy, now_us: int) -> int:
    """The local day of the pool, as days since year 1; 0 where fairness is not asked for."""
    if not policy.fairness_factor:
        return 0
    return _local(policy.timezone, now_us // (_QUARTER_SECONDS * MICROSECONDS)).toordinal()


@lru_cache(maxsize=1_024)
def _local(timezone: str, quarter: int) -> date:
    """The local date of a quarter of an hour: every zone in use is off by whole ones, so all of it is on one day."""
    return datetime_of(quarter * _QUARTER_SECONDS * MICROSECONDS).astimezone(ZoneInfo(timezone)).date()
