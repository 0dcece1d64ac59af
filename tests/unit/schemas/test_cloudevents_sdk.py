"""Our records in the eyes of the CloudEvents SDK: every type's sample, as a Kafka message with our one header."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event

from schemas.catalog import CATALOG
from schemas.envelope import CONTENT_TYPE_HEADER

SAMPLES = Path(__file__).parents[3] / "schemas" / "samples"


@pytest.mark.parametrize("type_name", CATALOG)
def test_the_sdk_reads_every_type(type_name: str) -> None:
    value = (SAMPLES / f"{type_name}.json").read_bytes()
    name, content_type = CONTENT_TYPE_HEADER
    event = from_kafka_event(KafkaMessage(headers={name: content_type}, key=b"T-1", value=value))
    written = json.loads(value)
    attributes = event.get_attributes()
    assert event.get_data() == written["data"]
    assert attributes["time"].isoformat(timespec="microseconds").replace("+00:00", "Z") == _micros(written["time"])
    for attribute in ("specversion", "id", "source", "type", "subject", "dataschema", "tenant", "traceparent"):
        assert attributes.get(attribute) == written.get(attribute)


def _micros(text: str) -> str:
    """An instant with its six digits, which a whole second is written without."""
    return text if "." in text else text.replace("Z", ".000000Z")
