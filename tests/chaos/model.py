"""What must come of an input: the tally topology once more, as plain code over plain JSON.

Shares nothing with the processor, its engine or the topology: that is the point of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.chaos.records import Read
from tests.chaos.words import ANSWERED, BOOK_EVERY, HUGE, POISON, POISON_TIMER

MESSAGE_TYPE = "aftercare.ticket.add_customer_message.v1"


@dataclass
class Expected:
    """What a whole input makes necessary.

    By key: `counts` how many count events, `last` the last number. `due_ms` is when each reminder (by its event id)
    is due, since 1970; `dropped` are reminders that an answer in time made void. `letters` are the dead letters to be
    found, as (source offset or -1 for a timer, partition, key, reason).
    """

    counts: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    due_ms: dict[str, float] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    letters: set[tuple[int, int, str, str]] = field(default_factory=set)
    parked: set[str] = field(default_factory=set)
    inputs: int = 0


def expected_of(inputs: Iterable[Read], remind_seconds: float) -> Expected:
    """Return what comes of the input records, given in the order of their partitions' logs."""
    expected = Expected()
    for record in inputs:
        expected.inputs += 1
        _take(expected, record, remind_seconds)
    return expected


def _take(expected: Expected, record: Read, remind_seconds: float) -> None:
    key, place = record.key, (record.offset, record.partition, record.key)
    if key in expected.parked:
        expected.letters.add((*place, "parked"))
        return
    message = _message(record.value)
    if message is None:
        expected.letters.add((*place, "undecodable"))
        expected.parked.add(key)
        return
    number, body, at = message
    if number <= expected.last.get(key, 0):
        return
    reason = {POISON: "undecidable", HUGE: "output_too_large"}.get(body)
    if reason is not None:
        expected.letters.add((*place, reason))
        expected.parked.add(key)
        return
    expected.counts[key] = expected.counts.get(key, 0) + 1
    expected.last[key] = number
    if body == ANSWERED:
        _drop_booked(expected, key, at.timestamp() * 1_000)
    if number % BOOK_EVERY == 0:
        due_ms = (at.timestamp() + remind_seconds) * 1_000
        if body == POISON_TIMER:
            expected.letters.add((-1, record.partition, key, "timer_raised"))
        else:
            expected.due_ms[f"{key}:remind-{number}"] = due_ms


def _drop_booked(expected: Expected, key: str, at_ms: float) -> None:
    """Void the reminders of a key that the answer came in time for."""
    for event_id, due_ms in tuple(expected.due_ms.items()):
        if event_id.startswith(f"{key}:") and at_ms <= due_ms:
            del expected.due_ms[event_id]
            expected.dropped.add(event_id)


def _message(value: bytes | None) -> tuple[int, str, datetime] | None:
    """Return number, body and time of a message, None where the record is none."""
    try:
        event: dict[str, Any] = json.loads(value or b"")
        data = event["data"]
        return int(data["message_id"]), str(data["body"]), datetime.fromisoformat(event["time"])
    except (ValueError, KeyError, TypeError):
        return None
