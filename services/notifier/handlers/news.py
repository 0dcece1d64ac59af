"""What each event of a ticket changes in what we know, and what there is to tell about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec

from schemas.contract import Contract
from schemas.ticket_events import (
    ROUTING,
    AgentReplied,
    CustomerReplied,
    PriorityChanged,
    SurveyOffered,
    TicketAccepted,
    TicketAssigned,
    TicketCancelled,
    TicketClassified,
    TicketClosed,
    TicketDeclined,
    TicketEscalated,
    TicketMerged,
    TicketOpened,
    TicketQueued,
    TicketReopened,
    TicketResolved,
)
from schemas.vocabulary import Role
from services.notifier.domain.nodes import POOL_ROLES, Node
from services.notifier.state import Known, Notice

FIRST_CYCLE: Final = 1


class News(msgspec.Struct, frozen=True):
    """Something to tell about a ticket.

    `occurrence` and `occurrence_for_customer` tell repetitions within a cycle apart; "" says it once a cycle.
    `roles` None tells everyone whom the rules name, else only these of them. `clock` is the target and cycle that it is
    about. `facts` are texts for the template, `times` instants to be written in the reader's form. `survey_id` asks for
    a link to it until `times["expires_at"]`.
    """

    node: Node
    cycle: int
    occurred_at: datetime
    occurrence: str = ""
    occurrence_for_customer: str = ""
    priority: str | None = None
    roles: frozenset[Role] | None = None
    escalated_to: tuple[Role, ...] = ()
    technician_id: str | None = None
    survey_id: str | None = None
    clock: str = ""
    facts: Mapping[str, str] = {}
    times: Mapping[str, datetime] = {}


Outcome: TypeAlias = tuple[Known, tuple[News, ...]]
Follow: TypeAlias = Callable[[Known, Any, datetime], Outcome]


def known_from(data: TicketOpened, tenant: str, notices: tuple[Notice, ...]) -> Known:
    """Return what is known of a ticket that has just been opened."""
    requester = data.requester
    return Known(
        tenant=tenant,
        last_sequence=data.sequence,
        cycle=FIRST_CYCLE,
        priority=data.priority,
        requester_id=requester.requester_id,
        language=requester.language,
        subject_line=data.subject,
        name=requester.name,
        address=requester.email,
        notices=notices,
    )


def of_opening(ticket: Known, at: datetime) -> tuple[News, ...]:
    """Return the news of an opening, for those who are known by then: not yet the people of its pool."""
    return (News(Node.OPENED, ticket.cycle, at, roles=frozenset(Role) - POOL_ROLES),)


def of_notice(notice: Notice) -> News:
    """Return the news of what a clock said. It is told once for each target, cycle and percentage."""
    said = notice.target if notice.percent is None else f"{notice.target}.{notice.percent}"
    return News(
        notice.node,
        notice.cycle,
        notice.occurred_at,
        occurrence=said,
        occurrence_for_customer=said,
        priority=notice.priority,
        clock=f"{notice.target}:{notice.cycle}",
        facts={"target": notice.target, "percent": "" if notice.percent is None else str(notice.percent)},
        times={} if notice.due_at is None else {"due_at": notice.due_at},
    )


def _classified(ticket: Known, data: TicketClassified, at: datetime) -> Outcome:
    first = ticket.pool is None
    after = msgspec.structs.replace(ticket, pool=data.pool, priority=data.priority, notices=())
    opening = News(Node.OPENED, ticket.cycle, at, roles=POOL_ROLES)
    return after, (*((opening,) if first else ()), *map(of_notice, ticket.notices))


def _queued(ticket: Known, data: TicketQueued, at: datetime) -> Outcome:
    del at
    return msgspec.structs.replace(ticket, pool=data.pool, priority=data.priority), ()


def _priority_changed(ticket: Known, data: PriorityChanged, at: datetime) -> Outcome:
    del at
    return msgspec.structs.replace(ticket, priority=data.priority), ()


def _assigned(ticket: Known, data: TicketAssigned, at: datetime) -> Outcome:
    after = msgspec.structs.replace(ticket, assignee=data.technician_id, pool=data.pool)
    return after, (_repeated(Node.ASSIGNED, ticket, data.sequence, at, technician_id=data.technician_id),)


def _declined(ticket: Known, data: TicketDeclined, at: datetime) -> Outcome:
    del at
    return msgspec.structs.replace(
        ticket, assignee=None if ticket.assignee == data.technician_id else ticket.assignee
    ), ()


def _accepted(ticket: Known, data: TicketAccepted, at: datetime) -> Outcome:
    after = msgspec.structs.replace(ticket, assignee=data.technician_id)
    return after, (News(Node.IN_PROGRESS, ticket.cycle, at, technician_id=data.technician_id),)


def _replied(ticket: Known, data: AgentReplied, at: datetime) -> Outcome:
    facts = {"reply": data.body}
    return ticket, (_repeated(Node.REPLIED, ticket, data.sequence, at, technician_id=data.technician_id, facts=facts),)


def _customer_replied(ticket: Known, data: CustomerReplied, at: datetime) -> Outcome:
    # What the customer wrote stays on the ticket: mails to our people carry no more personal data than they must.
    return ticket, (_repeated(Node.CUSTOMER_REPLIED, ticket, data.sequence, at),)


def _escalated(ticket: Known, data: TicketEscalated, at: datetime) -> Outcome:
    # Our people hear of each step of each ladder; to the customer it is one escalation a cycle, and none once it is
    # over: then what is overdue (a survey, a plan) is between us. So is who of us takes the ticket.
    return ticket, (
        News(
            Node.ESCALATED,
            ticket.cycle,
            at,
            occurrence=".".join(str(each) for each in _rung(data)),
            roles=frozenset(Role) - {Role.REQUESTER} if ticket.ended or data.target == ROUTING else None,
            escalated_to=tuple(dict.fromkeys(map(_ladder_role, (data.role, *data.others)))),
            clock=f"{data.target}:{data.cycle}",
            facts={"target": data.target, "level": data.level, "reason": data.reason},
        ),
    )


def _rung(data: TicketEscalated) -> tuple[str | int, ...]:
    """What tells the steps of a ticket's ladders apart, and the repetitions of one."""
    step = (data.target, data.cycle, data.step)
    return (*step, data.repetition) if data.repetition else step


