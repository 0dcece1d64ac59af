"""The ticket's state machine: which command is legal in which status, and who may give it.

    new → classified → queued → assigned → in_progress ⇄ pending | on_hold → in_review → resolved → closed
                          ↑________ declined, taken over, reopened ________|                    cancelled, merged

`decide` is total: a command is carried out, refused with a reason that says what would be legal, or, seen before,
nothing. What each does is in `commands`; what the other services say is in `answers`; what time does, in `timeouts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Any, Final, NamedTuple

from schemas.contract import Contract
from schemas.parts import Actor
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
from schemas.ticket_events import CommandRefused, EscalationAcknowledged, TicketClassified, TicketOpened
from schemas.vocabulary import ActorKind, Status
from services.intake.domain import commands
from services.intake.domain.commands import Refusal
from services.intake.domain.policy import LedgerPolicy
from services.intake.domain.story import Outcome, Story, tell_remnant
from services.intake.domain.ticket import HELD, OFFERED, OPEN, OVER, WORKED_ON, Moment, Remnant, State, Ticket

REASON_CHARACTERS: Final = 1_000


class Who(StrEnum):
    """In which capacity someone gives a command. `system` is another system, let in by the API."""

    ASSIGNEE = "the assignee"
    TECHNICIAN = "a technician"
    COORDINATOR = "a coordinator"
    REQUESTER = "the requester"
    SYSTEM = "another system"


class Rule(NamedTuple):
    """When a command is legal: the statuses, and who may give it (empty: it names nobody). `carry_out` does it."""

    statuses: frozenset[Status]
    who: tuple[Who, ...]
    carry_out: Callable[[Story, Any], Outcome | Refusal]


_TECHNICIAN: Final = Who.TECHNICIAN
_CAPACITIES: Final = {
    ActorKind.TECHNICIAN: _TECHNICIAN,
    ActorKind.COORDINATOR: Who.COORDINATOR,
    ActorKind.REQUESTER: Who.REQUESTER,
    ActorKind.SYSTEM: Who.SYSTEM,
}
_IN_CHARGE: Final = (Who.ASSIGNEE, Who.COORDINATOR)
_STAFF: Final = (*_IN_CHARGE, Who.TECHNICIAN, Who.SYSTEM)
_STRANGER: Final = Refusal("the ticket is another tenant's; nothing is legal")
"""Says nothing of the ticket's state: the sender has no business with it."""
_CUSTOMER_SIDE: Final = (Who.REQUESTER, Who.COORDINATOR, Who.SYSTEM)

RULES: Final[Mapping[type[Contract], Rule]] = {
    AddCustomerMessage.struct: Rule(OPEN | OVER, (), commands.add_customer_message),
    ReplyToCustomer.struct: Rule(OFFERED | {Status.RESOLVED}, _IN_CHARGE, commands.reply_to_customer),
    AcceptAssignment.struct: Rule(frozenset({Status.ASSIGNED}), _IN_CHARGE, commands.accept_assignment),
    DeclineAssignment.struct: Rule(HELD, _IN_CHARGE, commands.decline_assignment),
    AssignTicket.struct: Rule(OPEN, (*_IN_CHARGE, Who.TECHNICIAN), commands.assign_ticket),
    ReleaseTicket.struct: Rule(HELD, _IN_CHARGE, commands.release_ticket),
    TransferTicket.struct: Rule(OPEN, (*_IN_CHARGE, Who.SYSTEM), commands.transfer_ticket),
    ChangeStatus.struct: Rule(WORKED_ON, _IN_CHARGE, commands.change_status),
    ChangePriority.struct: Rule(OPEN, (*_IN_CHARGE, Who.SYSTEM), commands.change_priority),
    ChangePolicy.struct: Rule(OPEN, (Who.COORDINATOR, Who.SYSTEM), commands.change_policy),
    EscalateTicket.struct: Rule(OPEN | OVER, tuple(Who), commands.escalate_ticket),
    AcknowledgeEscalation.struct: Rule(OPEN | OVER, _STAFF, commands.acknowledge_escalation),
    SubmitPlan.struct: Rule(OPEN | OVER, _STAFF, commands.submit_plan),
    ResolveTicket.struct: Rule(WORKED_ON, _IN_CHARGE, commands.resolve_ticket),
    ConfirmResolution.struct: Rule(frozenset({Status.RESOLVED}), _CUSTOMER_SIDE, commands.confirm_resolution),
    ReopenTicket.struct: Rule(OVER, (*_CUSTOMER_SIDE, Who.ASSIGNEE), commands.reopen_ticket),
    CancelTicket.struct: Rule(OPEN, _CUSTOMER_SIDE, commands.cancel_ticket),
    MergeTicket.struct: Rule(OPEN, (*_IN_CHARGE, Who.SYSTEM), commands.merge_ticket),
}
"""Every command but `OpenTicket`, which is legal only where there is no ticket, and elsewhere does nothing."""


def decide(state: State | None, command: Contract, moment: Moment, policy: LedgerPolicy) -> Outcome | None:
    """What a command makes of a ticket, None where nothing. `command` is the derived struct of a contract."""
    kind = type(command)
    if kind is OpenTicket.struct:
        return open_ticket(state, command, moment, policy)  # type: ignore[arg-type]
    if state is None:
        nothing = _never_opened(moment, policy)
        return _refused_remnant(nothing, command, moment, policy, "no ticket has this id; legal now: OpenTicket")
    if moment.mark in state.recent:
        return None
    if isinstance(state, Remnant):
        return _after_the_end(state, command, moment, policy)
    story = Story(state, moment, policy)
    rule = RULES[kind]
    refusal = _refusal(rule, state, command, moment)
    result = rule.carry_out(story, command) if refusal is None else refusal
    if not isinstance(result, Refusal):
        return result
    story.tell(
        CommandRefused,
        state.status,
        command=kind.type_name,
        command_id=moment.cause,
        reason=result[:REASON_CHARACTERS],
    )
    return story.end()


