"""The processor's promises under faults, on a real Kafka, counted by a reader that shares no code with it."""

from __future__ import annotations

import signal
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from confluent_kafka import KafkaError

from services._runtime import metrics
from services._runtime.processor.processor import Processor
from services._runtime.processor.session import OUTAGE_ATTEMPTS_MAX
from services._runtime.processor.transaction import TransactionAborted, Writer, WriterLost
from tests.chaos.workers import Worker
from tests.integration.kafka_bed import CLOCK, KafkaBed, settings_for, wait_until
from tests.topology.counting import Counted, message

pytestmark = [pytest.mark.integration, pytest.mark.chaos]

PAST_THE_SESSION_SECONDS = 8.0
Commit = Callable[[], dict[int, int]]
Fault = Callable[[Commit], dict[int, int]]
TICKETS = 50
PORTION = 50


@contextmanager
def workers(bed: KafkaBed, number: int) -> Iterator[list[Worker]]:
    with ExitStack() as stack:
        started = [
            Worker("counting", bed.bootstrap, str(instance), bed.prefix, bed.remind_seconds)
            for instance in range(number)
        ]
        for each in started:
            stack.callback(each.end)
        wait_until(
            lambda: sum(len(each.partitions) for each in started) == bed.partitions, what="all partitions running"
        )
        yield started


def load(bed: KafkaBed, messages: int) -> None:
    for number in range(messages):
        ticket = f"T-{number % TICKETS}"
        bed.send(ticket, message(ticket))
    bed.flush()


