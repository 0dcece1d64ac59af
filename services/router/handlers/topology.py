"""Which event of a pool goes to which handler.

A newer generation of a ticket replaces the one before it; the same or an older one, again or late, does nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from heapq import nsmallest
from typing import Final

import msgspec

from schemas.routing_work import (
    DECLINED_REASONS,
    NOT_ACCEPTED,
    VOID,
    OfferMade,
    OfferWithdrawn,
    PresenceChanged,
    RoutingPolicyStated,
    TechnicianRostered,
)
from schemas.topics import CHANGELOGS, DEAD_LETTERS, RETRIES, ROUTING_TURNS, ROUTING_WORK, TICKET_ASSIGNMENTS
from schemas.vocabulary import Presence
from services._runtime.engine.topology import NOTHING, Change, Context, Decision, Event, Timer, Topology
from services.router.domain.acquaintances import Acquainted, acquainted
from services.router.domain.missed import declining, only_missed
from services.router.domain.policy import Policy, policy_of
from services.router.domain.shifts import shift_of
from services.router.domain.tally import Tally
from services.router.domain.work import Missed, Technician, Work
from services.router.handlers import release
from services.router.handlers.census import Census
from services.router.handlers.effects import BY_HAND, DeclineHeard
from services.router.handlers.overflow import assign_or_overflow
from services.router.handlers.step import Cause, Step
from services.router.handlers.timers import FORGET
from services.router.handlers.turns import turns_taken
from services.router.settings import RoutingSettings
from services.router.state import (
    STATE_VERSION,
    Draft,
    Ended,
    Held,
    Member,
    Releasing,
    Ruled,
    State,
    Waiting,
    name_in,
    offer_key,
    policy_key,
    pool_of,
    requester_key,
    tally_key,
    technician_key,
)

SWEPT_AT_ONCE: Final = 1_000
"""How much waiting work is looked at in one decision after the policy changed."""
GIVEN_AT_ONCE: Final = 500
"""After how many assignments such a decision leaves the rest to the next."""


_NEVER_WORKED_ON: Final = frozenset({*DECLINED_REASONS, VOID})


class WrongPoolError(Exception):
    """A record lies under the key of another pool than it speaks of, so it is in the wrong partition."""


def router_topology(settings: RoutingSettings) -> Topology[State]:
    """`router.pools`: one poison offer must not stop a pool, so nothing parks."""
    router = Router(timedelta(seconds=settings.router_ended_offer_retention_seconds))
    policy = settings.policy
    return Topology(
        name="router.pools",
        service="router",
        inputs=(ROUTING_WORK,),
        writes=(TICKET_ASSIGNMENTS, ROUTING_TURNS),
        changelog=CHANGELOGS["router", "pools"],
        dead_letters=DEAD_LETTERS["router"],
        retries=RETRIES["router.pools"],
        handlers={
            OfferMade: router.on_offered,
            OfferWithdrawn: router.on_withdrawn,
            TechnicianRostered: router.on_rostered,
            PresenceChanged: router.on_presence_changed,
            RoutingPolicyStated: router.on_policy_stated,
        },
        on_timer=router.on_timer,
        on_batch=turns_taken,
        state_type=State,
        state_version=STATE_VERSION,
        index=lambda: Census(policy),
        parks=False,
    )


class Router:
    """The handlers, with how long ended offers are kept."""

    def __init__(self, ended_retention: timedelta) -> None:
        self._ended_retention = ended_retention

    def on_offered(self, _state: State | None, event: Event, context: Context) -> Decision[State]:
        """Assign the offer, or let it wait. Replacing an older generation frees whoever held that."""
        offer: OfferMade = event.data
        _check_pool(offer.pool, event)
        key = offer_key(offer.pool, offer.ticket_id)
        old = context.get(key)
        if old is not None and old.generation >= offer.generation:
            return NOTHING
        with _step(offer.pool, event.occurred_at, context) as step:
            since = waiting_since(old, event.occurred_at, context.now)
            work = work_of(offer, since, step.policy, context.now, _acquaintance_of(step, offer))
            new = Waiting(event.tenant, event.occurred_at, work)
            step.draft.put(key, new)
            if offer.wanted_technician_id is not None:
                step.assign_to(new, offer.wanted_technician_id, BY_HAND)
            if isinstance(old, Held):
                step.admit(old.technician_id)
            if step.draft.get(key) is new:
                assign_or_overflow(step, new, is_new=True)
            return step.decision(self._ended_retention)

    def on_withdrawn(self, _state: State | None, event: Event, context: Context) -> Decision[State]:
        """End the offer and give what it frees to waiting work.

        A withdrawal that comes before its offer (redriven later, say) is remembered, so that the offer does nothing.
        """
        withdrawn: OfferWithdrawn = event.data
        _check_pool(withdrawn.pool, event)
        key = offer_key(withdrawn.pool, withdrawn.ticket_id)
        old = context.get(key)
        if old is not None and old.generation > withdrawn.generation:
            return NOTHING
        if isinstance(old, Ended) and old.generation == withdrawn.generation:
            return NOTHING
        with _step(withdrawn.pool, event.occurred_at, context) as step:
            since = old.waiting_since if isinstance(old, (Waiting, Held)) else None
            step.draft.put(key, Ended(withdrawn.generation, since, event.occurred_at))
            if isinstance(old, Held):
                if withdrawn.reason not in _NEVER_WORKED_ON:
                    _acquaint(step, old, event.occurred_at)
                if withdrawn.reason in DECLINED_REASONS:
                    step.effects.append(DeclineHeard(withdrawn.pool, in_time=withdrawn.reason != NOT_ACCEPTED))
                step.admit(old.technician_id)
            return step.decision(self._ended_retention)

    def on_rostered(self, _state: State | None, event: Event, context: Context) -> Decision[State]:
        """Take over what the directory says of a technician. What they hold stays with them, for the pool's grace."""
        rostered: TechnicianRostered = event.data
        _check_pool(rostered.pool, event)
        known = _technician(context, rostered.pool, rostered.technician_id)
        technician = Technician(
            technician_id=rostered.technician_id,
            skills=tuple(sorted(set(rostered.skills))),
            languages=tuple(sorted(set(rostered.languages))),
            level=rostered.level,
            capacity=rostered.capacity,
            presence=known.presence,
            rostered=rostered.active,
            team=rostered.team,
            products=tuple(sorted(set(rostered.products))),
            tiers=tuple(sorted(set(rostered.tiers))),
            conflicts=tuple(sorted(set(rostered.conflicts))),
            shift=shift_of(rostered.shift) if rostered.shift is not None else None,
        )
        return self._technician_changed(rostered.pool, technician, event, context)

    def on_presence_changed(self, _state: State | None, event: Event, context: Context) -> Decision[State]:
        """Note whether a technician takes new work. Gone offline, they keep what they hold for the pool's grace."""
        changed: PresenceChanged = event.data
        _check_pool(changed.pool, event)
        known = _technician(context, changed.pool, changed.technician_id)
        technician = msgspec.structs.replace(known, presence=changed.presence)
        return self._technician_changed(changed.pool, technician, event, context)

    def on_policy_stated(self, _state: State | None, event: Event, context: Context) -> Decision[State]:
        """Go by another policy from here on; what waits and who is gone is looked at again."""
        stated: RoutingPolicyStated = event.data
        _check_pool(stated.pool, event)
        policy = policy_of(stated.policy)
        old = context.get(policy_key(stated.pool))
        if isinstance(old, Ruled) and old.policy == policy:
            return NOTHING
        with _step(stated.pool, event.occurred_at, context) as step:
            step.draft.put(policy_key(stated.pool), Ruled(policy, swept=""))
            step.pool.advance(step.now)
            self._look_at_people(step)
            sweep(step, Ruled(policy, swept=""))
            return step.decision(self._ended_retention)

    def on_timer(self, state: State | None, timer: Timer, context: Context) -> Decision[State]:
        """Do what time alone does: forget, go on and off duty, ask further, give back."""
        pool = pool_of(context.key)
        if timer.kind == FORGET:
            return self._forget(state, pool, context)
        with _step(pool, timer.due_at, context) as step:
            match state:
                case Waiting():
                    step.draft.put(context.key, state)
                    assign_or_overflow(step, state, is_new=False)
                case Member():
                    self._time_passed(step, state)
                case Tally():
                    step.admit(name_in(context.key))
                case Releasing():
                    release.release_slice(step, state)
                case Ruled():
                    sweep(step, state)
                case _:
                    return NOTHING
            return step.decision(self._ended_retention)

    def _forget(self, state: State | None, pool: str, context: Context) -> Decision[State]:
        if isinstance(state, Member) and not state.technician.rostered:
            tally = tally_key(pool, state.technician.technician_id)
            forgotten: list[Change[State]] = [Change(tally, None)] if context.get(tally) is not None else []
            return Decision(state=None, changes=forgotten)
        return Decision(state=None) if isinstance(state, (Ended, Acquainted)) else NOTHING

    def _time_passed(self, step: Step, member: Member) -> None:
        """A shift began or ended, or a grace did."""
        technician = member.technician
        now = Member(technician, release.gone_now(member, technician, step.now), member.leaving)
        if now.gone is None:
            now = Member(technician)
        step.draft.put(technician_key(step.draft.name, technician.technician_id), now)
        self._settle(step, now)

    def _technician_changed(self, pool: str, technician: Technician, event: Event, context: Context) -> Decision[State]:
        key = technician_key(pool, technician.technician_id)
        old = context.get(key)
        with _step(pool, event.occurred_at, context) as step:
            gone = release.gone_now(old, technician, step.now)
            leaving = gone is not None and isinstance(old, Member) and old.leaving
            new: Member | None = Member(technician, gone, leaving)
            # Whoever is off the roster, not known to be away and holds nothing needs no memory: coming back they would
            # start like this.
            holds = technician.technician_id in step.pool.held and step.policy.offline_grace_seconds is not None
            if not technician.rostered and technician.presence is Presence.AVAILABLE and not holds:
                new = None
            if old == new:
                return NOTHING
            step.draft.put(key, new)
            if new is not None:
                self._settle(step, new)
            elif step.draft.get(tally_key(pool, technician.technician_id)) is not None:
                step.draft.put(tally_key(pool, technician.technician_id), None)
            return step.decision(self._ended_retention)

    def _settle(self, step: Step, member: Member) -> None:
        """What follows from where someone is now: they take work, or give back what they hold."""
        technician_id = member.technician.technician_id
        if member.gone is None:
            release.keep_again(step, technician_id)
        else:
            release.let_go(step, member)
        step.admit(technician_id)

    def _look_at_people(self, step: Step) -> None:
        """Timers of shifts and graces follow from the policy, so they are set anew."""
        for technician_id in step.pool.roster.ids():
            member = step.member(technician_id)
            if member is not None and member.gone is not None:
                step.draft.put(technician_key(step.draft.name, technician_id), Member(member.technician, member.gone))
                release.let_go(step, Member(member.technician, member.gone))


