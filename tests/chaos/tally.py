"""The topology under fault: small enough to be modelled again in a page of plain code, with all that a processor has.

Each key's messages are numbered by their sender. A number not above the last one is a repeat and does nothing. Each new
message is counted in an event; every fifth books a reminder, which fires once after `remind_seconds` unless an answer
came before it was due. Some bodies ask for trouble.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from schemas.feedback import SurveyExpired
from schemas.ticket_commands import AddCustomerMessage
from schemas.ticket_events import TicketClosed
from schemas.topics import Topic
from schemas.vocabulary import Status
from services._runtime.engine.topology import NOTHING, Context, Decision, Emit, Event, Timer, Topology
from tests.chaos.words import ANSWERED, BOOK_EVERY, HUGE, POISON, POISON_TIMER

Booking = tuple[int, datetime]


class Tally(msgspec.Struct, frozen=True):
    """How many messages of a key were counted, the last number, and the reminders that are booked."""

    count: int
    number: int
    tenant: str
    booked: tuple[Booking, ...]
    poisoned: bool = False


@dataclass(frozen=True, slots=True)
class TallyTopology:
    """The topology over topics that begin with `prefix`."""

    prefix: str
    remind_seconds: float

    def topic(self, name: str) -> Topic:
        """Return one of its topics: commands, counts, reminders, changelog, dlq."""
        return Topic(f"{self.prefix}.{name}", "key", "test", name)

    @property
    def name(self) -> str:
        """Return the processor's name, which is its group."""
        return f"{self.prefix}.tally"

    def on_message(self, state: Tally | None, event: Event, context: Context) -> Decision[Tally]:
        """Count a message that is new, and book or drop reminders."""
        data: AddCustomerMessage = event.data
        number = int(data.message_id)
        if state is not None and number <= state.number:
            return NOTHING
        if data.body == POISON:
            raise ValueError(data.body)
        count = (state.count if state is not None else 0) + 1
        booked = () if state is None else state.booked
        if data.body == ANSWERED:
            # By the answer's own time: what was due before it was not answered in time, though it has not fired yet.
            booked = tuple(each for each in booked if each[1] < event.occurred_at)
        if number % BOOK_EVERY == 0:
            booked = (*booked, (number, event.occurred_at + timedelta(seconds=self.remind_seconds)))
        counted = TicketClosed.new(
            ticket_id=event.key,
            sequence=count,
            status=Status.CLOSED,
            cause=event.id,
            decided_at=context.now,
            position=context.position,
            reason="x" * 2_000_000 if data.body == HUGE else f"message {number}",
        )
        return Decision(
            state=Tally(count, number, event.tenant, booked, poisoned=data.body == POISON_TIMER),
            emits=(Emit(self.topic("counts"), event.key, counted, id=f"{event.key}:{count}"),),
            timers=tuple(Timer(f"remind-{each}", due_at, each) for each, due_at in booked),
        )

    def on_timer(self, state: Tally, timer: Timer, context: Context) -> Decision[Tally]:
        """Remind."""
        if state.poisoned:
            raise ValueError(POISON_TIMER)
        reminded = SurveyExpired.new(
            ticket_id=context.key, cycle=1, survey_id=timer.kind, decided_at=context.now, position=context.position
        )
        event_id = f"{context.key}:{timer.kind}"
        left = tuple(each for each in state.booked if each[0] != timer.generation)
        return Decision(
            state=msgspec.structs.replace(state, booked=left),
            emits=(Emit(self.topic("reminders"), context.key, reminded, id=event_id, tenant=state.tenant),),
        )

    def topology(self) -> Topology[Any]:
        """Return the topology."""
        return Topology(
            name=self.name,
            service="intake",
            inputs=(self.topic("commands"),),
            changelog=self.topic("changelog"),
            dead_letters=self.topic("dlq"),
            handlers={AddCustomerMessage: self.on_message},
            state_type=Tally,
            on_timer=self.on_timer,
        )
