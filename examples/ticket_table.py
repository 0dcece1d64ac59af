"""Keeps a SQLite table of all tickets, and daily counts, from `ticket.events`: right however often it is killed.

    python -m examples.ticket_table --bootstrap 127.0.0.1:9092 --database tickets.db

The counts would show every event that were lost or taken twice. They are right because the positions are stored in the
same transaction as what the events did: after a crash both are there, or neither is.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final

from schemas.ticket_events import TicketEvent
from schemas.topics import TICKET_EVENTS
from subscriber import Batch, Event, Positions, Removed, Subscription, Unreadable

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS tickets (ticket_id TEXT PRIMARY KEY, status TEXT, sequence INTEGER, changed_at TEXT);
CREATE TABLE IF NOT EXISTS daily (day TEXT, type TEXT, events INTEGER, PRIMARY KEY (day, type));
CREATE TABLE IF NOT EXISTS unreadable (topic TEXT, part INTEGER, position INTEGER, reason TEXT,
    PRIMARY KEY (topic, part, position));
CREATE TABLE IF NOT EXISTS positions (topic TEXT, part INTEGER, position INTEGER, PRIMARY KEY (topic, part));
"""


def open_database(path: Path) -> sqlite3.Connection:
    """The database with its tables; a commit is on disk when it returns."""
    database = sqlite3.connect(path)
    database.executescript(SCHEMA)
    return database


def stored_positions(database: sqlite3.Connection) -> Positions:
    """Where the last run stopped; empty at first."""
    rows = database.execute("SELECT topic, part, position FROM positions")
    return {(topic, part): position for topic, part, position in rows}


def take_in(database: sqlite3.Connection, batch: Batch) -> None:
    """Everything that a batch does, in one transaction."""
    with database:
        for item in batch.events:
            match item:
                case Event(data=TicketEvent() as event):
                    _take_event(database, item, event)
                case Unreadable():
                    database.execute("INSERT INTO unreadable VALUES (?, ?, ?, ?)", (*item.position, item.reason))
                case Event() | Removed():
                    pass  # a type of a newer product; `ticket.events` is not compacted, so nothing is removed
        database.executemany(
            "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)",
            [(topic, part, position) for (topic, part), position in batch.positions.items()],
        )


def _take_event(database: sqlite3.Connection, item: Event, event: TicketEvent) -> None:
    """A copy of an event that was taken in does nothing: a ticket's sequence only grows."""
    taken = database.execute(
        "INSERT INTO tickets VALUES (?, ?, ?, ?) ON CONFLICT (ticket_id) DO UPDATE SET"
        " status = excluded.status, sequence = excluded.sequence, changed_at = excluded.changed_at"
        " WHERE excluded.sequence > tickets.sequence",
        (event.ticket_id, event.status, event.sequence, item.time.isoformat()),
    )
    if taken.rowcount:
        database.execute(
            "INSERT INTO daily VALUES (?, ?, 1) ON CONFLICT (day, type) DO UPDATE SET events = events + 1",
            (item.time.date().isoformat(), item.type),
        )


async def run(bootstrap: str, path: Path, *, to_end: bool) -> None:
    """Follow the topic; with `to_end`, stop once everything is in that was written before."""
    database = open_database(path)
    try:
        async with Subscription(bootstrap, [TICKET_EVENTS], positions=stored_positions(database)) as subscription:
            reading = subscription.batches_to_end() if to_end else subscription.batches()
            async with aclosing(reading) as batches:
                async for batch in batches:
                    take_in(database, batch)
    finally:
        database.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description="Keep a SQLite table of all tickets.")
    parser.add_argument("--bootstrap", required=True, help="a broker, host:port")
    parser.add_argument("--database", type=Path, required=True, help="the SQLite file")
    parser.add_argument("--to-end", action="store_true", help="stop at what is there now")
    options = parser.parse_args(arguments)
    asyncio.run(run(options.bootstrap, options.database, to_end=options.to_end))


if __name__ == "__main__":
    main()