def _step(pool: str, occurred_at: datetime, context: Context) -> Step:
    return Step(Draft(context.index, pool, context), Cause(occurred_at, context.now, context.position))


def sweep(step: Step, ruled: Ruled) -> None:
    """Give what the new policy allows, then look at a slice of what still waits; the rest is left to the next timer."""
    given = 0
    for technician_id in step.pool.roster.ready_ids():
        given += step.admit(technician_id)
        if given >= GIVEN_AT_ONCE:
            step.draft.put(policy_key(step.draft.name), ruled)
            return
    after = ruled.swept or ""
    ticket_ids = nsmallest(SWEPT_AT_ONCE, (each for each in step.pool.queue.ticket_ids() if each > after))
    for ticket_id in ticket_ids:
        waiting = step.waiting(ticket_id)
        step.draft.put(offer_key(step.draft.name, ticket_id), waiting)
        assign_or_overflow(step, waiting, is_new=False)
    swept = ticket_ids[-1] if len(ticket_ids) == SWEPT_AT_ONCE else None
    step.draft.put(policy_key(step.draft.name), Ruled(ruled.policy, swept))


def waiting_since(old: State | None, occurred_at: datetime, now: datetime) -> datetime:
    """Since when the ticket has needed a technician: an offer that replaces another goes on waiting from there."""
    if isinstance(old, (Waiting, Held)):
        return old.waiting_since
    if isinstance(old, Ended) and old.waiting_since is not None and old.ended_at == occurred_at:
        return old.waiting_since
    return now


