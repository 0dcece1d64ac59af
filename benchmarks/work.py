"""The work that all engines do: a ticket's reply is counted, stated as an event, and kept as state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Self

import msgspec

from schemas import envelope
from schemas.parts import Actor
from schemas.ticket_commands import ReplyToCustomer
from schemas.ticket_events import AgentReplied
from schemas.topics import Topic
from schemas.vocabulary import ActorKind, Status
from services._runtime.engine.topology import Context, Decision, Emit, Event, Topology

BENCH_PARTITIONS: Final = 8
OCCURRED_AT: Final = datetime(2026, 1, 7, 9, 0, tzinfo=UTC)
BODY: Final = "We have found the cause; 已定位原因,正在修复。" * 2


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of a ticket."""

    sequence: int
    technician_id: str
    last_id: str


@dataclass(frozen=True)
class BenchTopics:
    """The topics of one run; several runs read the same input and write outputs of their own."""

    prefix: str
    commands: Topic
    events: Topic
    changelog: Topic
    dead_letters: Topic

    @classmethod
    def named(cls, prefix: str) -> Self:
        """Return topics that begin with `prefix`."""
        names = ("commands", "events", "changelog", "dlq")
        return cls(prefix, *(Topic(f"{prefix}.{name}", "ticket id", "bench", name) for name in names))

    def reading(self, commands: str) -> Self:
        """Return the same with another input."""
        return replace(self, commands=replace(self.commands, name=commands))

    def with_own_outputs(self, prefix: str) -> Self:
        """Return topics that read this input and write elsewhere."""
        return self.named(prefix).reading(self.commands.name)


def command(ticket_id: str, number: int) -> bytes:
    """Return one input event."""
    data = ReplyToCustomer.new(
        ticket_id=ticket_id, actor=Actor.new(kind=ActorKind.TECHNICIAN, actor_id=f"tech-{number % 97}"), body=BODY
    )
    return envelope.encode(
        type_name=ReplyToCustomer.type_name,
        event_id=f"c-{number}",
        source="/aftercare/api",
        time=OCCURRED_AT,
        subject=ticket_id,
        tenant="acme",
        data=data,
    )


def decide_reply(
    state: Seen | None, ticket_id: str, cause: str, data: ReplyToCustomer, now: datetime, position: str
) -> tuple[Seen, AgentReplied]:
    """Return the new state and the event of a reply."""
    sequence = state.sequence + 1 if state is not None else 1
    replied = AgentReplied.new(
        ticket_id=ticket_id,
        sequence=sequence,
        status=Status.IN_PROGRESS,
        cause=cause,
        decided_at=now,
        position=position,
        technician_id=data.actor.actor_id,
        body=data.body,
    )
    return Seen(sequence, data.actor.actor_id, cause), replied


def bench_topology(topics: BenchTopics) -> Topology[Seen]:
    """Return the work as a topology."""

    def on_reply(state: Seen | None, event: Event, context: Context) -> Decision[Seen]:
        new, replied = decide_reply(state, event.key, event.id, event.data, context.now, context.position)
        emit = Emit(topics.events, event.key, replied, id=f"{event.key}:{new.sequence}")
        return Decision(state=new, emits=(emit,), effects=(None,))

    return Topology(
        name=f"{topics.prefix}.work",
        service="bench",
        inputs=(topics.commands,),
        changelog=topics.changelog,
        dead_letters=topics.dead_letters,
        handlers={ReplyToCustomer: on_reply},
        state_type=Seen,
    )
