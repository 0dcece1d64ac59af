"""A rolling upgrade and its rollback on a real Kafka: instances of two state versions share a group."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pytest

from services._runtime import metrics
from services._runtime.engine.topology import Topology
from services._runtime.processor.processor import Processor
from tests.integration.kafka_bed import KafkaBed, settings_for, wait_until
from tests.topology.counting import Counted, message
from tests.topology.versions import first, second

pytestmark = pytest.mark.integration

TICKETS = 40


@contextmanager
def running(
    bed: KafkaBed, topology: Topology[Counted], instance: str, writes: Literal["current", "previous"] = "current"
) -> Iterator[Processor[Counted]]:
    settings = settings_for(bed.bootstrap, instance).model_copy(update={"state_writes": writes})
    processor = Processor(topology, settings)
    processor.start()
    try:
        wait_until(lambda: processor.ready, what=f"instance {instance} ready")
        yield processor
    finally:
        processor.request_stop()
        assert processor.join(10)


def one_more_each(bed: KafkaBed, sent: int) -> int:
    """Send one message to every ticket and wait until all that was ever sent is counted."""
    for ticket in range(TICKETS):
        bed.send(f"T-{ticket}", message(f"T-{ticket}"))
    bed.flush()
    bed.wait_for(bed.counting.counts, sent + TICKETS)
    return sent + TICKETS


def outdated_keys(topology: Topology[Counted]) -> float | None:
    labels = {"processor": topology.name, "store": topology.changelog.name.removesuffix(".changelog")}
    return metrics.REGISTRY.get_sample_value("aftercare_processor_state_outdated_keys", labels)


def test_two_versions_share_a_group_upgrade_and_roll_back_without_losing_a_count(local_kafka: str) -> None:
    bed = KafkaBed(local_kafka, "versions")
    old, new = first(bed.counting), second(bed.counting)
    with running(bed, old, "0") as older:
        sent = one_more_each(bed, 0)
        with running(bed, new, "1", "previous"):
            wait_until(lambda: older.ready, what="the older one ready again")
            sent = one_more_each(bed, sent)
        # The newer one's partitions go back to the older one, which reads what that wrote.
        sent = one_more_each(bed, sent)
    with running(bed, new, "1", "current"):
        sent = one_more_each(bed, sent)
    refused = Processor(old, settings_for(bed.bootstrap, "0"))
    refused.start()
    wait_until(lambda: "newer code" in refused.status, what="the older code says why it can't go on")
    refused.request_stop()
    assert refused.join(10)
    with running(bed, new, "1", "previous"):
        wait_until(lambda: outdated_keys(new) == 0, what="all written again as the older version")
    with running(bed, old, "0"):
        sent = one_more_each(bed, sent)
    counts = [(event["subject"], event["data"]["sequence"]) for event in bed.read_all(bed.counting.counts)]
    assert sorted(counts) == sorted((f"T-{ticket}", n + 1) for ticket in range(TICKETS) for n in range(sent // TICKETS))