def work_of(
    offer: OfferMade, waiting_since: datetime, policy: Policy, now: datetime, related_technician_id: str | None
) -> Work:
    """What of an offer the decision looks at, beside who knows its requester by other tickets."""
    missed: tuple[Missed, ...] = ()
    if offer.missed:
        missed = only_missed((Missed(each.technician_id, each.missed_at) for each in offer.missed), offer.declined_by)
    return Work(
        ticket_id=offer.ticket_id,
        generation=offer.generation,
        priority=offer.priority,
        skills=tuple(sorted(set(offer.skills))),
        level=offer.level,
        language=offer.language,
        weight=offer.weight,
        queued_at=offer.queued_at,
        waiting_since=waiting_since,
        due_at=offer.due_at,
        declined_by=declining(offer.declined_by, missed, policy, now),
        last_technician_id=offer.last_technician_id,
        wanted_technician_id=offer.wanted_technician_id,
        product=offer.product,
        tier=offer.tier,
        requester_id=offer.requester_id,
        related_technician_id=related_technician_id,
        missed=missed,
    )


def _acquaintance_of(step: Step, offer: OfferMade) -> str | None:
    """Who knows the requester of an offer by another ticket; None where nobody does."""
    requester_id = offer.requester_id
    if requester_id is None:
        return None
    at_work_id = step.pool.at_work_for.last(requester_id, offer.ticket_id)
    if at_work_id is not None:
        return at_work_id
    known = step.draft.get(requester_key(step.draft.name, requester_id))
    return known.technician_id if isinstance(known, Acquainted) else None


def _acquaint(step: Step, held: Held, until: datetime) -> None:
    """Note who worked for the requester of a ticket that is over."""
    if held.requester_id is None:
        return
    key = requester_key(step.draft.name, held.requester_id)
    known = step.draft.get(key)
    noted = acquainted(known if isinstance(known, Acquainted) else None, held.technician_id, until)
    if noted is not None:
        step.draft.put(key, noted)


def _technician(context: Context, pool: str, technician_id: str) -> Technician:
    """The technician as known so far, or as nobody has told of them yet."""
    member = context.get(technician_key(pool, technician_id))
    return member.technician if isinstance(member, Member) else Technician(technician_id)


def _check_pool(pool: str, event: Event) -> None:
    if pool != event.key:
        raise WrongPoolError(f"a record of pool {pool!r} under the key {event.key!r}")
