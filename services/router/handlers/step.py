"""One decision in the making: what it changes (in the draft) and what it will say.

Between events no waiting work suits anyone who could take it. So a new offer is all that can be assigned when it comes,
and when someone gets room (their work is withdrawn, they come in, the roster or the clock says so), they are all who
can take more.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, NamedTuple, Self

from schemas.contract import Contract
from schemas.parts import Candidate
from schemas.ticket_assignments import AssignmentMade, AssignmentQueued
from schemas.topics import TICKET_ASSIGNMENTS
from services._runtime.engine.topology import Change, Decision, Emit
from services.router.domain.assignment import Choice, choose, choose_wanted
from services.router.domain.policy import Policy
from services.router.domain.queue import Waiter
from services.router.domain.tally import tallied
from services.router.domain.work import requirement_of
from services.router.handlers.effects import ASSIGNED, BY_HAND, OVERFLOWED, QUEUED, AssignmentDecided
from services.router.handlers.timers import timers_of
from services.router.state import Draft, Held, Member, State, Waiting, offer_key, tally_key, technician_key


class Cause(NamedTuple):
    """What a decision is made on: when it occurred, and when and where it is decided."""

    occurred_at: datetime
    now: datetime
    position: str


class Step:
    """Decides, changes and says; `decision` is the outcome. `pool` is as it is after what was changed so far.

    As a context it leaves the pool as it found it, unless there was a decision.
    """

    __slots__ = ("cause", "draft", "effects", "emits", "now", "pool")

    def __init__(self, draft: Draft, cause: Cause) -> None:
        self.draft = draft
        self.cause = cause
        self.now = cause.now
        self.pool = draft.pool
        self.emits: list[Emit] = []
        self.effects: list[Any] = []
        draft.pool.advance(cause.now)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """See `Draft`."""
        self.draft.__exit__(kind, error, at)

    @property
    def policy(self) -> Policy:
        """The rules of the pool."""
        return self.pool.policy

    def admit(self, technician_id: str) -> int:
        """Give waiting work to someone who has got room, first come first, until none suits them; return how much.

        Ends because each turn takes work out of the queue: at most as often as their capacity holds weights, and once
        more where a newly offered piece finds someone better.
        """
        roster, queue = self.pool.roster, self.pool.queue
        given = 0
        while (place := roster.place_of(technician_id)) is not None:
            technician = roster.find(technician_id)
            conflicts = technician.conflicts if technician is not None else ()
            work = queue.first_for(Waiter(technician_id, place.group.profile, place.cell.load, conflicts))
            if work is None:
                break
            waiting = self.waiting(work.ticket_id)
            self.hold(waiting, choose(work, queue.spot_of(work.ticket_id).requirement, roster), ASSIGNED)
            given += 1
        return given

    def assign(self, waiting: Waiting) -> Choice | None:
        """Give waiting work to the best there is; where there is nobody, the choice says why."""
        work = waiting.work
        choice = choose(work, requirement_of(work, self.policy, self.now), self.pool.roster)
        if not choice.ranked:
            return choice
        self.hold(waiting, choice, ASSIGNED)
        return None

    def queue(self, waiting: Waiting, choice: Choice) -> None:
        """Say that work has to wait."""
        self.say(QUEUED, waiting, AssignmentQueued.new(**self.stated(waiting), dropped=choice.dropped))

    def assign_to(self, waiting: Waiting, technician_id: str, outcome: str) -> None:
        """Give work to whom a coordinator wants, or to the pool's owner, whatever the filters say."""
        work = waiting.work
        requirement = requirement_of(work, self.policy, self.now)
        self.hold(waiting, choose_wanted(work, requirement, technician_id, self.pool.roster), outcome)

    def hold(self, waiting: Waiting, choice: Choice, outcome: str) -> None:
        """Make the winner of a choice hold the work, and say so."""
        work, winner_id = waiting.work, choice.ranked[0].technician_id
        member = self.member(winner_id)
        held = Held(
            work.generation,
            winner_id,
            work.weight,
            waiting.tenant,
            work.priority,
            work.queued_at,
            work.waiting_since,
            work.due_at,
            stays=member is not None and member.gone is not None,
            requester_id=work.requester_id,
        )
        self.draft.put(offer_key(self.draft.name, work.ticket_id), held)
        if member is not None and member.technician.rostered:
            tally = self.pool.roster.tally_of(winner_id)
            roster = self.pool.roster
            self.draft.put(
                tally_key(self.draft.name, winner_id), tallied(tally, work.weight, self.policy, roster.at_us)
            )
        made = AssignmentMade.new(
            **self.stated(waiting),
            technician_id=winner_id,
            by_hand=outcome == BY_HAND,
            overflowed=outcome == OVERFLOWED,
            candidates=[Candidate.new(technician_id=each.technician_id, weight=each.weight) for each in choice.ranked],
            dropped=choice.dropped,
            accept_within_seconds=self.policy.accept_within_seconds,
        )
        self.say(outcome, waiting, made)

    def waiting(self, ticket_id: str) -> Waiting:
        """The state of a ticket that waits."""
        state = self.draft.get(offer_key(self.draft.name, ticket_id))
        assert isinstance(state, Waiting)  # noqa: S101 - the queue is derived from these states
        return state

    def member(self, technician_id: str) -> Member | None:
        """What is known of a technician."""
        state = self.draft.get(technician_key(self.draft.name, technician_id))
        return state if isinstance(state, Member) else None

    def stated(self, waiting: Waiting) -> dict[str, Any]:
        """What every event of a decision states."""
        return self.stated_of(waiting.work.ticket_id, waiting.generation)

    def stated_of(self, ticket_id: str, generation: int) -> dict[str, Any]:
        """The same of a ticket that does not wait."""
        return {
            "ticket_id": ticket_id,
            "generation": generation,
            "pool": self.draft.name,
            "decided_at": self.now,
            "position": self.cause.position,
            "policy_version": self.policy.version,
        }

    def say(self, outcome: str, waiting: Waiting, data: Contract) -> None:
        """Say what became of waiting work."""
        verb = "queued" if outcome == QUEUED else "made"
        work = waiting.work
        # Work may be older or younger than what makes room for it; nothing is assigned before both are there.
        self.tell(work.ticket_id, waiting.tenant, f"{work.generation}:{verb}", data, since=waiting.offered_at)
        waited_seconds = max(0.0, (self.now - work.queued_at).total_seconds())
        self.effects.append(AssignmentDecided(outcome, waited_seconds, work.priority))

    def tell(self, ticket_id: str, tenant: str, name: str, data: Contract, since: datetime | None = None) -> None:
        """Say something of a ticket, under an id that follows from what is said."""
        occurred_at = self.cause.occurred_at if since is None else max(self.cause.occurred_at, since)
        event_id = f"{ticket_id}:{name}"
        self.emits.append(Emit(TICKET_ASSIGNMENTS, ticket_id, data, event_id, occurred_at, ticket_id, tenant))

    def decision(self, ended_retention: timedelta) -> Decision[State]:
        """The outcome: all that changed, each with its timers; the pools stay as they are by now."""
        policy, forget_at = self.policy, self.now + ended_retention
        changes: list[Change[State]] = [
            Change(key, state, timers_of(state, policy, self.now, forget_at))
            for key, state in self.draft.changed.items()
        ]
        self.draft.keep()
        return Decision(changes=changes, emits=self.emits, effects=self.effects, indexed=True)
