"""What time alone does: an assignment nobody accepts, a resolution nobody objects to, the end of keeping."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from schemas.vocabulary import Status
from services.intake.domain.commands import closed, not_accepted
from services.intake.domain.policy import LedgerPolicy
from services.intake.domain.story import Outcome, Story, remnant_of
from services.intake.domain.ticket import Moment, State, Ticket

KINDS: Final = {Status.ASSIGNED: "accept", Status.RESOLVED: "close", Status.CLOSED: "shrink"}
"""What happens to a ticket in each of these statuses when `wakes_at` comes."""
FORGET: Final = "forget"
"""What happens to a remnant then."""


def kind_of(state: State) -> str | None:
    """What happens at `wakes_at`, None where nothing does."""
    if not isinstance(state, Ticket):
        return FORGET
    return KINDS.get(state.status) if state.wakes_at is not None else None


def time_out(ticket: Ticket, moment: Moment, policy: LedgerPolicy) -> Outcome | None:
    """What becomes of a ticket whose `wakes_at` has come."""
    if ticket.status is Status.ASSIGNED:
        return not_accepted(Story(ticket, moment, policy))
    if ticket.status is Status.RESOLVED:
        return closed(Story(ticket, moment, policy), f"no objection within {policy.close_after_seconds:g} s")
    if ticket.status is Status.CLOSED:
        return Outcome(remnant_of(ticket, moment.decided_at + timedelta(seconds=policy.forget_after_seconds)))
    return None
