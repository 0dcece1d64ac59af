"""The writer on a real Kafka: what becomes of one whose id was taken over."""

from __future__ import annotations

import os
import time
import warnings

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from services._runtime.engine.records import Output
from services._runtime.kafka.clients import consumer_config, producer_config
from services._runtime.processor.transaction import TransactionAborted, Writer, WriterLost
from tests.integration.kafka_bed import CLOCK, KafkaBed, settings_for

pytestmark = pytest.mark.integration

WRITES_MAX = 400


def nobody() -> bool:
    """No broker is away."""
    return False


def write_until_refused(writer: Writer, output: Output) -> None:
    """Write on, for a bounded time, until the client has heard what the broker said of an earlier record."""
    for _ in range(WRITES_MAX):
        writer.write([output])
        time.sleep(0.05)


def test_a_writer_whose_id_was_taken_over_commits_nothing_and_closes_without_an_error(local_kafka: str) -> None:
    bed = KafkaBed(local_kafka, "fenced")
    settings = settings_for(bed.bootstrap)
    config = producer_config(settings, bed.counting.name)
    consumer = Consumer(consumer_config(settings, bed.counting.name, "test"))
    fenced, successor = (Writer(config, CLOCK, nobody) for _ in range(2))
    try:
        fenced.start()
        fenced.begin([], consumer.consumer_group_metadata())
        fenced.write([Output(bed.counting.counts.name, b"{}", b"T-1")])
        successor.start()
        with pytest.raises(WriterLost):
            fenced.commit([])
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # it may not abort any more, and says so
            fenced.close()
        successor.close()
        consumer.close()
    assert bed.ids(bed.counting.counts) == []


def test_a_record_that_the_broker_refuses_is_to_blame_though_more_was_written_since(local_kafka: str) -> None:
    bed = KafkaBed(local_kafka, "refused")
    small = f"{bed.prefix}.small"
    admin = AdminClient({"bootstrap.servers": local_kafka})
    admin.create_topics([NewTopic(small, 1, 1, config={"max.message.bytes": "10000"})])[small].result(20)
    settings = settings_for(local_kafka)
    consumer = Consumer(consumer_config(settings, bed.counting.name, "test"))
    writer = Writer(producer_config(settings, bed.counting.name), CLOCK, nobody)
    try:
        writer.start()
        writer.begin([TopicPartition(bed.counting.commands.name, 0, 0)], consumer.consumer_group_metadata())
        writer.write([Output(small, os.urandom(50_000), b"T-1")])
        with pytest.raises(TransactionAborted) as aborted:
            write_until_refused(writer, Output(bed.counting.counts.name, b"{}", b"T-2"))
        assert aborted.value.record_fault
        writer.abort()
    finally:
        writer.close()
        consumer.close()
    assert bed.ids(bed.counting.counts) == []
