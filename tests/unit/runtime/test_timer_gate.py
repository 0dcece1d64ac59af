"""When a partition's due timers may fire, by what the brokers answered, or did not."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from services._runtime.processor.timer_gate import RETRY_AFTER, TimerGate

AT = datetime(2026, 1, 7, 8, 0, tzinfo=UTC)
PLACE = ("commands", 3)


class Brokers:
    """An admin client whose answers are given by hand."""

    def __init__(self) -> None:
        self.asked: list[dict[Any, Future[Any]]] = []
        self.looked_up: list[str] = []

    def list_topics(self, topic: str, **_: Any) -> None:
        self.looked_up.append(topic)

    def list_offsets(self, wanted: dict[Any, Any], **_: Any) -> dict[Any, Future[Any]]:
        futures: dict[Any, Future[Any]] = {place: Future() for place in wanted}
        self.asked.append(futures)
        return futures

    def answer(self, end: int) -> None:
        for future in self.asked[-1].values():
            future.set_result(SimpleNamespace(offset=end))


def gate_on(brokers: Brokers) -> TimerGate:
    return TimerGate(brokers, ("commands",))  # type: ignore[arg-type]


def test_a_partition_may_fire_up_to_when_the_end_was_asked_for_once_it_has_read_to_it() -> None:
    brokers = Brokers()
    gate = gate_on(brokers)
    gate.ask([3], AT)
    brokers.answer(10)
    gate.collect(AT)
    assert gate.open_until(3, {PLACE: 9}) is None
    assert gate.open_until(3, {PLACE: 10}) == AT


def test_while_an_answer_is_outstanding_nobody_is_asked_again() -> None:
    brokers = Brokers()
    gate = gate_on(brokers)
    gate.ask([3], AT)
    gate.collect(AT + timedelta(seconds=1))
    gate.ask([3], AT + timedelta(seconds=1))
    assert len(brokers.asked) == 1


def refused(brokers: Brokers, gate: TimerGate) -> None:
    gate.ask([3], AT)
    for future in brokers.asked[-1].values():
        future.set_exception(KafkaException(KafkaError(KafkaError.FENCED_LEADER_EPOCH)))
    gate.collect(AT)


def test_after_a_refusal_the_client_learns_anew_who_leads_before_it_asks_again() -> None:
    brokers = Brokers()
    gate = gate_on(brokers)
    refused(brokers, gate)
    later = AT + 2 * RETRY_AFTER
    gate.ask([3], later)
    assert brokers.looked_up == ["commands"]
    brokers.answer(10)
    gate.collect(later)
    assert gate.open_until(3, {PLACE: 10}) == later


def test_after_a_refusal_nobody_is_asked_again_at_once() -> None:
    brokers = Brokers()
    gate = gate_on(brokers)
    refused(brokers, gate)
    gate.ask([3], AT + RETRY_AFTER / 2)
    assert len(brokers.asked) == 1


def test_a_clock_that_was_set_back_does_not_prolong_the_wait() -> None:
    brokers = Brokers()
    gate = gate_on(brokers)
    refused(brokers, gate)
    gate.ask([3], AT - timedelta(hours=1))
    assert len(brokers.asked) == 2