def _resolved(ticket: Known, data: TicketResolved, at: datetime) -> Outcome:
    return ticket, (
        News(
            Node.RESOLVED,
            ticket.cycle,
            at,
            technician_id=data.technician_id,
            facts={"solution": data.solution},
            times={"closes_at": data.closes_at},
        ),
    )


def _closed(ticket: Known, data: TicketClosed, at: datetime) -> Outcome:
    return msgspec.structs.replace(ticket, ended=True), (
        News(Node.CLOSED, ticket.cycle, at, facts={"reason": data.reason}),
    )


def _reopened(ticket: Known, data: TicketReopened, at: datetime) -> Outcome:
    after = msgspec.structs.replace(ticket, cycle=data.cycle, ended=False, told_once=())
    return after, (News(Node.REOPENED, data.cycle, at, facts={"reason": data.reason}),)


def _survey_offered(ticket: Known, data: SurveyOffered, at: datetime) -> Outcome:
    return ticket, (
        News(
            Node.SURVEY_OFFERED,
            ticket.cycle,
            at,
            occurrence_for_customer=data.survey_id,
            survey_id=data.survey_id,
            times={"expires_at": data.expires_at},
        ),
    )


def _withdrawn(ticket: Known, data: TicketCancelled | TicketMerged, at: datetime) -> Outcome:
    # Nobody is told: whoever cancelled or merged it knows, and a merged ticket's customer hears of the other one.
    del data, at
    return msgspec.structs.replace(ticket, ended=True), ()


FOLLOWS: Final[Mapping[type[Contract], Follow]] = {
    TicketClassified: _classified,
    TicketQueued: _queued,
    PriorityChanged: _priority_changed,
    TicketAssigned: _assigned,
    TicketDeclined: _declined,
    TicketAccepted: _accepted,
    AgentReplied: _replied,
    CustomerReplied: _customer_replied,
    TicketEscalated: _escalated,
    TicketResolved: _resolved,
    TicketClosed: _closed,
    TicketReopened: _reopened,
    SurveyOffered: _survey_offered,
    TicketCancelled: _withdrawn,
    TicketMerged: _withdrawn,
}
"""What follows from each type of event on a ticket that is known; the opening makes it known."""


def _repeated(
    node: Node,
    ticket: Known,
    sequence: int,
    at: datetime,
    *,
    technician_id: str | None = None,
    facts: Mapping[str, str] | None = None,
) -> News:
    """Return news that a cycle may have any number of times, each told."""
    occurrence = str(sequence)
    return News(
        node,
        ticket.cycle,
        at,
        occurrence=occurrence,
        occurrence_for_customer=occurrence,
        technician_id=technician_id,
        facts=facts or {},
    )


def _ladder_role(name: str) -> Role:
    """Return the role that a ladder names. Policies may name any; one that we don't know goes to the supervisor."""
    return Role(name) if name in set(Role) - {Role.REQUESTER} else Role.SUPERVISOR
