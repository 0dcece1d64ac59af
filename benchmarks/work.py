"""The work that all engines do: a ticket's reply is counted, stated as an event, and kept as state."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec
from confluent_kafka import Producer

from schemas import envelope
from schemas.parts import Actor
from schemas.ticket_commands import ReplyToCustomer
from schemas.ticket_events import AgentReplied
from schemas.vocabulary import ActorKind, Status

PARTITIONS: Final = 8
KEYS: Final = 10_000
OCCURRED_AT: Final = datetime(2026, 1, 7, 9, 0, tzinfo=UTC)
BODY: Final = "We have found the cause; 已定位原因,正在修复。" * 2
HEADERS: Final[list[tuple[str, str | bytes | None]]] = [envelope.CONTENT_TYPE_HEADER]
SOURCE: Final = "/aftercare/bench"
FLUSH_SECONDS: Final = 120.0
FULL_SECONDS: Final = 60.0


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of a ticket."""

    sequence: int
    technician_id: str
    last_id: str


def ticket_id(number: int) -> str:
    """Return the id of a ticket by its number."""
    return f"T-{number:07d}"


def command(ticket: str, number: int, *, occurred_at: datetime = OCCURRED_AT) -> bytes:
    """Return the command with this number, to reply to a ticket's customer."""
    data = ReplyToCustomer.new(
        ticket_id=ticket, actor=Actor.new(kind=ActorKind.TECHNICIAN, actor_id=f"tech-{number % 97}"), body=BODY
    )
    return envelope.encode(
        type_name=ReplyToCustomer.type_name,
        event_id=f"c-{number}",
        source="/aftercare/api",
        time=occurred_at,
        subject=ticket,
        tenant="acme",
        data=data,
    )


def commands(events: int) -> Iterable[tuple[str, bytes]]:
    """Yield so many commands with their keys: the tickets turn about, so that number n is ticket n modulo `KEYS`."""
    for number in range(events):
        ticket = ticket_id(number % KEYS)
        yield ticket, command(ticket, number)


def fill(bootstrap: str, topic: str, records: Iterable[tuple[str, bytes]]) -> None:
    """Write records to a topic.

    Raises:
        TimeoutError: the broker did not take them in time.
    """
    producer = Producer(
        {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "compression.type": "lz4", "linger.ms": 20}
    )
    for key, value in records:
        deadline = time.monotonic() + FULL_SECONDS
        while True:
            try:
                producer.produce(topic, key=key.encode(), value=value, headers=HEADERS)
                break
            except BufferError:
                producer.poll(0.1)
                if time.monotonic() > deadline:
                    raise TimeoutError("the broker takes no more") from None
    if producer.flush(FLUSH_SECONDS):
        raise TimeoutError("the input was not written in time")
    producer.close()


def decide_reply(
    state: Seen | None, ticket: str, cause: str, data: ReplyToCustomer, now: datetime, position: str
) -> tuple[Seen, AgentReplied]:
    """Return the new state and the event of a reply."""
    sequence = state.sequence + 1 if state is not None else 1
    replied = AgentReplied.new(
        ticket_id=ticket,
        sequence=sequence,
        status=Status.IN_PROGRESS,
        cause=cause,
        decided_at=now,
        position=position,
        technician_id=data.actor.actor_id,
        body=data.body,
    )
    return Seen(sequence, data.actor.actor_id, cause), replied


def answer(state: Seen | None, key: str, value: bytes, now: datetime, position: str) -> tuple[Seen, bytes]:
    """Do all of the work on one command but reading and writing: what the Python peers run inside their engines.

    `position` is where the command stands: `topic/partition/offset`.

    Raises:
        envelope.InvalidEvent: it breaks its contract.
    """
    head = envelope.decode_head(value)
    data: ReplyToCustomer = envelope.decode_data(head.type, head.data)
    new, replied = decide_reply(state, key, head.id, data, now, position)
    return new, envelope.encode(
        type_name=AgentReplied.type_name,
        event_id=f"{key}:{new.sequence}",
        source=SOURCE,
        time=head.time,
        subject=head.subject,
        tenant=head.tenant,
        data=replied,
        traceparent=head.traceparent,
    )
