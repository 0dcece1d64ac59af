"""What becomes of the work of people who are gone: given back after a grace, spread over time, most urgent first.

The router asks, the ledger does it: it withdraws each ticket and offers it anew, its age kept. What the ledger leaves
with them (a ticket that waits for the customer) is asked for once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from heapq import nsmallest
from typing import NamedTuple

import msgspec

from schemas.ticket_assignments import AssignmentReleased, ReleaseReason
from schemas.vocabulary import Presence
from services.router.domain.shifts import duty_at
from services.router.domain.work import Technician, Urgency, urgency_of
from services.router.handlers.effects import RELEASED, AssignmentDecided
from services.router.handlers.step import Step
from services.router.handlers.timers import grace_ends_at
from services.router.state import Gone, Held, Member, Pool, Releasing, offer_key, release_key, technician_key


class Turn(NamedTuple):
    """Which work is given back first: the most urgent, then what is due first, then the oldest."""

    priority: Urgency
    due: tuple[bool, datetime]
    queued_at: datetime
    ticket_id: str


def gone_now(member: Member | None, technician: Technician, now: datetime) -> Gone | None:
    """Since when and why a technician does not work; a reason that still holds keeps its time."""
    reasons = tuple(_reasons(technician, now))
    before = member.gone if member is not None else None
    if before is not None and before.reason in reasons:
        return before
    return Gone(now, reasons[0]) if reasons else None


def let_go(step: Step, member: Member) -> None:
    """The grace of someone may be over: from here on they give back what they hold."""
    ends_at = grace_ends_at(member.gone, step.policy) if member.gone is not None else None
    if ends_at is None or ends_at > step.now or member.leaving:
        return
    technician_id = member.technician.technician_id
    step.draft.put(technician_key(step.draft.name, technician_id), Member(member.technician, member.gone, leaving=True))
    if technician_id in step.pool.held and step.draft.get(release_key(step.draft.name)) is None:
        step.draft.put(release_key(step.draft.name), Releasing())


def keep_again(step: Step, technician_id: str) -> None:
    """Someone is back: what was asked for and left with them may be asked for again when they go the next time."""
    for ticket_id, held in list(step.pool.held.get(technician_id, {}).items()):
        if held.released:
            step.draft.put(offer_key(step.draft.name, ticket_id), msgspec.structs.replace(held, released=False))


def release_slice(step: Step, releasing: Releasing) -> None:
    """Ask for as much as a second may give back; without any left, stop."""
    turns = nsmallest(step.policy.reassignments_per_second, _turns(step.pool))
    for turn, technician_id in turns:
        _release(step, turn.ticket_id, step.pool.held[technician_id][turn.ticket_id])
    step.draft.put(release_key(step.draft.name), Releasing(releasing.slices + 1) if turns else None)


def _turns(pool: Pool) -> Iterator[tuple[Turn, str]]:
    for technician_id in pool.leaving:
        for ticket_id, held in pool.held.get(technician_id, {}).items():
            if not held.released and not held.stays:
                due = (held.due_at is None, held.due_at or held.queued_at)
                yield Turn(urgency_of(held.priority), due, held.queued_at, ticket_id), technician_id


def _release(step: Step, ticket_id: str, held: Held) -> None:
    member = step.member(held.technician_id)
    reason = member.gone.reason if member is not None and member.gone is not None else ReleaseReason.OFFLINE
    step.draft.put(offer_key(step.draft.name, ticket_id), msgspec.structs.replace(held, released=True))
    data = AssignmentReleased.new(
        **step.stated_of(ticket_id, held.generation), technician_id=held.technician_id, reason=reason
    )
    # Someone may be gone twice while they hold the same, so the instant is part of the name.
    step.tell(ticket_id, held.tenant, f"{held.generation}:released-{step.pool.roster.at_us}", data)
    waited_seconds = max(0.0, (step.now - held.queued_at).total_seconds())
    step.effects.append(AssignmentDecided(RELEASED, waited_seconds, held.priority))


def _reasons(technician: Technician, now: datetime) -> Iterator[ReleaseReason]:
    if not technician.rostered:
        yield ReleaseReason.OFF_ROSTER
    if technician.presence is Presence.OFFLINE:
        yield ReleaseReason.OFFLINE
    if technician.shift is not None and not duty_at(technician.shift, now).on:
        yield ReleaseReason.SHIFT_OVER
