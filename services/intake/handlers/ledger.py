"""`intake.ledger`: the one writer of a ticket's life.

Commands and what the other services say come in by ticket id; the ticket's numbered events, its snapshot and the work
for its pool's router go out. Ids follow from what an output says: `<ticket id>:<sequence>` for events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from schemas.contract import Contract
from schemas.feedback import RatingReceived, ReviewRequested, SurveyRequested, SurveySkipped
from schemas.ids import event_id
from schemas.routing_work import OfferMade
from schemas.ticket_assignments import AssignmentMade, AssignmentOverflowed, AssignmentReleased
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
from schemas.ticket_events import CommandRefused, TicketAssigned
from schemas.ticket_sla import EscalationRaised, TargetPaused, TargetResumed, TargetRetargeted, TargetStarted
from schemas.topics import (
    CHANGELOGS,
    DEAD_LETTERS,
    RETRIES,
    ROUTING_WORK,
    TICKET_ASSIGNMENTS,
    TICKET_COMMANDS,
    TICKET_EVENTS,
    TICKET_FEEDBACK,
    TICKET_SLA,
    TICKET_SNAPSHOTS,
)
from services._runtime.engine.topology import NOTHING, Context, Decision, Emit, Event, Timer, Topology
from services.intake.domain import answers, lifecycle, timeouts
from services.intake.domain.policy import LedgerPolicy
from services.intake.domain.story import Outcome
from services.intake.domain.ticket import Moment, Ticket, fingerprint
from services.intake.handlers.census import Census
from services.intake.handlers.tally import CommandTurnedDown, FirstAssigned
from services.intake.state import TICKETS_VERSION, State

COMMANDS: Final[tuple[type[Contract], ...]] = (
    OpenTicket,
    AddCustomerMessage,
    ReplyToCustomer,
    AcceptAssignment,
    DeclineAssignment,
    AssignTicket,
    ReleaseTicket,
    TransferTicket,
    ChangeStatus,
    ChangePriority,
    ChangePolicy,
    EscalateTicket,
    AcknowledgeEscalation,
    SubmitPlan,
    ResolveTicket,
    ConfirmResolution,
    ReopenTicket,
    CancelTicket,
    MergeTicket,
)
CAUSE_CHARACTERS: Final = 1_000
_NO_TIMERS: Final[tuple[Timer, ...]] = ()

Answer: TypeAlias = Callable[[State | None, Any, Moment, LedgerPolicy], Outcome | None]


class WrongTicketError(Exception):
    """A record lies under the key of another ticket than it speaks of."""


def ledger_topology(policy: LedgerPolicy) -> Topology[State]:
    """The topology; `policy` is the service's settings, or any value with its durations."""
    ledger = Ledger(policy)
    return Topology(
        name="intake.ledger",
        service="intake",
        inputs=(TICKET_COMMANDS, TICKET_ASSIGNMENTS, TICKET_SLA, TICKET_FEEDBACK),
        writes=(TICKET_EVENTS, ROUTING_WORK, TICKET_SNAPSHOTS),
        changelog=CHANGELOGS["intake", "tickets"],
        dead_letters=DEAD_LETTERS["intake"],
        retries=RETRIES["intake.ledger"],
        handlers={
            **dict.fromkeys(COMMANDS, ledger.on_command),
            AssignmentMade: ledger.hearing(answers.assignment_made),
            AssignmentReleased: ledger.hearing(answers.assignment_released),
            AssignmentOverflowed: ledger.hearing(answers.assignment_overflowed),
            EscalationRaised: ledger.hearing(answers.escalation_raised),
            SurveyRequested: ledger.hearing(answers.survey_requested),
            SurveySkipped: ledger.hearing(answers.survey_skipped),
            RatingReceived: ledger.hearing(answers.rating_received),
            ReviewRequested: ledger.hearing(answers.review_requested),
            **dict.fromkeys((TargetStarted, TargetPaused, TargetResumed, TargetRetargeted), ledger.on_target),
        },
        on_timer=ledger.on_timer,
        state_type=State,
        state_version=TICKETS_VERSION,
        index=Census,
    )


