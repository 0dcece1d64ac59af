"""The subscriber kit on a real Kafka: committed events only, from where one stands, each once."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.ticket_events import StatusChanged, TicketEvent
from schemas.ticket_snapshots import TicketSnapshot
from schemas.topics import TICKET_EVENTS
from services._runtime.clock import SystemClock
from subscriber import (
    Event,
    Item,
    PositionsLostError,
    Removed,
    Start,
    Subscription,
    Unreadable,
    follow_tickets,
)
from tests.integration.intake_bed import in_loop
from tests.integration.reading import read_events
from tests.integration.subscribing import DAY, TENANT, Tickets, make_ticket_topics
from tests.stack import PARTITIONS

pytestmark = pytest.mark.integration

CLOCK: Final = SystemClock()
KILLS: Final = 20
START_SECONDS: Final = 30.0
_labels: Final = count(1)


@pytest.fixture
def tickets(local_kafka: str) -> Tickets:
    """A writer with tickets of its own on the topics that tests share."""
    make_ticket_topics(local_kafka)
    return Tickets(local_kafka, f"subscribed-{next(_labels)}")


async def read_to_end(subscription: Subscription) -> list[Item]:
    async with aclosing(subscription.batches_to_end()) as batches:
        return [item async for batch in batches for item in batch.events]


def sequences_of(items: Sequence[Item], names: Sequence[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {name: [] for name in names}
    for item in items:
        if isinstance(item, Event) and isinstance(item.data, TicketEvent) and item.data.ticket_id in found:
            found[item.data.ticket_id].append(item.data.sequence)
    return found


@in_loop
async def test_what_was_aborted_is_never_seen_and_every_key_is_in_order(local_kafka: str, tickets: Tickets) -> None:
    for _ in tickets.write(tickets=20, steps=8):
        pass
    async with Subscription(local_kafka, [TICKET_EVENTS]) as subscription:
        items = await read_to_end(subscription)
    expected = {name: list(range(1, last + 1)) for name, last in tickets.told.items()}
    assert sequences_of(items, tickets.names(20)) == expected


@in_loop
async def test_a_reader_goes_on_from_the_positions_it_stored(local_kafka: str, tickets: Tickets) -> None:
    names = tickets.names(10)
    async with Subscription(local_kafka, [TICKET_EVENTS], start=Start.END) as subscription:
        for _ in tickets.write(tickets=10, steps=3):
            pass
        first = await read_to_end(subscription)
        stored = subscription.positions
    for _ in tickets.write(tickets=10, steps=2):
        pass
    async with Subscription(local_kafka, [TICKET_EVENTS], positions=stored) as subscription:
        second = await read_to_end(subscription)
    assert sequences_of(first, names) == {name: [1, 2, 3] for name in names}
    assert sequences_of(second, names) == {name: [4, 5] for name in names}


@in_loop
async def test_reading_to_the_end_waits_for_what_is_not_decided_yet(local_kafka: str, tickets: Tickets) -> None:
    (name,) = tickets.names(1)
    async with Subscription(local_kafka, [TICKET_EVENTS], start=Start.END) as subscription:
        tickets.hold_open([name])
        reading = asyncio.create_task(read_to_end(subscription))
        assert not (await asyncio.wait([reading], timeout=1.5))[0]
        tickets.commit([name])
        assert sequences_of(await reading, [name]) == {name: [1]}


@in_loop
async def test_a_replay_from_a_time_leaves_out_what_was_written_before(local_kafka: str) -> None:
    topic = new_topic(local_kafka)
    hour_ago = CLOCK.now() - timedelta(hours=1)
    producer = Producer({"bootstrap.servers": local_kafka})
    for minutes in (0, 20, 40):
        written = hour_ago + timedelta(minutes=minutes)
        producer.produce(
            topic, sample("aftercare.ticket.status_changed.v1"), "T", timestamp=int(written.timestamp() * 1_000)
        )
    producer.flush(20)
    async with Subscription(local_kafka, [topic], start=hour_ago + timedelta(minutes=20)) as subscription:
        assert len(await read_to_end(subscription)) == 2
    async with Subscription(local_kafka, [topic], start=CLOCK.now() + timedelta(hours=1)) as subscription:
        assert await read_to_end(subscription) == []


def test_a_start_without_a_zone_is_refused(local_kafka: str) -> None:
    with pytest.raises(ValueError, match="with its zone"):
        Subscription(local_kafka, [TICKET_EVENTS], start=datetime.now(UTC).replace(tzinfo=None))  # noqa: TID251


@in_loop
async def test_what_cannot_be_read_is_handed_over_and_ends_nothing(local_kafka: str) -> None:
    topic = new_topic(local_kafka)
    known = sample("aftercare.ticket.status_changed.v1")
    newer = known.replace(b'"previous"', b'"new_field": 1, "previous"')
    unknown = known.replace(b"status_changed.v1", b"status_changed.v9")
    broken = known.replace(b'"sequence": 4', b'"sequence": "a private text"')
    producer = Producer({"bootstrap.servers": local_kafka})
    for value in (known, newer, unknown, b"{", broken, None):
        producer.produce(topic, value, "T-1")
    producer.flush(20)
    async with Subscription(local_kafka, [topic]) as subscription:
        first, second, third, fourth, fifth, sixth = await read_to_end(subscription)
    assert isinstance(first, Event)
    assert isinstance(first.data, StatusChanged)
    assert isinstance(second, Event)
    assert second.data == first.data
    assert isinstance(third, Event)
    assert (third.type, third.data) == ("aftercare.ticket.status_changed.v9", None)
    assert isinstance(fourth, Unreadable)
    assert isinstance(fifth, Unreadable)
    assert "sequence" in fifth.reason
    assert "private" not in fifth.reason
    assert isinstance(sixth, Removed)
    assert [item.position.offset for item in (first, second, third, fourth, fifth, sixth)] == list(range(6))


@in_loop
async def test_positions_that_retention_has_passed_are_told_and_not_skipped(local_kafka: str) -> None:
    topic = new_topic(local_kafka)
    producer = Producer({"bootstrap.servers": local_kafka})
    for _ in range(10):
        producer.produce(topic, sample("aftercare.ticket.status_changed.v1"), "T")
    producer.flush(20)
    admin = AdminClient({"bootstrap.servers": local_kafka})
    admin.delete_records([TopicPartition(topic, 0, 5)])[TopicPartition(topic, 0)].result(20)
    with pytest.raises(PositionsLostError, match="offsets 5 to 10, the position is 3"):
        async with Subscription(local_kafka, [topic], positions={(topic, 0): 3}):
            pass
    with pytest.raises(PositionsLostError, match="position is 11"):
        async with Subscription(local_kafka, [topic], positions={(topic, 0): 11}):
            pass
    async with Subscription(local_kafka, [topic], positions={(topic, 0): 5}) as slow:
        admin.delete_records([TopicPartition(topic, 0, 8)])[TopicPartition(topic, 0)].result(20)
        with pytest.raises(PositionsLostError, match="offsets 8 to 10, the position is 5"):
            await read_to_end(slow)


@in_loop
async def test_a_topic_that_is_not_there_is_named(local_kafka: str) -> None:
    with pytest.raises(LookupError, match=r"no such topic: ticket\.evnets"):
        async with Subscription(local_kafka, ["ticket.evnets"]):
            pass


@in_loop
async def test_snapshots_and_the_events_after_them_make_every_ticket_whole(local_kafka: str, tickets: Tickets) -> None:
    names = tickets.names(30)
    writing = tickets.write(tickets=30, steps=8)
    for _ in range(10):
        next(writing)
    held: dict[str, int] = {}
    positions: dict[tuple[str, int], int] = {}
    async with aclosing(follow_tickets(local_kafka)) as batches:
        async for batch in batches:
            next(writing, None)  # while it reads, the tickets' lives go on
            take_in(held, batch.events, names)
            positions |= batch.positions
            if positions and tickets.events == 240 and held == tickets.told:
                break
    assert held == dict.fromkeys(names, 8)

    for _ in tickets.write(tickets=30, steps=2):
        pass
    async with aclosing(follow_tickets(local_kafka, positions=positions)) as batches:
        async for batch in batches:
            assert not any(isinstance(item, Event) and isinstance(item.data, TicketSnapshot) for item in batch.events)
            take_in(held, batch.events, names)
            if held == tickets.told:
                break
    assert held == dict.fromkeys(names, 10)


def take_in(held: dict[str, int], items: Sequence[Item], names: Sequence[str]) -> None:
    """Hold each ticket's sequence; an event must be the very next one."""
    for item in items:
        match item:
            case Event(subject=name, data=TicketSnapshot() as snapshot) if name in names:
                held[snapshot.ticket_id] = snapshot.sequence
            case Event(subject=name, data=TicketEvent() as event) if name in names:
                assert event.sequence == held.get(event.ticket_id, 0) + 1
                held[event.ticket_id] = event.sequence
            case _:
                pass  # of another test


