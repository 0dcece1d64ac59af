"""The processor on a real Kafka."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from schemas.dead_letters import Reason, Resolution
from schemas.topics import DEAD_LETTERS, RETRIES
from services._runtime.processor import redrive
from services._runtime.processor.processor import Processor
from tests.integration.kafka_bed import CLOCK, KafkaBed, settings_for, wait_until
from tests.topology.counting import HUGE, POISON, Counted, message

pytestmark = pytest.mark.integration


@pytest.fixture
def bed(local_kafka: str) -> KafkaBed:
    return KafkaBed(local_kafka, "processor")


@contextmanager
def running(bed: KafkaBed, instance: str = "0") -> Iterator[Processor[Counted]]:
    processor = Processor(bed.counting.topology(), settings_for(bed.bootstrap, instance))
    processor.start()
    try:
        wait_until(lambda: processor.ready, what="ready")
        yield processor
    finally:
        processor.request_stop()
        assert processor.join(10)


def test_each_event_has_one_output_and_sequences_run_without_holes(bed: KafkaBed) -> None:
    with running(bed):
        for number in range(2_000):
            bed.send(f"T-{number % 50}", message(f"T-{number % 50}"))
        bed.flush()
        events = bed.wait_for(bed.counting.counts, 2_000)
    assert len(events) == 2_000
    assert Counter(event["id"] for event in events).most_common(1)[0][1] == 1
    for ticket in range(50):
        sequences = [event["data"]["sequence"] for event in events if event["subject"] == f"T-{ticket}"]
        assert sequences == list(range(1, 41))


def test_a_restarted_processor_goes_on_where_the_last_one_stopped(bed: KafkaBed) -> None:
    for _ in range(3):
        with running(bed):
            for number in range(300):
                bed.send(f"T-{number % 10}", message(f"T-{number % 10}"))
            bed.flush()
            time_limit = CLOCK.monotonic_seconds() + 20
            while CLOCK.monotonic_seconds() < time_limit and len(bed.ids(bed.counting.counts)) % 300:
                time.sleep(0.1)
    ids = bed.ids(bed.counting.counts)
    assert sorted(ids) == sorted(f"T-{ticket}:{count}" for ticket in range(10) for count in range(1, 91))


def test_a_second_instance_takes_over_half_and_gives_it_back(bed: KafkaBed) -> None:
    with running(bed, "0") as first:
        bed.send("T-1", message("T-1"))
        with running(bed, "1") as second:
            wait_until(lambda: first.ready and second.ready, what="both ready")
            for number in range(1_000):
                bed.send(f"T-{number % 40}", message(f"T-{number % 40}"))
            bed.flush()
            bed.wait_for(bed.counting.counts, 1_001)
        wait_until(lambda: first.ready and first.status.endswith("[0, 1, 2, 3]"), what="all partitions back")
        for number in range(1_000):
            bed.send(f"T-{number % 40}", message(f"T-{number % 40}"))
        bed.flush()
        bed.wait_for(bed.counting.counts, 2_001)
    ids = bed.ids(bed.counting.counts)
    assert len(ids) == len(set(ids)) == 2_001


def test_a_poison_record_is_set_aside_and_its_partition_goes_on(bed: KafkaBed) -> None:
    with running(bed):
        bed.send_bytes("T-bad", b"\xff not json")
        bed.send("T-poison", message("T-poison", POISON))
        bed.send("T-huge", message("T-huge", HUGE))
        for ticket in range(20):
            bed.send(f"T-{ticket}", message(f"T-{ticket}"))
        bed.flush()
        assert len(bed.wait_for(bed.counting.counts, 20)) == 20
        letters = bed.wait_for(bed.counting.dead_letters, 3)
    reasons = {letter["data"]["key"]: letter["data"]["reason"] for letter in letters}
    assert reasons == {"T-bad": "undecodable", "T-poison": "undecidable", "T-huge": "output_too_large"}


def test_a_timer_fires_soon_after_it_is_due_and_once(local_kafka: str) -> None:
    bed = KafkaBed(local_kafka, "timers", remind_seconds=1.0)
    with running(bed):
        for ticket in range(100):
            bed.send(f"T-{ticket}", message(f"T-{ticket}"))
        bed.flush()
        reminders = bed.wait_for(bed.counting.reminders, 100)
    ids = [reminder["id"] for reminder in reminders]
    assert sorted(ids) == sorted(f"T-{ticket}:remind:1" for ticket in range(100))


def test_timers_that_were_missed_wait_until_the_backlog_is_read(local_kafka: str) -> None:
    bed = KafkaBed(local_kafka, "backlog", remind_seconds=60.0)
    long_ago = CLOCK.now() - timedelta(seconds=61)
    with running(bed):
        for ticket in range(20):
            bed.send(f"T-{ticket}", message(f"T-{ticket}"), occurred_at=CLOCK.now() - timedelta(seconds=57))
        bed.flush()
        bed.wait_for(bed.counting.counts, 20)
    for number in range(5_000):
        bed.send(f"T-noise-{number % 100}", message("noise"))
    for ticket in range(20):
        bed.send(f"T-{ticket}", message(f"T-{ticket}"))
    bed.flush()
    wait_until(lambda: CLOCK.now() - long_ago > timedelta(seconds=66), what="the first timers are overdue")
    with running(bed) as processor:
        bed.wait_for(bed.counting.counts, 5_040)
        wait_until(lambda: "running" in processor.status, what="still running")
    assert bed.ids(bed.counting.reminders) == []


def test_a_missing_topic_is_named_and_nothing_hangs(local_kafka: str) -> None:
    bed = KafkaBed(local_kafka, "missing")
    bed.counting = type(bed.counting)(
        bed.counting.name,
        bed.counting.commands,
        bed.counting.counts,
        bed.counting.reminders,
        type(bed.counting.changelog)("nowhere.changelog", "k", "w", "h"),
        bed.counting.dead_letters,
    )
    processor = Processor(bed.counting.topology(), settings_for(local_kafka))
    processor.start()
    try:
        wait_until(lambda: "topics apply" in processor.status, what="the status names the missing topic")
        assert processor.live
        assert not processor.ready
    finally:
        processor.request_stop()
        assert processor.join(10)


def test_dead_letters_are_listed_redriven_in_order_and_free_their_key(
    bed: KafkaBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bed.counting.retries is not None
    monkeypatch.setitem(DEAD_LETTERS, "intake", bed.counting.dead_letters)
    monkeypatch.setitem(RETRIES, bed.counting.name, bed.counting.retries)
    settings = settings_for(bed.bootstrap)
    with running(bed):
        bed.send("T-1", message("T-1", POISON))
        bed.send("T-1", message("T-1", "second"))
        bed.send("T-1", message("T-1", "third"))
        bed.flush()
        bed.wait_for(bed.counting.dead_letters, 3)
        poison, *parked = redrive.open_letters(settings, "intake", CLOCK, "T-1")
        assert [letter.data.reason for letter in (poison, *parked)] == [
            Reason.UNDECIDABLE,
            Reason.PARKED,
            Reason.PARKED,
        ]
        assert redrive.resolve(settings, "intake", [poison], CLOCK, Resolution.DISCARDED) == 1
        assert redrive.resolve(settings, "intake", parked, CLOCK, Resolution.REDRIVEN) == 2
        bed.wait_for(bed.counting.counts, 2)
        bed.send("T-1", message("T-1", "fourth"))
        bed.flush()
        events = bed.wait_for(bed.counting.counts, 3)
    assert [event["data"]["sequence"] for event in events] == [1, 2, 3]
    assert redrive.open_letters(settings, "intake", CLOCK) == []


def test_nothing_is_decided_before_it_may_begin(bed: KafkaBed) -> None:
    allowed = threading.Event()
    processor = Processor(bed.counting.topology(), settings_for(bed.bootstrap), may_begin=allowed.is_set)
    bed.send("T-1", message("T-1"))
    bed.flush()
    processor.start()
    try:
        wait_until(lambda: processor.status == "waits for the directory", what="it waits")
        assert processor.live
        assert not processor.ready
        allowed.set()
        assert len(bed.wait_for(bed.counting.counts, 1)) == 1
    finally:
        processor.request_stop()
        assert processor.join(10)