class Ledger:
    """The handlers, with the policy that they decide by."""

    def __init__(self, policy: LedgerPolicy) -> None:
        self._policy = policy

    def on_command(self, state: State | None, event: Event, context: Context) -> Decision[State]:
        """Carry the command out, refuse it, or, seen before, do nothing."""
        return _decision(
            state, lifecycle.decide(state, event.data, _moment(event, context), self._policy), event.tenant
        )

    def hearing(self, answer: Answer) -> Callable[[State | None, Event, Context], Decision[State]]:
        """A handler of what another service says."""

        def on_answer(state: State | None, event: Event, context: Context) -> Decision[State]:
            return _decision(state, answer(state, event.data, _moment(event, context), self._policy), event.tenant)

        return on_answer

    def on_target(self, state: State | None, event: Event, context: Context) -> Decision[State]:
        """Keep when the resolution is due: no fact of the ticket, so nothing is told."""
        _check_ticket(event, context)
        outcome = answers.target_due(state, event.data)
        return NOTHING if outcome is None else Decision(state=outcome.state)

    def on_timer(self, state: State, timer: Timer, context: Context) -> Decision[State]:
        """Do what time does to the ticket; what is kept of one that is over leaves the state."""
        if not isinstance(state, Ticket):
            return Decision(state=None)
        moment = Moment(
            ticket_id=state.ticket_id,
            tenant=state.tenant,
            cause=f"{state.ticket_id}:{timer.kind}:{timer.generation}",
            occurred_at=timer.due_at,
            decided_at=context.now,
            position=context.position,
        )
        return _decision(state, timeouts.time_out(state, moment, self._policy), state.tenant)


def _check_ticket(event: Event, context: Context) -> None:
    if event.data.ticket_id != context.key:
        raise WrongTicketError(f"the event speaks of {event.data.ticket_id}")


def _moment(event: Event, context: Context) -> Moment:
    _check_ticket(event, context)
    return Moment(
        context.key,
        event.tenant,
        event.id[:CAUSE_CHARACTERS],
        event.occurred_at,
        context.now,
        context.position,
        fingerprint(event.id),
    )


def _decision(state: State | None, outcome: Outcome | None, tenant: str) -> Decision[State]:
    """An outcome as the engine wants it. A ticket's outputs are its tenant's, whoever caused them."""
    if outcome is None:
        return NOTHING
    new = outcome.state if outcome.state is not None else state
    if new is None:
        return Decision(emits=_emits(outcome, outcome.work[0].ticket_id, 0, tenant))
    emits = _emits(outcome, new.ticket_id, new.sequence, new.tenant)
    if outcome.state is None:
        return Decision(emits=emits)
    return Decision(state=new, emits=emits, timers=timers_of(new), effects=_effects(state, outcome))


def timers_of(state: State) -> tuple[Timer, ...]:
    """The one timer of a state, if it has one: it follows from the state alone."""
    if state.wakes_at is None or (kind := timeouts.kind_of(state)) is None:
        return _NO_TIMERS
    return (Timer(kind, state.wakes_at, state.generation),)


def _emits(outcome: Outcome, ticket_id: str, sequence: int, tenant: str) -> list[Emit]:
    emits = [
        Emit(TICKET_EVENTS, ticket_id, fact, event_id(ticket_id, fact.sequence), None, ticket_id, tenant)
        for fact in outcome.facts
    ]
    for work in outcome.work:
        # A void assignment is answered without a fact, so under a sequence at which the same may have been withdrawn.
        verb = "offered" if type(work) is OfferMade.struct else "withdrawn" if outcome.facts else "voided"
        name = f"{ticket_id}:{verb}:{work.generation}:{sequence}"
        emits.append(Emit(ROUTING_WORK, work.pool, work, name, None, ticket_id, tenant))
    if outcome.snapshot is not None:
        name = f"{ticket_id}:{sequence}:snapshot"
        emits.append(Emit(TICKET_SNAPSHOTS, ticket_id, outcome.snapshot, name, None, ticket_id, tenant))
    return emits


def _effects(old: State | None, outcome: Outcome) -> tuple[CommandTurnedDown | FirstAssigned, ...]:
    """At most one: a refusal and an assignment are the only fact of their decision."""
    if len(outcome.facts) == 1:
        fact = outcome.facts[0]
        if type(fact) is CommandRefused.struct:
            return (CommandTurnedDown(fact.command),)
        if type(fact) is TicketAssigned.struct and isinstance(old, Ticket) and not old.ever_assigned:
            return (FirstAssigned(old.priority, max(0.0, (fact.decided_at - old.opened_at).total_seconds())),)
    return ()
