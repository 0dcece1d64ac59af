"""Writes down what one decision does to a ticket: facts numbered without holes, work for the router, the new state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from schemas.routing_work import MissedAccept, OfferMade, OfferWithdrawn
from schemas.ticket_events import TicketEvent, TicketQueued
from schemas.ticket_snapshots import TicketSnapshot
from schemas.vocabulary import Status
from services.intake.domain.policy import LedgerPolicy
from services.intake.domain.ticket import ENDED, OFFERED, Moment, Remnant, State, Ticket, remembering


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What a decision makes of a ticket. `state` None leaves it as it is.

    `facts` go to `ticket.events` in order, `work` to the pool on `routing.work`, in order.
    """

    state: State | None
    facts: Sequence[TicketEvent] = ()
    work: Sequence[OfferMade | OfferWithdrawn] = ()
    snapshot: TicketSnapshot | None = None


class Story:
    """One decision about one ticket while it is being made; it lives no longer than that.

    Tell the facts in order, then `end` it. `ticket` shows the changes made so far, except for sequence and status,
    which follow from the facts told.
    """

    __slots__ = ("facts", "moment", "policy", "sequence", "status", "ticket", "work")

    def __init__(self, ticket: Ticket, moment: Moment, policy: LedgerPolicy) -> None:
        self.ticket = ticket
        self.moment = moment
        self.policy = policy
        self.sequence = ticket.sequence
        self.status = ticket.status
        self.facts: list[TicketEvent] = []
        self.work: list[OfferMade | OfferWithdrawn] = []

    def change(self, **fields: Any) -> None:
        """Change fields of the ticket other than `sequence` and `status`."""
        self.ticket = msgspec.structs.replace(self.ticket, **fields)

    def tell(self, contract: type[TicketEvent], status: Status, **fields: Any) -> None:
        """State the next fact, after which the ticket is in `status`."""
        moment = self.moment
        self.sequence += 1
        self.status = status
        self.facts.append(
            contract.new(
                ticket_id=moment.ticket_id,
                sequence=self.sequence,
                status=status,
                cause=moment.cause,
                decided_at=moment.decided_at,
                position=moment.position,
                **fields,
            )
        )

    def withdraw(self, reason: str) -> None:
        """Take the current offer back from the router, if there is one; frees whoever holds it."""
        ticket = self.ticket
        if ticket.status in OFFERED:
            self.work.append(
                OfferWithdrawn.new(
                    ticket_id=ticket.ticket_id, generation=ticket.generation, pool=ticket.pool, reason=reason
                )
            )

    def offer(self, reason: str, wanted_technician_id: str | None = None) -> None:
        """Offer the ticket to its pool under the next generation; it keeps its age."""
        old = self.ticket
        generation = old.generation + 1
        self.change(generation=generation, technician_id=None, wanted_technician_id=wanted_technician_id, wakes_at=None)
        self.tell(
            TicketQueued, Status.QUEUED, pool=old.pool, priority=old.priority, generation=generation, reason=reason
        )
        self.work.append(
            OfferMade.new(
                ticket_id=old.ticket_id,
                generation=generation,
                pool=old.pool,
                priority=old.priority,
                skills=list(old.skills),
                level=old.level,
                language=old.language,
                product=old.product,
                tier=old.tier,
                weight=self.policy.work_weights.get(old.priority, 1),
                queued_at=old.opened_at,
                due_at=old.resolution_due_at,
                declined_by=list(old.declined_by),
                missed=[
                    MissedAccept.new(technician_id=each.technician_id, missed_at=each.missed_at) for each in old.missed
                ],
                last_technician_id=old.last_technician_id,
                wanted_technician_id=wanted_technician_id,
                requester_id=old.requester_id,
            )
        )

    def end(self, into_ticket_id: str | None = None) -> Outcome:
        """The outcome: the ticket after the last fact, a `Remnant` where nothing can follow (cancelled, merged)."""
        moment = self.moment
        ticket = msgspec.structs.replace(
            self.ticket,
            status=self.status,
            sequence=self.sequence,
            updated_at=max(self.ticket.updated_at, moment.occurred_at),
            recent=remembering(self.ticket.recent, moment.mark),
        )
        state: State = ticket
        if self.status in ENDED:
            wakes_at = moment.decided_at + timedelta(seconds=self.policy.forget_after_seconds)
            state = remnant_of(ticket, wakes_at, into_ticket_id)
        return Outcome(state, self.facts, self.work, snapshot_of(ticket))


def remnant_of(ticket: Ticket, wakes_at: datetime, into_ticket_id: str | None = None) -> Remnant:
    """What is kept of a ticket until `wakes_at`."""
    return Remnant(
        ticket_id=ticket.ticket_id,
        tenant=ticket.tenant,
        status=ticket.status,
        sequence=ticket.sequence,
        generation=ticket.generation,
        wakes_at=wakes_at,
        into_ticket_id=into_ticket_id,
        recent=ticket.recent,
    )


def tell_remnant(
    remnant: Remnant, moment: Moment, policy: LedgerPolicy, contract: type[TicketEvent], **fields: Any
) -> Outcome:
    """One more fact about a ticket that is over. There is no snapshot: what it would show is no longer kept.

    The remnant is kept anew from here: forgotten before its last event is gone, it would use that event's number twice.
    """
    sequence = remnant.sequence + 1
    told = contract.new(
        ticket_id=remnant.ticket_id,
        sequence=sequence,
        status=remnant.status,
        cause=moment.cause,
        decided_at=moment.decided_at,
        position=moment.position,
        **fields,
    )
    kept = msgspec.structs.replace(
        remnant,
        sequence=sequence,
        wakes_at=max(remnant.wakes_at, moment.decided_at + timedelta(seconds=policy.forget_after_seconds)),
        recent=remembering(remnant.recent, moment.mark),
    )
    return Outcome(kept, (told,))


def snapshot_of(ticket: Ticket) -> TicketSnapshot:
    """The ticket as others see it."""
    return TicketSnapshot.new(
        ticket_id=ticket.ticket_id,
        sequence=ticket.sequence,
        status=ticket.status,
        priority=ticket.priority,
        channel=ticket.channel,
        category=ticket.category,
        pool=ticket.pool,
        skills=list(ticket.skills),
        level=ticket.level,
        product=ticket.product,
        requester_id=ticket.requester_id,
        tier=ticket.tier,
        language=ticket.language,
        technician_id=ticket.technician_id,
        generation=ticket.generation,
        cycle=ticket.cycle,
        opened_at=ticket.opened_at,
        updated_at=ticket.updated_at,
        resolved_at=ticket.resolved_at,
        closed_at=ticket.closed_at,
    )
