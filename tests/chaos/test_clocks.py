"""The ledger of clocks and snapshots finds each verdict that can not be, and lets the right ones be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from deploy.local.demo.reader import Record
from tests.chaos.clocks import GRACE, Clocks

AT = datetime(2026, 1, 7, 8, 0, tzinfo=UTC)
DUE = AT + timedelta(seconds=20)


def at(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def record(topic: str, kind: str, time: datetime, **data: Any) -> Record:
    event = {"type": f"aftercare.{kind}.v1", "time": time.isoformat(), "data": {"ticket_id": "T", **data}}
    return Record(topic, 0, 0, "T", event, 0, 0.0)


def sla(kind: str, decided_at: datetime) -> Record:
    target = {"target": "first_response", "cycle": 1, "due_at": DUE.isoformat(), "decided_at": decided_at.isoformat()}
    return record("ticket.sla", f"sla.{kind}", decided_at, **target)


def replied(time: datetime) -> Record:
    return record("ticket.events", "ticket.agent_replied", time, sequence=2, status="in_progress")


def clocks_of(*records: Record) -> Clocks:
    clocks = Clocks()
    for each in records:
        clocks.take(each)
    return clocks


def test_a_breach_that_was_stated_late_and_is_true_is_no_finding() -> None:
    clocks = clocks_of(sla("target_started", AT), sla("target_breached", at(60)), replied(at(21)))
    assert clocks.early() == []
    assert clocks.missed(at(90)) == []


def test_a_breach_of_what_was_answered_in_time_is_found_unless_it_was_retracted() -> None:
    breached = (sla("target_started", AT), sla("target_breached", at(60)), replied(at(19)))
    assert len(clocks_of(*breached).early()) == 1
    assert clocks_of(*breached, sla("target_breach_retracted", at(61))).early() == []


def test_a_breach_that_was_stated_before_it_was_due_is_found() -> None:
    assert len(clocks_of(sla("target_started", AT), sla("target_breached", at(19))).early()) == 1


def test_a_target_without_a_verdict_is_found_once_due_has_long_passed() -> None:
    clocks = clocks_of(sla("target_started", AT))
    assert clocks.missed(DUE + GRACE) == []
    assert len(clocks.missed(DUE + GRACE + timedelta(seconds=1))) == 1


def test_a_paused_target_owes_no_verdict() -> None:
    clocks = clocks_of(sla("target_started", AT), sla("target_paused", at(5)))
    assert clocks.missed(at(900)) == []


def test_a_snapshot_that_lags_behind_the_events_is_found() -> None:
    snapshot = record("ticket.snapshots", "ticket.snapshot", AT, sequence=1, status="new")
    assert len(clocks_of(replied(at(3)), snapshot).stale_snapshots()) == 1
    current = record("ticket.snapshots", "ticket.snapshot", AT, sequence=2, status="in_progress")
    assert clocks_of(replied(at(3)), snapshot, current).stale_snapshots() == []
