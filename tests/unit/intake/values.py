"""Tickets, commands and moments to test with. Every value can be overridden by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.contract import Contract, replace
from schemas.feedback import RatingReceived, ReviewRequested, SurveyRequested
from schemas.ids import ticket_id
from schemas.intake_requests import RequestReceived
from schemas.parts import Actor, Requester
from schemas.ticket_assignments import (
    AssignmentMade,
    AssignmentOverflowed,
    AssignmentReleased,
    OverflowReason,
    ReleaseReason,
)
from schemas.ticket_commands import (
    AcceptAssignment,
    AcknowledgeEscalation,
    AddCustomerMessage,
    AssignTicket,
    CancelTicket,
    ChangePolicy,
    ChangePriority,
    ChangeStatus,
    ConfirmResolution,
    DeclineAssignment,
    EscalateTicket,
    MergeTicket,
    OpenTicket,
    ReleaseTicket,
    ReopenTicket,
    ReplyToCustomer,
    ResolveTicket,
    SubmitPlan,
    TransferTicket,
)
from schemas.ticket_sla import EscalationRaised, TargetStarted
from schemas.vocabulary import ActorKind, Category, Channel, Impact, Language, Level, Status, Tier, Urgency
from services.intake.domain.story import remnant_of
from services.intake.domain.ticket import HELD, Moment, State, Ticket, fingerprint

T0 = datetime(2026, 1, 7, 8, 0, tzinfo=UTC)
TENANT = "acme"
ID = ticket_id(TENANT, "portal", "first")
OTHER_ID = ticket_id(TENANT, "portal", "other")
POOL = "technical-support"
OTHER_POOL = "billing"

LI = Actor.new(kind=ActorKind.TECHNICIAN, actor_id="li")
WU = Actor.new(kind=ActorKind.TECHNICIAN, actor_id="wu")
COORDINATOR = Actor.new(kind=ActorKind.COORDINATOR, actor_id="zhao")
CUSTOMER = Actor.new(kind=ActorKind.REQUESTER, actor_id="contact-1")
SYSTEM = Actor.new(kind=ActorKind.SYSTEM, actor_id="erp")


@dataclass(frozen=True)
class Policy:
    """A ledger policy of short spans."""

    accept_within_seconds: float = 600.0
    close_after_seconds: float = 3_600.0
    reopen_within_seconds: float = 7_200.0
    forget_after_seconds: float = 86_400.0
    work_weights: dict[str, int] = field(default_factory=lambda: {"P0": 4})


POLICY = Policy()
FEEDBACK_GROUNDS: dict[str, Any] = {"decided_at": T0, "position": "ticket.events/0/9"}


def moment(
    cause: str = "c-1", *, at: datetime = T0, decided_at: datetime | None = None, tenant: str = TENANT
) -> Moment:
    return Moment(ID, tenant, cause, at, decided_at or at, "ticket.commands/0/7", fingerprint(cause))


def later(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def ticket_in(status: Status, **fields: Any) -> Ticket:
    """A ticket as it would stand in `status`, with `li` on it where someone is."""
    over = status in {Status.RESOLVED, Status.CLOSED}
    given: dict[str, Any] = {
        "ticket_id": ID,
        "tenant": TENANT,
        "status": status,
        "sequence": 7,
        "generation": 0 if status in {Status.NEW, Status.CLASSIFIED} else 1,
        "cycle": 1,
        "priority": "P2",
        "channel": Channel.PORTAL,
        "category": Category.TECHNICAL,
        "pool": POOL,
        "level": Level.L1,
        "requester_id": "contact-1",
        "tier": Tier.STANDARD,
        "language": Language.EN,
        "opened_at": T0,
        "updated_at": T0,
        "skills": ("network",),
        "technician_id": "li" if status in HELD or over else None,
        "wakes_at": later(600) if over or status is Status.ASSIGNED else None,
        "resolved_at": T0 if over else None,
    }
    return Ticket(**(given | fields))


def state_in(status: Status) -> State:
    """What the ledger keeps of a ticket in `status`."""
    ticket = ticket_in(status)
    return remnant_of(ticket, later(86_400)) if status in {Status.CANCELLED, Status.MERGED} else ticket


def opening(ticket: str = ID, **fields: Any) -> OpenTicket:
    given: dict[str, Any] = {
        "ticket_id": ticket,
        "channel": Channel.PORTAL,
        "external_id": "first",
        "conversation": "portal:first",
        "requester": Requester.new(requester_id="contact-1", name="王磊", language=Language.EN),
        "subject": "Scanners offline",
        "body": "All scanners of line 3 are offline.",
        "product": "scanhub",
        "impact": Impact.MINOR,
        "urgency": Urgency.HIGH,
        "category": Category.TECHNICAL,
        "priority": "P2",
        "priority_reason": "minor × high",
        "pool": POOL,
        "skills": ["network"],
    }
    return OpenTicket.new(**(given | fields))


def message(body: str = "Any news?", message_id: str = "m-1") -> AddCustomerMessage:
    return AddCustomerMessage.new(ticket_id=ID, message_id=message_id, channel=Channel.PORTAL, body=body)


def reply(actor: Actor = LI) -> ReplyToCustomer:
    return ReplyToCustomer.new(ticket_id=ID, actor=actor, body="We are on it.")


def accept(actor: Actor = LI) -> AcceptAssignment:
    return AcceptAssignment.new(ticket_id=ID, actor=actor)


def decline(actor: Actor = LI) -> DeclineAssignment:
    return DeclineAssignment.new(ticket_id=ID, actor=actor, reason="not my field")


def assign(technician_id: str = "wu", actor: Actor = COORDINATOR) -> AssignTicket:
    return AssignTicket.new(ticket_id=ID, actor=actor, technician_id=technician_id)


def release(actor: Actor = LI) -> ReleaseTicket:
    return ReleaseTicket.new(ticket_id=ID, actor=actor, reason="going home")


def transfer(pool: str = OTHER_POOL, actor: Actor = COORDINATOR) -> TransferTicket:
    return TransferTicket.new(ticket_id=ID, actor=actor, pool=pool, skills=["billing"], reason="an invoice")


def turn(status: Status, actor: Actor = LI) -> ChangeStatus:
    return ChangeStatus.new(ticket_id=ID, actor=actor, status=status)


def prioritise(priority: str = "P1", actor: Actor = COORDINATOR) -> ChangePriority:
    return ChangePriority.new(ticket_id=ID, actor=actor, priority=priority, reason="production stands still")


def resolve(actor: Actor = LI) -> ResolveTicket:
    return ResolveTicket.new(ticket_id=ID, actor=actor, solution="Replaced the switch.")


def confirm(actor: Actor = CUSTOMER) -> ConfirmResolution:
    return ConfirmResolution.new(ticket_id=ID, actor=actor)


def reopen(actor: Actor = CUSTOMER) -> ReopenTicket:
    return ReopenTicket.new(ticket_id=ID, actor=actor, reason="happened again")


def cancel(actor: Actor = CUSTOMER) -> CancelTicket:
    return CancelTicket.new(ticket_id=ID, actor=actor, reason="not needed any more")


def merge(into: str = OTHER_ID, actor: Actor = COORDINATOR) -> MergeTicket:
    return MergeTicket.new(ticket_id=ID, actor=actor, into_ticket_id=into)


def escalate(actor: Actor = CUSTOMER) -> EscalateTicket:
    return EscalateTicket.new(ticket_id=ID, actor=actor, reason="nobody calls back")


def acknowledge(actor: Actor = LI, target: str | None = None, cycle: int | None = None) -> AcknowledgeEscalation:
    return AcknowledgeEscalation.new(ticket_id=ID, actor=actor, target=target, cycle=cycle)


def plan(actor: Actor = LI, text: str = "Replace the switch.") -> SubmitPlan:
    return SubmitPlan.new(ticket_id=ID, actor=actor, plan=text)


def repolicy(actor: Actor = COORDINATOR, version: int = 2) -> ChangePolicy:
    return ChangePolicy.new(
        ticket_id=ID, actor=actor, policy_id="cn-standard", policy_version=version, reason="new terms"
    )


def every_command() -> list[Contract]:
    """One of each, by someone who may give it in every status."""
    return [
        opening(),
        message(),
        reply(COORDINATOR),
        accept(COORDINATOR),
        decline(COORDINATOR),
        assign(),
        release(COORDINATOR),
        transfer(),
        turn(Status.PENDING, COORDINATOR),
        prioritise(),
        resolve(COORDINATOR),
        confirm(),
        reopen(),
        cancel(),
        merge(),
        escalate(),
        acknowledge(COORDINATOR),
        plan(COORDINATOR),
        repolicy(),
    ]


def assignment(generation: int = 1, technician_id: str = "li", *, by_hand: bool = False) -> AssignmentMade:
    return AssignmentMade.new(
        ticket_id=ID,
        generation=generation,
        pool=POOL,
        decided_at=T0,
        position="routing.work/0/1",
        technician_id=technician_id,
        by_hand=by_hand,
        candidates=[],
        dropped={},
    )


def released(generation: int = 1, reason: ReleaseReason = ReleaseReason.OFFLINE) -> AssignmentReleased:
    return AssignmentReleased.new(
        ticket_id=ID,
        generation=generation,
        pool=POOL,
        decided_at=T0,
        position="timer/0/p/release",
        technician_id="li",
        reason=reason,
    )


def overflowed(generation: int = 1, *, alarm: bool = True) -> AssignmentOverflowed:
    return AssignmentOverflowed.new(
        ticket_id=ID,
        generation=generation,
        pool=POOL,
        decided_at=T0,
        position="timer/0/p/loosen",
        reason=OverflowReason.ALL_DECLINED,
        alarm=alarm,
        owner_id="head",
        dropped={},
    )


def target(contract: type[Contract] = TargetStarted, **fields: Any) -> Any:
    given: dict[str, Any] = {
        "ticket_id": ID,
        "target": "resolution",
        "cycle": 1,
        "generation": 1,
        "priority": "P2",
        "policy_id": "cn-standard",
        "policy_version": 1,
        "started_at": T0,
        "due_at": later(86_400),
        "budget_seconds": 86_400.0,
        "elapsed_seconds": 0.0,
        "decided_at": T0,
        "position": "ticket.events/0/1",
    }
    return contract.new(**(given | fields))


def escalation(step: int = 1, **fields: Any) -> EscalationRaised:
    given = {"step": step, "role": "supervisor", "reason": "breached", "raise_level": True, "segments": []}
    raised: EscalationRaised = target(EscalationRaised, **(given | fields))
    return raised


def survey() -> SurveyRequested:
    return SurveyRequested.new(ticket_id=ID, cycle=1, survey_id="S-1", expires_at=later(86_400), **FEEDBACK_GROUNDS)


def rating(csat: int = 5) -> RatingReceived:
    return RatingReceived.new(ticket_id=ID, cycle=1, survey_id="S-1", csat=csat, low=csat <= 2, **FEEDBACK_GROUNDS)


def review(*, reopens: bool = True, cycle: int = 1) -> ReviewRequested:
    return ReviewRequested.new(
        ticket_id=ID, cycle=cycle, survey_id="S-1", reason="CSAT 1", reopen=reopens, **FEEDBACK_GROUNDS
    )


def request(external_id: str = "first", **fields: Any) -> RequestReceived:
    given: dict[str, Any] = {
        "channel": Channel.EMAIL,
        "external_id": external_id,
        "conversation": "conversation-1",
        "requester": Requester.new(requester_id="contact-1", language=Language.EN),
        "subject": "Scanners",
        "body": "Good morning.",
    }
    return RequestReceived.new(**(given | fields))


def vip(received: RequestReceived) -> RequestReceived:
    return replace(received, requester=replace(received.requester, tier=Tier.VIP))
