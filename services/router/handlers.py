"""What each event of a pool changes, and which assignments follow.

Between events no waiting work suits anyone who could take it. So a new offer is all that can be assigned when it comes,
and when someone gets room (their work is withdrawn, they come in, the roster says so), they are all who can take more.

A newer generation of a ticket replaces the one before it; the same or an older one, again or late, does nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import msgspec

from schemas.contract import Contract
from schemas.parts import Candidate
from schemas.routing_work import OfferMade, OfferWithdrawn, PresenceChanged, TechnicianRostered
from schemas.ticket_assignments import AssignmentMade, AssignmentQueued
from schemas.topics import CHANGELOGS, DEAD_LETTERS, RETRIES, ROUTING_WORK, TICKET_ASSIGNMENTS
from schemas.vocabulary import Presence
from services._runtime.engine.topology import NOTHING, Change, Context, Decision, Emit, Event, Timer, Topology
from services.router.domain.assignment import Choice, Factors, choose, choose_wanted
from services.router.domain.work import Technician, Work
from services.router.settings import RouterSettings
from services.router.state import (
    STATE_VERSION,
    Draft,
    Ended,
    Held,
    Member,
    Pools,
    State,
    Waiting,
    drafting,
    offer_key,
    technician_key,
)

FORGET: Final = "forget"
"""The timer of an ended offer, and of a technician off the roster."""

ASSIGNED: Final = "assigned"
BY_HAND: Final = "by_hand"
QUEUED: Final = "queued"


class WrongPoolError(Exception):
    """A record lies under the key of another pool than it speaks of, so it is in the wrong partition."""


class AssignmentDecided(msgspec.Struct, frozen=True, gc=False):
    """Effect, for metrics: what became of an offer (`ASSIGNED`, `BY_HAND`, `QUEUED`).

    `waited_seconds` runs since the ticket first queued; never negative, though clocks of two machines may differ.
    """

    outcome: str
    waited_seconds: float


def router_topology(settings: RouterSettings) -> Topology[State]:
    """`router.pools`: one poison offer must not stop a pool, so nothing parks."""
    router = Router(settings.factors, timedelta(seconds=settings.router_ended_offer_retention_seconds))
    return Topology(
        name="router.pools",
        service="router",
        inputs=(ROUTING_WORK,),
        changelog=CHANGELOGS["router", "pools"],
        dead_letters=DEAD_LETTERS["router"],
        retries=RETRIES["router.pools"],
        handlers={
            OfferMade: router.on_offered,
            OfferWithdrawn: router.on_withdrawn,
            TechnicianRostered: router.on_rostered,
            PresenceChanged: router.on_presence_changed,
        },
        on_timer=router.on_timer,
        state_type=State,
        state_version=STATE_VERSION,
        index=Pools,
        parks=False,
    )


class Router:
    """The handlers, with the policy that they decide by: what each weigher counts, how long ended offers are kept."""

    def __init__(self, factors: Factors, ended_retention: timedelta) -> None:
        self._factors = factors
        self._ended_retention = ended_retention

    def on_offered(self, _state: State | None, event: Event, context: Context) -> Decision[State]:
        """Assign the offer, or let it wait. Replacing an older generation frees whoever held that."""
        offer: OfferMade = event.data
        _check_pool(offer.pool, event)
        key = offer_key(offer.pool, offer.ticket_id)
        old = context.get(key)
        if old is not None and old.generation >= offer.generation:
            return NOTHING
        with drafting(context.index, offer.pool, context) as draft:
            step = _Step(draft, event, context, self._factors)
            new = Waiting(event.tenant, event.occurred_at, _work_of(offer))
            draft.put(key, new)
            if new.work.wanted_technician_id is not None:
                step.assign_by_hand(new, new.work.wanted_technician_id)
            if isinstance(old, Held):
                step.admit(old.technician_id)
            if draft.get(key) is new:
                step.assign_or_queue(new)
            return self._decision(step)

    def on_withdrawn(self, _state: State | None, event: Event, context: Context) -> Decision[State]:
        """End the offer and give what it frees to waiting work.

        A withdrawal that comes before its offer (redriven later, say) is remembered, so that the offer does nothing.
        """
        withdrawn: OfferWithdrawn = event.data
        _check_pool(withdrawn.pool, event)
        key = offer_key(withdrawn.pool, withdrawn.ticket_id)
        old = context.get(key)
        if old is not None and (old.generation > withdrawn.generation or old == Ended(withdrawn.generation)):
            return NOTHING
        with drafting(context.index, withdrawn.pool, context) as draft:
            step = _Step(draft, event, context, self._factors)
            draft.put(key, Ended(withdrawn.generation))
            if isinstance(old, Held):
                step.admit(old.technician_id)
            return self._decision(step)

    def on_rostered(self, _state: State | None, event: Event, context: Context) -> Decision[State]:
        """Take over what the directory says of a technician. What they hold stays with them."""
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
        )
        return self._technician_changed(rostered.pool, technician, event, context)

    def on_presence_changed(self, _state: State | None, event: Event, context: Context) -> Decision[State]:
        """Note whether a technician takes new work. Gone offline, they keep what they hold (see the package)."""
        changed: PresenceChanged = event.data
        _check_pool(changed.pool, event)
        known = _technician(context, changed.pool, changed.technician_id)
        technician = msgspec.structs.replace(known, presence=changed.presence)
        return self._technician_changed(changed.pool, technician, event, context)

    def on_timer(self, state: State | None, timer: Timer, context: Context) -> Decision[State]:
        """Forget an ended offer, or a technician who left the roster long ago."""
        del timer, context
        return Decision(state=None) if _forgotten_later(state) else NOTHING

    def _technician_changed(self, pool: str, technician: Technician, event: Event, context: Context) -> Decision[State]:
        key = technician_key(pool, technician.technician_id)
        # Whoever is off the roster and not known to be away needs no memory: coming back they would start like this.
        forgotten = not technician.rostered and technician.presence is Presence.AVAILABLE
        new = None if forgotten else Member(technician)
        if context.get(key) == new:
            return NOTHING
        with drafting(context.index, pool, context) as draft:
            step = _Step(draft, event, context, self._factors)
            draft.put(key, new)
            step.admit(technician.technician_id)
            return self._decision(step)

    def _decision(self, step: _Step) -> Decision[State]:
        forget_at = step.now + self._ended_retention
        changes: list[Change[State]] = [
            Change(key, state, (Timer(FORGET, forget_at),) if _forgotten_later(state) else ())
            for key, state in step.draft.changed.items()
        ]
        return Decision(changes=changes, emits=step.emits, effects=step.effects)


class _Step:
    """One decision in the making: what it changes (in the draft) and what it will say."""

    def __init__(self, draft: Draft, event: Event, context: Context, factors: Factors) -> None:
        self.draft = draft
        self.now = context.now
        self.emits: list[Emit] = []
        self.effects: list[AssignmentDecided] = []
        self._event = event
        self._position = context.position
        self._factors = factors

    def admit(self, technician_id: str) -> None:
        """Give waiting work to someone who has got room, first come first, until none suits them.

        Ends because each turn takes work out of the queue: at most as often as their capacity holds weights, and once
        more where a newly offered piece finds someone better.
        """
        roster, queue = self.draft.pool.roster, self.draft.pool.queue
        while (group := roster.ready_group_of(technician_id)) is not None:
            work = queue.first_for(technician_id, group.profile, roster.load_of(technician_id))
            if work is None:
                return
            waiting = self.draft.get(offer_key(self.draft.name, work.ticket_id))
            assert isinstance(waiting, Waiting)  # noqa: S101 - the queue is derived from these states
            self._hold(waiting, choose(work, roster, self._factors))

    def assign_or_queue(self, waiting: Waiting) -> None:
        """Give work to the best there is, or say that it waits."""
        choice = choose(waiting.work, self.draft.pool.roster, self._factors)
        if choice.ranked:
            self._hold(waiting, choice)
            return
        queued = AssignmentQueued.new(**self._stated(waiting.work), dropped=choice.dropped)
        self._say(QUEUED, waiting, queued)

    def assign_by_hand(self, waiting: Waiting, technician_id: str) -> None:
        """Give work to whom a coordinator wants, whatever the filters say."""
        choice = choose_wanted(waiting.work, technician_id, self.draft.pool.roster, self._factors)
        self._hold(waiting, choice, by_hand=True)

    def _hold(self, waiting: Waiting, choice: Choice, *, by_hand: bool = False) -> None:
        work = waiting.work
        winner = choice.ranked[0]
        self.draft.put(
            offer_key(self.draft.name, work.ticket_id), Held(work.generation, winner.technician_id, work.weight)
        )
        made = AssignmentMade.new(
            **self._stated(work),
            technician_id=winner.technician_id,
            by_hand=by_hand,
            candidates=[Candidate.new(technician_id=each.technician_id, weight=each.weight) for each in choice.ranked],
            dropped=choice.dropped,
        )
        self._say(BY_HAND if by_hand else ASSIGNED, waiting, made)

    def _stated(self, work: Work) -> dict[str, Any]:
        return {
            "ticket_id": work.ticket_id,
            "generation": work.generation,
            "pool": self.draft.name,
            "decided_at": self.now,
            "position": self._position,
        }

    def _say(self, outcome: str, waiting: Waiting, data: Contract) -> None:
        work = waiting.work
        verb = "queued" if outcome == QUEUED else "made"
        self.emits.append(
            Emit(
                TICKET_ASSIGNMENTS,
                work.ticket_id,
                data,
                id=f"{work.ticket_id}:{work.generation}:{verb}",
                # Work may be older or younger than what makes room for it; nothing is assigned before both are there.
                occurred_at=max(self._event.occurred_at, waiting.offered_at),
                subject=work.ticket_id,
                tenant=waiting.tenant,
            )
        )
        waited_seconds = max(0.0, (self.now - work.queued_at).total_seconds())
        self.effects.append(AssignmentDecided(outcome, waited_seconds))


def _forgotten_later(state: State | None) -> bool:
    """Whether a key is only kept so that what comes again, or comes back, is known."""
    return isinstance(state, Ended) or (isinstance(state, Member) and not state.technician.rostered)


def _work_of(offer: OfferMade) -> Work:
    return Work(
        ticket_id=offer.ticket_id,
        generation=offer.generation,
        priority=offer.priority,
        skills=tuple(sorted(set(offer.skills))),
        level=offer.level,
        language=offer.language,
        weight=offer.weight,
        queued_at=offer.queued_at,
        due_at=offer.due_at,
        declined_by=tuple(sorted(set(offer.declined_by))),
        last_technician_id=offer.last_technician_id,
        wanted_technician_id=offer.wanted_technician_id,
    )


def _technician(context: Context, pool: str, technician_id: str) -> Technician:
    """The technician as known so far, or as nobody has told of them yet."""
    member = context.get(technician_key(pool, technician_id))
    return member.technician if isinstance(member, Member) else Technician(technician_id)


def _check_pool(pool: str, event: Event) -> None:
    if pool != event.key:
        raise WrongPoolError(f"a record of pool {pool!r} under the key {event.key!r}")
