"""What of a state comes due, and when: timers follow from the state and the pool's policy alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import chain
from typing import Final

from schemas.ticket_assignments import ReleaseReason
from services._runtime.engine.topology import Timer
from services.router.domain.acquaintances import Acquainted
from services.router.domain.instants import datetime_of, microseconds_of
from services.router.domain.missed import rests_end_at
from services.router.domain.policy import Policy
from services.router.domain.shifts import duty_at
from services.router.domain.tally import Tally, free_again_at
from services.router.domain.work import loosens_at
from services.router.state import Ended, Gone, Member, Releasing, Ruled, State, Waiting

FORGET: Final = "forget"
"""An ended offer, a technician off the roster, or who knew a requester, is forgotten."""
DUTY: Final = "duty"
"""A shift begins or ends."""
GRACE: Final = "grace"
"""Someone is gone for so long that they give back what they hold."""
RATE: Final = "rate"
"""Someone who had used up the rate limit may get work again."""
LOOSEN: Final = "loosen"
"""Work has waited so long that others are asked, or some again, or the pool's owner is alarmed."""
RELEASE: Final = "release"
"""The next slice of work is given back."""
SWEEP: Final = "sweep"
"""The next slice of waiting work is looked at by the new policy."""

RELEASE_SECONDS: Final = 1.0
"""Between two slices."""


def timers_of(state: State | None, policy: Policy, now: datetime, forget_at: datetime) -> tuple[Timer, ...]:
    """All timers of a state that is put in force at `now`."""
    timers: tuple[Timer, ...] = ()
    match state:
        case Waiting():
            timers = _of_waiting(state, policy, now)
        case Member():
            timers = _of_member(state, policy, now, forget_at)
        case Tally():
            free_at = free_again_at(state, policy, microseconds_of(now)) if state.recent else None
            timers = (Timer(RATE, datetime_of(free_at)),) if free_at is not None else ()
        case Ended() | Acquainted():
            timers = (Timer(FORGET, forget_at),)
        case Releasing():
            timers = (Timer(RELEASE, now + timedelta(seconds=RELEASE_SECONDS if state.slices else 0)),)
        case Ruled() if state.swept is not None:
            timers = (Timer(SWEEP, now),)
        case _:
            pass
    return timers


def owner_alarmed_at(waiting: Waiting, policy: Policy) -> datetime | None:
    """When the pool's owner is alarmed of work that still waits; None where never, or no more."""
    if policy.owner_after_seconds is None or waiting.alarmed:
        return None
    return waiting.waiting_since + timedelta(seconds=policy.owner_after_seconds)


def grace_ends_at(gone: Gone, policy: Policy) -> datetime | None:
    """When someone who is gone gives back what they hold; None where they keep it."""
    over = gone.reason is ReleaseReason.SHIFT_OVER
    grace_seconds = policy.shift_grace_seconds if over else policy.offline_grace_seconds
    return gone.since + timedelta(seconds=grace_seconds) if grace_seconds is not None else None


def _of_waiting(waiting: Waiting, policy: Policy, now: datetime) -> tuple[Timer, ...]:
    changes = chain(loosens_at(waiting.work, policy), rests_end_at(waiting.work, policy))
    instants = [instant for instant in changes if instant > now]
    alarmed_at = owner_alarmed_at(waiting, policy)
    if alarmed_at is not None:
        instants.append(max(alarmed_at, now))
    return (Timer(LOOSEN, min(instants)),) if instants else ()


def _of_member(member: Member, policy: Policy, now: datetime, forget_at: datetime) -> tuple[Timer, ...]:
    timers = []
    if not member.technician.rostered:
        timers.append(Timer(FORGET, forget_at))
    elif member.technician.shift is not None:
        timers.append(Timer(DUTY, duty_at(member.technician.shift, now).until))
    if member.gone is not None and not member.leaving:
        ends_at = grace_ends_at(member.gone, policy)
        if ends_at is not None:
            timers.append(Timer(GRACE, max(ends_at, now)))
    return tuple(timers)
