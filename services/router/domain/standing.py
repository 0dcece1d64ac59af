"""Whether someone takes new work at a moment, whatever the work: presence, shift and rate limit."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.routing_policy import RoutingFilter
from services.router.domain import filters
from services.router.domain.filters import presence, shift
from services.router.domain.instants import datetime_of, microseconds_of
from services.router.domain.policy import Policy
from services.router.domain.shifts import duty_at
from services.router.domain.tally import Tally, free_again_at
from services.router.domain.work import Technician


class Standing(NamedTuple):
    """The filter that drops them (None: they are ready), and when time alone changes that (None: never)."""

    dropped_by: str | None
    until: datetime | None = None


READY = Standing(None)
_ABSENT = Standing(filters.PRESENCE)


def standing_of(technician: Technician, tally: Tally, policy: Policy, now: datetime) -> Standing:
    """The first filter that drops someone whatever the work. Presence changes by events, the others by time."""
    if not presence.keeps(technician.presence):
        return _ABSENT
    until: datetime | None = None
    if technician.shift is not None and RoutingFilter.SHIFT in policy.filters:
        duty = duty_at(technician.shift, now)
        if not shift.keeps(duty, policy.shift_ending_seconds, now):
            return Standing(filters.SHIFT, duty.until)
        until = duty.until - timedelta(seconds=policy.shift_ending_seconds)
    if tally.recent and RoutingFilter.RATE in policy.filters:
        free_at = free_again_at(tally, policy, microseconds_of(now))
        if free_at is not None:
            return Standing(filters.RATE, min(datetime_of(free_at), until or datetime_of(free_at)))
    return READY if until is None else Standing(None, until)
