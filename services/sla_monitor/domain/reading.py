"""What each event of a ticket means to its clocks: in production, in `explain` and in `what-if` alike.

Only facts that a clock of the ticket's policy looks out for are kept, so that most events change nothing and cost next
to nothing. Statuses are compared in the order of the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

from schemas.ticket_events import (
    AgentReplied,
    CustomerReplied,
    EscalationAcknowledged,
    EscalationRequested,
    PlanSubmitted,
    PriorityChanged,
    StatusChanged,
    SurveyOffered,
    SurveyWaived,
    TicketAccepted,
    TicketAssigned,
    TicketCancelled,
    TicketClassified,
    TicketClosed,
    TicketDeclined,
    TicketEscalated,
    TicketEvent,
    TicketMerged,
    TicketOpened,
    TicketQueued,
    TicketRated,
    TicketReopened,
    TicketResolved,
    TicketTransferred,
)
from services.sla_monitor.domain import facts as f
from services.sla_monitor.domain.conditions import Profile
from services.sla_monitor.domain.facts import Fact
from services.sla_monitor.domain.instants import from_datetime
from services.sla_monitor.domain.policy import Policy


class Meaning(NamedTuple):
    """What an event says: the kind of a fact, its value, and when it counts as having happened (None: when it did)."""

    kind: str
    value: str | None = None
    at: datetime | None = None


Reader: TypeAlias = Callable[[Any], tuple[Meaning, ...]]

ALWAYS: Final = frozenset({f.RESOLVED, f.CLOSED, f.CANCELLED, f.REOPENED})
"""Facts that say how a ticket stands, whoever looks out for them."""


def _plainly(kind: str) -> Reader:
    meanings = (Meaning(kind),)
    return lambda _: meanings


def _nothing(data: TicketEvent) -> tuple[Meaning, ...]:
    del data
    return ()


def _assigned(data: TicketAssigned) -> tuple[Meaning, ...]:
    return (Meaning(f.ASSIGNED, data.pool),)


def _queued(data: TicketQueued) -> tuple[Meaning, ...]:
    return (Meaning(f.QUEUED, data.pool),)


def _escalated(data: TicketEscalated) -> tuple[Meaning, ...]:
    escalated = Meaning(f.ESCALATED, data.level.value)
    if not data.plan or data.repetition:
        return (escalated,)
    # Nobody can have begun on a plan that nobody was asked for yet.
    return (escalated, Meaning(f.PLAN_WANTED, at=data.decided_at if data.late else None))


def _acknowledged(data: EscalationAcknowledged) -> tuple[Meaning, ...]:
    whole = data.target is None or data.cycle is None
    return (Meaning(f.ACKNOWLEDGED, None if whole else f"{data.target}:{data.cycle}"),)


def _rated(data: TicketRated) -> tuple[Meaning, ...]:
    return (Meaning(f.RATED_LOW),) if data.low else ()


READERS: Final[Mapping[type[TicketEvent], Reader]] = {
    TicketClassified: _nothing,
    TicketQueued: _queued,
    TicketAssigned: _assigned,
    TicketAccepted: _plainly(f.ACCEPTED),
    TicketDeclined: _plainly(f.DECLINED),
    TicketTransferred: _nothing,
    StatusChanged: _nothing,
    PriorityChanged: _nothing,
    AgentReplied: _plainly(f.AGENT_REPLIED),
    CustomerReplied: _plainly(f.CUSTOMER_REPLIED),
    TicketEscalated: _escalated,
    EscalationRequested: _plainly(f.ESCALATION_REQUESTED),
    EscalationAcknowledged: _acknowledged,
    PlanSubmitted: _plainly(f.PLAN_SUBMITTED),
    SurveyOffered: _plainly(f.SURVEY_OFFERED),
    SurveyWaived: _plainly(f.SURVEY_WAIVED),
    TicketRated: _rated,
    TicketResolved: _plainly(f.RESOLVED),
    TicketClosed: _plainly(f.CLOSED),
    TicketReopened: _plainly(f.REOPENED),
    TicketCancelled: _plainly(f.CANCELLED),
    TicketMerged: _plainly(f.CANCELLED),
}
"""How to read the events of a ticket that is known; any of them may also change its status, priority or pool."""

ENDINGS: Final = frozenset({TicketClosed.struct, TicketCancelled.struct, TicketMerged.struct})


def opening_facts(opened: TicketOpened, at_us: int, policy: Policy) -> list[Fact]:
    """The facts of an opening: also that the request was registered, which took until the ledger decided it."""
    facts = [Fact(at_us, opened.sequence, f.OPENED, opened.priority)]
    if status_of(opened, policy):
        facts.append(Fact(at_us, opened.sequence, f.STATUS, opened.status.value))
    if f.REGISTERED in policy.watched:
        facts.append(Fact(max(at_us, from_datetime(opened.decided_at)), opened.sequence, f.REGISTERED))
    return facts


def profile_of(opened: TicketOpened) -> Profile:
    """What is known of a ticket when it is opened."""
    requester = opened.requester
    return Profile(
        tier=requester.tier.value,
        channel=opened.channel.value,
        product=opened.product or "",
        contract=requester.contract or "",
        customer=requester.company or "",
        pool=opened.pool or "",
        priority=opened.priority,
    )


class Heard(NamedTuple):
    """What an event says to the clocks: its facts, in the order in which they hold, and what it leaves as stated last.

    Without facts it means nothing to them. `status` is what `status_of` says.
    """

    facts: list[Fact]
    priority: str
    status: str


def heard(reader: Reader, data: TicketEvent, at_us: int, policy: Policy, priority: str, status: str) -> Heard:
    """What an event says.

    Args:
        reader: the one of the event's type.
        data: the event.
        at_us: when it occurred.
        policy: what the ticket goes by.
        priority: the one stated last.
        status: the one stated last, as `status_of` says it.
    """
    sequence, watched, valued = data.sequence, policy.watched, policy.rules.plan.valued
    facts = []
    for kind, value, at in reader(data):
        if kind in watched or kind in ALWAYS:
            told = value if kind in valued or kind == f.ACKNOWLEDGED else None
            facts.append(Fact(at_us if at is None else from_datetime(at), sequence, kind, told))
    stated = getattr(data, "priority", priority)
    if stated != priority:
        facts.append(Fact(at_us, sequence, f.PRIORITY, stated))
    after = status_of(data, policy)
    if after != status:
        # Also where it only ends what a status meant.
        facts.append(Fact(at_us, sequence, f.STATUS, data.status.value))
    return Heard(facts, stated, after)


def status_of(data: TicketEvent, policy: Policy) -> str:
    """The status after an event if it means anything to a clock, else empty."""
    return data.status.value if data.status in policy.statuses else ""
