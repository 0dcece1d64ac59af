"""Notes kept in the cluster about how each topic was made; one compacted topic, a record for each topic's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from services._runtime.kafka.clients import CLIENT_LOG, operator_config, reader_config
from services._runtime.kafka.topic_plan import Note
from services._runtime.settings import KafkaSettings

READ_SECONDS: Final = 10.0
WRITE_SECONDS: Final = 30.0
RECORDS_MAX: Final = 100_000
"""Bound on one reading; compaction keeps the topic near a record for each topic."""

_decode: Final = msgspec.json.Decoder(Note).decode


def read_notes(settings: KafkaSettings, topic: str, client_id: str) -> dict[str, Note]:
    """The newest note of each topic, by its name.

    Raises:
        KafkaException: the brokers did not answer in time, or the topic could not be read to its end.
    """
    notes: dict[str, Note] = {}
    consumer = Consumer(reader_config(settings, client_id), logger=CLIENT_LOG)
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        for _ in range(RECORDS_MAX):
            message = consumer.poll(READ_SECONDS)
            error = message.error() if message is not None else KafkaError(KafkaError._TIMED_OUT)  # noqa: SLF001
            if error is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - it has no other name
                return notes
            if message is None or error is not None:
                raise KafkaException(error)
            notes[(message.key() or b"").decode()] = _decode(message.value() or b"")
    finally:
        consumer.close()
    raise KafkaException(KafkaError(KafkaError._FAIL, f"{topic} holds more than {RECORDS_MAX} records"))  # noqa: SLF001


def write_notes(settings: KafkaSettings, topic: str, notes: Mapping[str, Note], client_id: str) -> None:
    """Write the given notes.

    Raises:
        KafkaException: not all were acknowledged in time; write them again.
    """
    failures: list[KafkaError] = []
    producer = Producer(operator_config(settings, client_id), logger=CLIENT_LOG)
    for name, note in notes.items():
        producer.produce(
            topic,
            key=name,
            value=msgspec.json.encode(note),
            on_delivery=lambda error, _: failures.append(error) if error is not None else None,
        )
    if producer.flush(WRITE_SECONDS):
        failures.append(KafkaError(KafkaError._TIMED_OUT, f"{topic} did not acknowledge"))  # noqa: SLF001
    if failures:
        raise KafkaException(failures[0])