@pytest.mark.timeout(240)
def test_a_table_stays_exactly_right_while_its_process_is_killed_20_times_over_5000_events(
    local_kafka: str, tickets: Tickets, tmp_path: Path
) -> None:
    database, chance = tmp_path / "tickets.db", Random("kills")
    command = [sys.executable, "-m", "examples.ticket_table", "--bootstrap", local_kafka, "--database", str(database)]
    writing = tickets.write(tickets=500, steps=10)
    share = 5_000 / KILLS
    for number in range(1, KILLS + 1):
        process = subprocess.Popen(command)
        before, until_seconds = taken_in(database), CLOCK.monotonic_seconds() + START_SECONDS
        while taken_in(database) == before:
            # What is written now is what it is killed over, so half of its share is left for when it has begun.
            if tickets.events >= share * (number - 0.5) or next(writing, None) is None:
                time.sleep(0.005)
            assert process.poll() is None, "the reader ended by itself"
            assert CLOCK.monotonic_seconds() < until_seconds, "the reader took nothing"
        while tickets.events < share * number and next(writing, None) is not None:
            assert process.poll() is None, "the reader ended by itself"
        if chance.random() < 0.3:
            tickets.send_again(chance.choice(sorted(tickets.told)))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert tickets.events == 5_000
    subprocess.run([*command, "--to-end"], check=True, timeout=60)
    assert tables_of(database) == expected_tables(local_kafka)


