"""A small topology on real contracts that the contract suite runs on the driver and on a real Kafka.

It counts the customer messages of each ticket and says so; it reminds once, `REMIND_SECONDS` after the latest message.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import msgspec

from schemas.feedback import SurveyExpired
from schemas.ticket_commands import AddCustomerMessage, CancelTicket, ReopenTicket
from schemas.ticket_events import TicketClosed
from schemas.topics import CHANGELOGS, DEAD_LETTERS, TICKET_COMMANDS, TICKET_EVENTS, TICKET_FEEDBACK, Topic
from schemas.vocabulary import Channel, Status
from services._runtime.topology import NOTHING, Context, Decision, Emit, Event, Timer, Topology

REMIND_SECONDS: Final = 60.0
POISON: Final = "raise, please"
HUGE: Final = "write too much, please"
POISON_TIMER: Final = "raise when the timer fires, please"


class Counted(msgspec.Struct, frozen=True):
    """How many messages a ticket has, and what the last said."""

    messages: int
    last: str
    tenant: str


def on_message(state: Counted | None, event: Event, context: Context) -> Decision[Counted]:
    """Count one message, state the new count, and set the reminder anew."""
    data: AddCustomerMessage = event.data
    if data.body == POISON:
        raise ValueError(data.body)
    count = state.messages + 1 if state is not None else 1
    reason = "x" * 2_000_000 if data.body == HUGE else f"message {count}"
    closed = TicketClosed.new(
        ticket_id=event.key,
        sequence=count,
        status=Status.CLOSED,
        cause=event.id,
        decided_at=context.now,
        position=context.position,
        reason=reason,
    )
    remind = Timer("remind", event.occurred_at + timedelta(seconds=REMIND_SECONDS), count)
    return Decision(
        state=Counted(count, data.body, event.tenant),
        emits=(Emit(TICKET_EVENTS, event.key, closed, id=f"{event.key}:{count}"),),
        timers=(remind,),
        effects=(f"{event.key}:{count}",),
    )


def on_cancel(state: Counted | None, event: Event, context: Context) -> Decision[Counted]:
    """Forget the ticket with its timers."""
    del state, event, context
    return Decision(state=None)


def on_timer(state: Counted, timer: Timer, context: Context) -> Decision[Counted]:
    """Remind, once."""
    if state.last == POISON_TIMER:
        raise ValueError(state.last)
    data = SurveyExpired.new(ticket_id=context.key, cycle=1, survey_id=f"remind-{timer.generation}")
    event_id = f"{context.key}:remind:{timer.generation}"
    return Decision(emits=(Emit(TICKET_FEEDBACK, context.key, data, id=event_id, tenant=state.tenant),))


def ignore(state: Any, event: Event, context: Context) -> Decision[Any]:  # noqa: ANN401 - any state will do
    """Know a type and do nothing."""
    del state, event, context
    return NOTHING


def counting_topology(
    name: str = "intake.counting",
    changelog: Topic = CHANGELOGS["intake", "tickets"],
    inputs: tuple[Topic, ...] = (TICKET_COMMANDS,),
) -> Topology[Counted]:
    """Return the topology."""
    return Topology(
        name=name,
        service="intake",
        inputs=inputs,
        changelog=changelog,
        dead_letters=DEAD_LETTERS["intake"],
        handlers={AddCustomerMessage: on_message, CancelTicket: on_cancel, ReopenTicket: ignore},
        state_type=Counted,
        on_timer=on_timer,
    )


def message(ticket_id: str, body: str = "still broken", message_id: str = "m") -> AddCustomerMessage:
    """Return a message of a ticket's customer."""
    return AddCustomerMessage.new(ticket_id=ticket_id, message_id=message_id, channel=Channel.PORTAL, body=body)
