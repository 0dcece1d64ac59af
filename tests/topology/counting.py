"""A small topology on real contracts that the contract suite runs on the driver and on a real Kafka.

It counts the customer messages of each ticket and says so; it reminds once, `REMIND_SECONDS` after the latest message.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import msgspec

from schemas.feedback import SurveyExpired
from schemas.ticket_commands import AddCustomerMessage, CancelTicket
from schemas.ticket_events import TicketClosed
from schemas.topics import CHANGELOGS, DEAD_LETTERS, TICKET_COMMANDS, TICKET_EVENTS, TICKET_FEEDBACK, Topic
from schemas.vocabulary import Channel, Status
from services._runtime.engine.topology import Context, Decision, Emit, Event, Timer, Topology

REMIND_SECONDS: Final = 60.0
POISON: Final = "raise, please"
HUGE: Final = "write too much, please"
POISON_TIMER: Final = "raise when the timer fires, please"


class Counted(msgspec.Struct, frozen=True):
    """How many messages a ticket has, and what the last said."""

    messages: int
    last: str
    tenant: str


@dataclass(frozen=True, slots=True)
class Counting:
    """The topology over a set of topics: the product's own, or ones that a test made for itself."""

    name: str = "intake.counting"
    commands: Topic = TICKET_COMMANDS
    counts: Topic = TICKET_EVENTS
    reminders: Topic = TICKET_FEEDBACK
    changelog: Topic = CHANGELOGS["intake", "tickets"]
    dead_letters: Topic = DEAD_LETTERS["intake"]
    retries: Topic | None = None
    remind_seconds: float = REMIND_SECONDS

    def on_message(self, state: Counted | None, event: Event, context: Context) -> Decision[Counted]:
        """Count one message, state the new count, and set the reminder anew."""
        data: AddCustomerMessage = event.data
        if data.body == POISON:
            raise ValueError(data.body)
        count = state.messages + 1 if state is not None else 1
        closed = TicketClosed.new(
            ticket_id=event.key,
            sequence=count,
            status=Status.CLOSED,
            cause=event.id,
            decided_at=context.now,
            position=context.position,
            reason="x" * 2_000_000 if data.body == HUGE else f"message {count}",
        )
        remind = Timer("remind", event.occurred_at + timedelta(seconds=self.remind_seconds), count)
        return Decision(
            state=Counted(count, data.body, event.tenant),
            emits=(Emit(self.counts, event.key, closed, id=f"{event.key}:{count}"),),
            timers=(remind,),
            effects=(f"{event.key}:{count}",),
        )

    def on_cancel(self, state: Counted | None, event: Event, context: Context) -> Decision[Counted]:
        """Forget the ticket with its timers."""
        del state, event, context
        return Decision(state=None)

    def on_timer(self, state: Counted, timer: Timer, context: Context) -> Decision[Counted]:
        """Remind, once."""
        if state.last == POISON_TIMER:
            raise ValueError(state.last)
        data = SurveyExpired.new(
            ticket_id=context.key,
            cycle=1,
            survey_id=f"remind-{timer.generation}",
            decided_at=context.now,
            position=context.position,
        )
        event_id = f"{context.key}:remind:{timer.generation}"
        return Decision(emits=(Emit(self.reminders, context.key, data, id=event_id, tenant=state.tenant),))

    def topology(self) -> Topology[Counted]:
        """Return the topology."""
        return Topology(
            name=self.name,
            service="intake",
            inputs=(self.commands,),
            changelog=self.changelog,
            dead_letters=self.dead_letters,
            retries=self.retries,
            handlers={AddCustomerMessage: self.on_message, CancelTicket: self.on_cancel},
            state_type=Counted,
            on_timer=self.on_timer,
        )


def message(ticket_id: str, body: str = "still broken", message_id: str = "m") -> AddCustomerMessage:
    """Return a message of a ticket's customer."""
    return AddCustomerMessage.new(ticket_id=ticket_id, message_id=message_id, channel=Channel.PORTAL, body=body)
