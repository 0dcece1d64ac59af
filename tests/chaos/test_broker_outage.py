"""A broker that dies in the middle of transactions, and comes back."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from deploy.local.kafka import Kafka
from deploy.local.register import Register
from services._runtime.processor.processor import Processor
from tests.integration.kafka_bed import CLOCK, KafkaBed, settings_for, wait_until
from tests.topology.counting import message

pytestmark = [pytest.mark.integration, pytest.mark.chaos]

OUTAGE_SECONDS = 3.0
PACE_SECONDS = 0.004
TICKETS = 50


def test_a_broker_killed_under_load_loses_and_doubles_nothing(stack_register: Register, tmp_path: Path) -> None:
    kafka = Kafka(tmp_path / "kafka", started=stack_register.add)
    kafka.start()
    enough = threading.Event()
    try:
        kafka.wait_ready()
        bed = KafkaBed(kafka.bootstrap, "outage")
        processor = Processor(bed.counting.topology(), settings_for(kafka.bootstrap))
        processor.start()
        wait_until(lambda: processor.ready, what="ready")

        def load() -> None:
            number = 0
            while not enough.wait(PACE_SECONDS):
                bed.send(f"T-{number % TICKETS}", message(f"T-{number % TICKETS}"))
                number += 1

        loading = threading.Thread(target=load, daemon=True)
        loading.start()
        wait_until(lambda: sum(bed.ends(bed.counting.counts).values()) > 100, what="the load is running")
        kafka.kill_node(1)
        killed_at = CLOCK.monotonic_seconds()
        wait_until(lambda: CLOCK.monotonic_seconds() - killed_at > OUTAGE_SECONDS, what="the outage")
        assert processor.live
        kafka.start_node(1)
        kafka.wait_ready()
        written = len(bed.ids(bed.counting.counts))
        wait_until(lambda: len(bed.ids(bed.counting.counts)) > written + 200, 60, "it goes on by itself")
        enough.set()
        loading.join(10)
        bed.flush()
        sent = len(bed.ids(bed.counting.commands))
        ids = [event["id"] for event in bed.wait_for(bed.counting.counts, sent, 60)]
        assert len(ids) == len(set(ids)) == sent
        processor.request_stop()
        assert processor.join(15)
    finally:
        enough.set()
        kafka.stop()
