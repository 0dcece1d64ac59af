"""Dropping what was seen: once each, in bounded memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from subscriber import Event, Position, Seen

EVENT = Event(
    id="T-1:1",
    source="/aftercare/intake-ledger",
    type="aftercare.ticket.closed.v1",
    time=datetime(2026, 3, 2, tzinfo=UTC),
    subject="T-1",
    tenant="acme",
    traceparent=None,
    key="T-1",
    data=None,
    position=Position("ticket.events", 0, 7),
)


def named(number: int) -> Event:
    return replace(EVENT, id=f"T-1:{number}")


def test_a_copy_at_another_place_is_not_new() -> None:
    seen = Seen()
    assert seen.is_new(EVENT)
    assert not seen.is_new(replace(EVENT, position=Position("ticket.events", 0, 99)))


def test_the_same_id_from_another_source_is_another_event() -> None:
    seen = Seen()
    assert seen.is_new(EVENT)
    assert seen.is_new(replace(EVENT, source="/aftercare/sla-monitor"))


def test_it_holds_no_more_than_its_capacity_and_forgets_the_longest_unseen_first() -> None:
    seen = Seen(capacity=2)
    assert seen.is_new(named(1))
    assert seen.is_new(named(2))
    assert not seen.is_new(named(1))
    assert seen.is_new(named(3))
    assert len(seen) == 2
    assert not seen.is_new(named(1))
    assert seen.is_new(named(2))


def test_what_was_stored_is_known_after_a_restart() -> None:
    seen = Seen()
    seen.is_new(EVENT)
    assert not Seen(list(seen)).is_new(EVENT)


def test_a_capacity_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Seen(capacity=0)