def open_ticket(state: State | None, command: OpenTicket, moment: Moment, policy: LedgerPolicy) -> Outcome | None:
    """Begin a ticket: opened, classified, queued. Where there is or was one, nothing."""
    if state is not None and (isinstance(state, Ticket) or state.opened):
        return None
    story = Story(_new_ticket(state, command, moment), moment, policy)
    story.tell(
        TicketOpened,
        Status.NEW,
        channel=command.channel,
        external_id=command.external_id,
        conversation=command.conversation,
        requester=command.requester,
        subject=command.subject,
        body=command.body,
        issue_type=command.issue_type,
        product=command.product,
        version=command.version,
        users_affected_percent=command.users_affected_percent,
        steps_to_reproduce=command.steps_to_reproduce,
        screenshot_url=command.screenshot_url,
        impact=command.impact,
        urgency=command.urgency,
        priority=command.priority,
        pool=command.pool,
        missing_fields=command.missing_fields,
    )
    story.tell(
        TicketClassified,
        Status.CLASSIFIED,
        category=command.category,
        priority=command.priority,
        priority_reason=command.priority_reason,
        pool=command.pool,
        skills=command.skills,
        level=command.level,
    )
    story.offer("opened")
    return story.end()


def _new_ticket(state: Remnant | None, command: OpenTicket, moment: Moment) -> Ticket:
    """A ticket that nothing has been told of yet. Refusals under its id, given before it was opened, are numbered."""
    requester = command.requester
    return Ticket(
        ticket_id=moment.ticket_id,
        tenant=moment.tenant,
        status=Status.NEW,
        sequence=0 if state is None else state.sequence,
        generation=0,
        cycle=1,
        priority=command.priority,
        channel=command.channel,
        category=command.category,
        pool=command.pool,
        level=command.level,
        requester_id=requester.requester_id,
        tier=requester.tier,
        language=requester.language,
        opened_at=moment.occurred_at,
        updated_at=moment.occurred_at,
        skills=tuple(command.skills),
        product=command.product,
        recent=() if state is None else state.recent,
    )


def capacity_of(ticket: Ticket, actor: Actor) -> Who:
    """In which capacity an actor acts on a ticket. A requester's token names the ticket, so the API has checked it."""
    capacity = _CAPACITIES[actor.kind]
    return Who.ASSIGNEE if capacity is _TECHNICIAN and actor.actor_id == ticket.technician_id else capacity


def _refusal(rule: Rule, ticket: Ticket, command: Any, moment: Moment) -> Refusal | None:
    if moment.tenant != ticket.tenant:
        return _STRANGER
    if ticket.status not in rule.statuses:
        kind: type[Contract] = type(command)
        return _illegal(kind, ticket.status)
    if rule.who and (who := capacity_of(ticket, command.actor)) not in rule.who:
        return _not_for(command, who, rule.who)
    return None


def _not_for(command: Any, who: Who, legal: tuple[Who, ...]) -> Refusal:
    return Refusal(f"{who.value} may not give {type(command).__name__}; it is legal for {' or '.join(legal)}")


@cache
def _illegal(kind: type[Contract], status: Status) -> Refusal:
    """The reason for each of the few pairs; it names what is legal instead."""
    statuses = ", ".join(each for each in Status if each in RULES[kind].statuses)
    legal = ", ".join(each.__name__ for each, rule in RULES.items() if status in rule.statuses) or "nothing"
    return Refusal(
        f"{kind.__name__} is not legal while the ticket is {status.value}, only while {statuses}; legal now: {legal}"
    )


def _never_opened(moment: Moment, policy: LedgerPolicy) -> Remnant:
    return Remnant(
        ticket_id=moment.ticket_id,
        tenant=moment.tenant,
        status=Status.CANCELLED,
        sequence=0,
        generation=0,
        wakes_at=moment.decided_at + timedelta(seconds=policy.forget_after_seconds),
        opened=False,
    )


def _after_the_end(remnant: Remnant, command: Any, moment: Moment, policy: LedgerPolicy) -> Outcome:
    """What a command makes of what is kept of a ticket: an acknowledgement is stated, everything else refused.

    Whoever opens an old mail of a closed ticket and answers for it did nothing wrong, and a clock that still waits for
    that (a low rating's) gets it.
    """
    refusal: str = _over(remnant)
    rule = RULES[AcknowledgeEscalation.struct]
    if type(command) is AcknowledgeEscalation.struct and remnant.status in rule.statuses:
        who = _CAPACITIES[command.actor.kind]
        no = commands.half_named(command) if who in rule.who else _not_for(command, who, rule.who)
        if moment.tenant != remnant.tenant:
            no = _STRANGER
        if no is None:
            return tell_remnant(remnant, moment, policy, EscalationAcknowledged, **commands.acknowledged(command))
        refusal = no
    return _refused_remnant(remnant, command, moment, policy, refusal)


def _over(remnant: Remnant) -> str:
    if not remnant.opened:
        return "no ticket has this id; legal now: OpenTicket"
    if remnant.into_ticket_id is not None:
        return f"the ticket was merged into {remnant.into_ticket_id}; the command is legal there"
    return f"the ticket is {remnant.status.value} for good; legal: OpenTicket with another id"


def _refused_remnant(remnant: Remnant, command: Contract, moment: Moment, policy: LedgerPolicy, reason: str) -> Outcome:
    told = {"command": command.type_name, "command_id": moment.cause, "reason": reason}
    return tell_remnant(remnant, moment, policy, CommandRefused, **told)
