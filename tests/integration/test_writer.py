"""The writer on a real Kafka: what becomes of one whose id was taken over."""

from __future__ import annotations

import warnings

import pytest
from confluent_kafka import Consumer

from services._runtime.engine.records import Output
from services._runtime.kafka.clients import consumer_config, producer_config
from services._runtime.processor.transaction import Writer, WriterLost
from tests.integration.kafka_bed import CLOCK, KafkaBed, settings_for

pytestmark = pytest.mark.integration


def test_a_writer_whose_id_was_taken_over_commits_nothing_and_closes_without_an_error(local_kafka: str) -> None:
    bed = KafkaBed(local_kafka, "fenced")
    settings = settings_for(bed.bootstrap)
    config = producer_config(settings, bed.counting.name)
    consumer = Consumer(consumer_config(settings, bed.counting.name, "test"))
    fenced, successor = Writer(config, CLOCK), Writer(config, CLOCK)
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
