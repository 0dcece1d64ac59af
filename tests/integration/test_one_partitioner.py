"""A key is on the same partition whoever writes it: librdkafka, aiokafka and our own function, on a real Kafka."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pydantic import SecretStr

from schemas.ids import ticket_id
from schemas.partition import partition_of
from services._runtime.kafka.clients import operator_config, producer_config
from services._runtime.settings import KafkaSettings, RuntimeSettings

pytestmark = pytest.mark.integration

TOPIC = "one-partitioner"
PARTITIONS = 48
KEYS = [ticket_id("acme", "api", str(number)).encode() for number in range(700)] + [
    f"东区-{number}"[: 1 + number % 7].encode() + str(number).encode() for number in range(300)
]
SECONDS = 30.0


@pytest.fixture(scope="module")
def topic(local_kafka: str) -> str:
    admin = AdminClient({"bootstrap.servers": local_kafka})
    admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(SECONDS)
    return TOPIC


@pytest.fixture(scope="module")
def expected() -> dict[bytes, int]:
    return {key: partition_of(key, PARTITIONS) for key in KEYS}


def test_librdkafka_as_we_set_it_up_agrees_on_a_thousand_keys(
    local_kafka: str, topic: str, expected: dict[bytes, int]
) -> None:
    placed: dict[bytes, int] = {}
    settings = KafkaSettings(kafka_bootstrap=local_kafka)
    producer = Producer(operator_config(settings, "one-partitioner"))

    def delivered(error: object, message: Message) -> None:
        assert error is None
        placed[message.key() or b""] = message.partition() or 0

    for key in KEYS:
        producer.produce(topic, key=key, value=b"", on_delivery=delivered)
    assert producer.flush(SECONDS) == 0
    assert placed == expected


def test_aiokafka_agrees_on_a_thousand_keys(local_kafka: str, topic: str, expected: dict[bytes, int]) -> None:
    async def send_all() -> dict[bytes, int]:
        producer = AIOKafkaProducer(bootstrap_servers=local_kafka)
        await producer.start()
        try:
            sent = [await producer.send(topic, key=key, value=b"") for key in KEYS]
            done = await asyncio.wait_for(asyncio.gather(*sent), SECONDS)
        finally:
            await producer.stop()
        return {key: metadata.partition for key, metadata in zip(KEYS, done, strict=True)}

    assert asyncio.run(send_all()) == expected


def test_every_producer_of_the_runtime_names_that_partitioner() -> None:
    settings = RuntimeSettings(secret=SecretStr("x" * 32))
    configured = [producer_config(settings, "x"), operator_config(settings, "x")]
    assert [each["partitioner"] for each in configured] == ["murmur2_random"] * 2
