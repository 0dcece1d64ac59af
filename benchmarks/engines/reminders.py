"""Ours, with a timer a ticket: a command says when the ticket wants to be asked again, an event says that it was.

The command's `body` is the instant, in microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from benchmarks.engines.aftercare import topic, work
from benchmarks.engines.order import Order
from benchmarks.work import SOURCE, Seen, ticket_id
from schemas import envelope
from schemas.parts import Actor
from schemas.ticket_commands import ReplyToCustomer
from schemas.ticket_events import AgentReplied
from schemas.vocabulary import ActorKind, Status
from services._runtime.engine.topology import Context, Decision, Emit, Event, Timer, Topology

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
ACTOR: Final = Actor.new(kind=ActorKind.TECHNICIAN, actor_id="tech-7")
KIND: Final = "remind"


def wanting(first: int, dues: Iterable[float]) -> Iterable[tuple[str, bytes]]:
    """Yield a command with its key for each due instant (seconds since 1970), to tickets from number `first` on."""
    for number, due_at in enumerate(dues, first):
        ticket = ticket_id(number)
        data = ReplyToCustomer.new(ticket_id=ticket, actor=ACTOR, body=str(round(due_at * 1_000_000)))
        yield (
            ticket,
            envelope.encode(
                type_name=ReplyToCustomer.type_name,
                event_id=f"w-{number}",
                source=SOURCE,
                time=EPOCH,
                subject=ticket,
                tenant="acme",
                data=data,
            ),
        )


def topology(commands: str, group: str) -> Topology[Seen]:
    """Return the reminders as a topology that reads `commands` and writes to topics that begin with `group`."""
    events = topic(f"{group}.events")

    def on_reply(state: Seen | None, event: Event, context: Context) -> Decision[Seen]:
        del context
        due_at = EPOCH + timedelta(microseconds=int(event.data.body))
        sequence = state.sequence + 1 if state is not None else 1
        return Decision(state=Seen(sequence, event.data.actor.actor_id, event.id), timers=(Timer(KIND, due_at),))

    def on_timer(state: Seen, timer: Timer, context: Context) -> Decision[Seen]:
        reminded = AgentReplied.new(
            ticket_id=context.key,
            sequence=state.sequence,
            status=Status.IN_PROGRESS,
            cause=timer.kind,
            decided_at=context.now,
            position=context.position,
            technician_id=state.technician_id,
            body="",
        )
        return Decision(emits=(Emit(events, context.key, reminded, id=f"{context.key}:{state.sequence}:{KIND}"),))

    return Topology(
        name=group,
        service="bench",
        inputs=(topic(commands),),
        changelog=topic(f"{group}.changelog"),
        dead_letters=topic(f"{group}.dlq"),
        handlers={ReplyToCustomer: on_reply},
        on_timer=on_timer,
        state_type=Seen,
    )


def main() -> None:
    """Do the work of the order."""
    order = Order.from_argument()
    work(topology(order.commands, order.group), order)


if __name__ == "__main__":
    main()