def taken_in(database: Path) -> int:
    if not database.exists():
        return 0
    with sqlite3.connect(database) as connection:
        try:
            (events,) = connection.execute("SELECT coalesce(sum(events), 0) FROM daily").fetchone()
        except sqlite3.OperationalError:
            return 0
    return int(events)


def tables_of(database: Path) -> tuple[dict[str, tuple[str, int]], dict[tuple[str, str], int]]:
    with sqlite3.connect(database) as connection:
        since = DAY.date().isoformat()
        tickets = connection.execute("SELECT ticket_id, status, sequence FROM tickets WHERE changed_at >= ?", [since])
        daily = connection.execute("SELECT day, type, events FROM daily WHERE day >= ?", [since])
        return (
            {ticket: (status, sequence) for ticket, status, sequence in tickets},
            {(day, kind): events for day, kind, events in daily},
        )


def expected_tables(bootstrap: str) -> tuple[dict[str, tuple[str, int]], dict[tuple[str, str], int]]:
    """The same from a plain consumer, of these tests' tickets: each id counts once."""
    events: dict[str, dict[str, Any]] = {}
    for _, event in read_events(bootstrap, TICKET_EVENTS.name, PARTITIONS, garbled=True):
        if event["tenant"] == TENANT:
            events.setdefault(event["id"], event)
    last: dict[str, tuple[str, int]] = {}
    for event in events.values():
        last[event["subject"]] = (event["data"]["status"], event["data"]["sequence"])
    return last, dict(Counter((event["time"][:10], event["type"]) for event in events.values()))


def new_topic(bootstrap: str) -> str:
    """Create a topic of one partition."""
    name = f"subscribed-topic-{next(_labels)}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(20)
    return name


def sample(type_name: str) -> bytes:
    return (Path(__file__).parents[2] / "schemas" / "samples" / f"{type_name}.json").read_bytes()
