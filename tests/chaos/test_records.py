"""The independent reader: what it can't read past is told apart from what is not there."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from tests.chaos.records import TopicReader
from tests.integration.kafka_bed import KafkaBed

pytestmark = [pytest.mark.integration, pytest.mark.chaos]

SECONDS = 20.0


def test_behind_an_open_transaction_a_partition_is_held_up_and_its_records_lie_in_the_log(local_kafka: str) -> None:
    bed = KafkaBed(local_kafka, "held", partitions=1)
    topic = bed.counting.counts.name
    producer = Producer({"bootstrap.servers": local_kafka, "transactional.id": topic})
    producer.init_transactions(SECONDS)
    committed = TopicReader(local_kafka, (topic,), 1)
    everything = TopicReader(local_kafka, (topic,), 1, committed=False)
    try:
        producer.begin_transaction()
        producer.produce(topic, b'{"id": "T:1"}')
        assert producer.flush(SECONDS) == 0
        assert not committed.read_to_end(1.0)
        assert committed.held_up() == [f"{topic}/0 is read to 0 of 1"]
        assert everything.read_to_end(SECONDS)
        assert [record.event["id"] for record in everything.records[topic]] == ["T:1"]
        producer.commit_transaction(SECONDS)
        assert committed.read_to_end(SECONDS)
        assert committed.held_up() == []
        assert len(committed.records[topic]) == 1
    finally:
        committed.close()
        everything.close()