def assert_exactly_once(bed: KafkaBed, messages: int) -> None:
    """Every message is one count, no id twice, the sequence of each ticket whole and in order."""
    events = bed.wait_for(bed.counting.counts, messages, seconds=60)
    sequences: defaultdict[str, list[int]] = defaultdict(list)
    for event in events:
        sequences[event["subject"]].append(event["data"]["sequence"])
    expected = list(range(1, messages // TICKETS + 1))
    assert {ticket: each for ticket, each in sequences.items() if each != expected} == {}
    assert len(events) == messages


def test_after_kill_9_in_the_middle_of_a_load_every_event_counts_once(local_kafka: str) -> None:
    bed = KafkaBed(local_kafka, "kill")
    with workers(bed, 2) as (first, second):
        load(bed, 10_000)
        first.signal(signal.SIGKILL)
        load(bed, 10_000)
        wait_until(lambda: len(second.partitions) == bed.partitions, what="the other one owns everything")
        assert_exactly_once(bed, 20_000)


def test_a_worker_stopped_past_its_session_and_woken_commits_nothing(local_kafka: str) -> None:
    bed = KafkaBed(local_kafka, "zombie", remind_seconds=4.0)
    with workers(bed, 2) as (first, second):
        load(bed, 2_000)
        stopped_at = CLOCK.monotonic_seconds()
        first.signal(signal.SIGSTOP)
        load(bed, 2_000)
        wait_until(lambda: len(second.partitions) == bed.partitions, what="the other one owns everything")
        wait_until(
            lambda: CLOCK.monotonic_seconds() - stopped_at > PAST_THE_SESSION_SECONDS, what="the session is over"
        )
        first.signal(signal.SIGCONT)
        load(bed, 2_000)
        wait_until(lambda: len(first.partitions + second.partitions) == bed.partitions, what="settled again")
        assert_exactly_once(bed, 6_000)
        last = {f"T-{ticket}:remind:120" for ticket in range(TICKETS)}
        wait_until(lambda: last <= set(bed.ids(bed.counting.reminders)), what="the last reminders")
    reminders = bed.ids(bed.counting.reminders)
    assert len(reminders) == len(set(reminders))


def test_a_worker_that_is_asked_to_stop_leaves_at_once_and_cleanly(local_kafka: str) -> None:
    bed = KafkaBed(local_kafka, "term")
    with workers(bed, 2) as (first, second):
        load(bed, 5_000)
        asked_at = CLOCK.monotonic_seconds()
        first.signal(signal.SIGTERM)
        wait_until(lambda: len(second.partitions) == bed.partitions, what="the other one owns everything")
        # Far below the session timeout: the partitions moved because it left, not because it was missed.
        assert CLOCK.monotonic_seconds() - asked_at < 6
        assert first.process.wait(10) == 0
        load(bed, 5_000)
        assert_exactly_once(bed, 10_000)


@contextmanager
def faulty_processor(bed: KafkaBed, monkeypatch: pytest.MonkeyPatch, fault: Fault) -> Iterator[Processor[Counted]]:
    """A processor whose every third commit meets `fault(commit, call)`, at most five times."""
    commit = Writer.commit
    calls = 0

    def meddled(writer: Writer, *arguments: Any) -> dict[int, int]:
        nonlocal calls
        calls += 1
        if calls % 3 == 0 and calls <= 15:
            return fault(lambda: commit(writer, *arguments))
        return commit(writer, *arguments)

    monkeypatch.setattr(Writer, "commit", meddled)
    processor = Processor(bed.counting.topology(), settings_for(bed.bootstrap))
    processor.start()
    try:
        yield processor
        assert calls > 3, "the fault was never met"
    finally:
        processor.request_stop()
        assert processor.join(10)


def paced_load(bed: KafkaBed, messages: int) -> None:
    """Send in small portions so that many transactions are made."""
    for number in range(messages):
        bed.send(f"T-{number % TICKETS}", message(f"T-{number % TICKETS}"))
        if number % PORTION == PORTION - 1:
            bed.flush()
            bed.wait_for(bed.counting.counts, number + 1)


def test_a_commit_whose_answer_was_lost_is_neither_lost_nor_repeated(
    local_kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed = KafkaBed(local_kafka, "unknown")

    def answer_lost(commit: Commit) -> dict[int, int]:
        commit()
        raise WriterLost("the answer was lost")

    with faulty_processor(bed, monkeypatch, answer_lost):
        paced_load(bed, 600)
        assert_exactly_once(bed, 600)


def test_a_writer_lost_before_the_commit_repeats_the_records(local_kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bed = KafkaBed(local_kafka, "lost")

    def lost_before(commit: Commit) -> dict[int, int]:
        del commit
        raise WriterLost("gone")

    with faulty_processor(bed, monkeypatch, lost_before):
        paced_load(bed, 600)
        assert_exactly_once(bed, 600)


def test_an_aborted_transaction_is_decided_again_from_the_same_state(
    local_kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed = KafkaBed(local_kafka, "abort")

    class Aborted(TransactionAborted):
        def __init__(self) -> None:
            Exception.__init__(self, "aborted by the test")
            self.kind = "test"
            self.record_fault = False

    def aborted(commit: Commit) -> dict[int, int]:
        del commit
        raise Aborted

    with faulty_processor(bed, monkeypatch, aborted):
        paced_load(bed, 600)
        assert_exactly_once(bed, 600)


def test_a_coordinator_that_is_away_for_a_while_costs_no_membership(
    local_kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed = KafkaBed(local_kafka, "outage")
    commit = Writer.commit
    calls = 0

    def away(writer: Writer, *arguments: Any) -> dict[int, int]:
        nonlocal calls
        calls += 1
        if 3 <= calls < 3 + OUTAGE_ATTEMPTS_MAX - 1:
            raise TransactionAborted(KafkaError(KafkaError._TIMED_OUT), outage=True)
        return commit(writer, *arguments)

    monkeypatch.setattr(Writer, "commit", away)
    processor = Processor(bed.counting.topology(), settings_for(bed.bootstrap))
    processor.start()
    try:
        paced_load(bed, 600)
        assert_exactly_once(bed, 600)
    finally:
        processor.request_stop()
        assert processor.join(10)
    assert calls > OUTAGE_ATTEMPTS_MAX
    assert metrics.PROCESSOR_REBALANCES.labels(bed.counting.name)._value.get() == 1
