"""What gateways and views use to reach Kafka and Redis, against the real ones."""

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.local.kafka import Kafka
from deploy.local.register import Register
from schemas.directory import TechnicianDefined
from services._runtime.directory.directory import Directory, record_key
from services._runtime.directory.file import read_directory_file
from services._runtime.directory.load import load_directory
from services._runtime.engine.records import Record
from services._runtime.kafka.follower import Batch, Follower, Positions
from services._runtime.kafka.producer import TIMEOUTS_IN_A_ROW_MAX, EventProducer, Outgoing
from services._runtime.redis_client import RedisClient, tenant_key
from services._runtime.settings import RuntimeSettings
from services._runtime.unavailable import KafkaUnavailable, RedisUnavailable
from tests.integration.kafka_bed import CLOCK
from tests.stack import FOLDER

pytestmark = pytest.mark.integration

PARTITIONS = 4
WAIT_SECONDS = 60.0
DEMO = Path(__file__).parents[2] / "deploy/local/demo/directory.yaml"
NOBODY = "127.0.0.1:1"


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, WAIT_SECONDS))


def make_topic(bootstrap: str, name: str, partitions: int = PARTITIONS) -> str:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    if name not in admin.list_topics(timeout=10).topics:
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(timeout=20)
    return name


@asynccontextmanager
async def producing(bootstrap: str, delivery_timeout_seconds: float = 5.0) -> AsyncIterator[EventProducer]:
    producer = EventProducer(bootstrap, client_id="test", delivery_timeout_seconds=delivery_timeout_seconds)
    try:
        yield producer
    finally:
        await producer.stop()


async def read(follower: Follower, number: int, positions: Positions | None = None) -> list[Record]:
    """The next `number` records."""
    records: list[Record] = []
    async with aclosing(follower.batches(positions or {})) as batches:
        async for batch in batches:
            records += batch.records
            if len(records) >= number:
                break
    return records


def test_what_a_gateway_sent_is_written_where_it_was_told(local_kafka: str) -> None:
    async def scene() -> None:
        topic = make_topic(local_kafka, "gateway.written")
        async with producing(local_kafka) as producer:
            written = await producer.send(topic, "T-1", b"{}")
        (record,) = await read(Follower(local_kafka, [topic], name="test"), 1)
        assert (record.topic, record.partition, record.offset) == written
        assert (record.key, record.value) == (b"T-1", b"{}")

    play(scene())


def test_a_thousand_keys_go_where_the_processors_client_would_put_them(local_kafka: str) -> None:
    async def scene() -> None:
        topic = make_topic(local_kafka, "gateway.partitions", partitions=48)
        keys = [f"T-{number}-客户" for number in range(1_000)]
        theirs: dict[bytes, int] = {}
        librdkafka = Producer({"bootstrap.servers": local_kafka, "partitioner": "murmur2_random"})
        for key in keys:
            librdkafka.produce(
                topic, key=key, on_delivery=lambda _, told: theirs.update({told.key() or b"": told.partition() or 0})
            )
        assert librdkafka.flush(30) == 0
        async with producing(local_kafka) as producer:
            written = await producer.send_all([Outgoing(topic, key, b"{}") for key in keys])
        assert {key.encode(): place.partition for key, place in zip(keys, written, strict=True)} == theirs

    play(scene())


def test_records_of_one_key_stay_in_the_order_they_were_given(local_kafka: str) -> None:
    async def scene() -> None:
        topic = make_topic(local_kafka, "gateway.order")
        async with producing(local_kafka) as producer:
            await producer.send_all([Outgoing(topic, "T-1", str(number).encode() * 200) for number in range(500)])
        records = await read(Follower(local_kafka, [topic], name="test"), 500)
        assert [record.value for record in records] == [str(number).encode() * 200 for number in range(500)]

    play(scene())


def test_a_record_that_is_too_large_is_the_callers_mistake_and_hurts_no_other(local_kafka: str) -> None:
    async def scene() -> None:
        topic = make_topic(local_kafka, "gateway.large")
        async with producing(local_kafka) as producer:
            with pytest.raises(ValueError, match="larger"):
                await producer.send(topic, "T-1", b"x" * 2_000_000)
            assert (await producer.send(topic, "T-1", b"{}")).offset == 0

    play(scene())


def test_without_a_broker_the_caller_hears_it_in_time_and_stopping_does_not_hang() -> None:
    async def scene() -> None:
        began = CLOCK.monotonic_seconds()
        async with producing(NOBODY) as producer:
            outcomes = await asyncio.gather(
                *(producer.send("t", "k", b"{}") for _ in range(50)), return_exceptions=True
            )
        assert {type(outcome) for outcome in outcomes} == {KafkaUnavailable}
        assert CLOCK.monotonic_seconds() - began < 6

    play(scene())


def test_a_topic_that_does_not_exist_is_reported_and_not_made(local_kafka: str) -> None:
    async def scene() -> None:
        async with producing(local_kafka, delivery_timeout_seconds=1.0) as producer:
            with pytest.raises(KafkaUnavailable):
                await producer.send("gateway.missing", "k", b"{}")
        assert "gateway.missing" not in AdminClient({"bootstrap.servers": local_kafka}).list_topics(timeout=10).topics

    play(scene())


def test_a_follower_goes_on_from_the_positions_it_is_given(local_kafka: str) -> None:
    async def scene() -> None:
        topic = make_topic(local_kafka, "follower.positions", partitions=1)
        async with producing(local_kafka) as producer:
            await producer.send_all([Outgoing(topic, "k", str(number).encode()) for number in range(20)])
        records = await read(Follower(local_kafka, [topic], name="test"), 5, {(topic, 0): 15})
        assert [record.offset for record in records] == [15, 16, 17, 18, 19]

    play(scene())


def test_a_follower_never_sees_what_was_aborted_and_still_reaches_the_end(local_kafka: str) -> None:
    async def scene() -> None:
        topic = make_topic(local_kafka, "follower.aborted", partitions=1)
        await asyncio.to_thread(_write_one_aborted_and_one_committed, local_kafka, topic)
        async with aclosing(Follower(local_kafka, [topic], name="test").batches({})) as batches:
            seen: list[Batch] = []
            async for batch in batches:
                seen.append(batch)
                if batch.lag_records == 0:
                    break
        assert [record.value for batch in seen for record in batch.records] == [b"committed"]

    play(scene())


def _write_one_aborted_and_one_committed(bootstrap: str, topic: str) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": "follower-test"})
    producer.init_transactions(20)
    for value, end in ((b"aborted", producer.abort_transaction), (b"committed", producer.commit_transaction)):
        producer.begin_transaction()
        producer.produce(topic, value=value)
        producer.flush(20)
        end(20)


@pytest.fixture
def own_kafka(stack_register: Register) -> Iterator[Kafka]:
    """A Kafka that the test kills and starts again."""
    kafka = Kafka(FOLDER / "clients-kafka", started=stack_register.add)
    try:
        kafka.start()
        kafka.wait_ready()
        yield kafka
    finally:
        kafka.stop()


def test_producer_and_follower_get_over_a_broker_that_was_gone(own_kafka: Kafka) -> None:
    async def scene() -> None:
        bootstrap = own_kafka.bootstrap
        topic = make_topic(bootstrap, "outage", partitions=1)
        follower = Follower(bootstrap, [topic], name="test")
        async with (
            producing(bootstrap, delivery_timeout_seconds=1.5) as producer,
            aclosing(follower.batches({})) as batches,
        ):
            await producer.send(topic, "k", b"before")
            await _until_seen(batches, b"before")

            await asyncio.to_thread(own_kafka.kill_node, 1)
            waited = [await _seconds_until_refused(producer, topic) for _ in range(TIMEOUTS_IN_A_ROW_MAX + 1)]
            assert max(waited) < 2.5
            assert waited[-1] < 1, "once it is known that nobody answers, nobody waits"
            assert (await anext(batches)).records == []

            await asyncio.to_thread(own_kafka.start_node, 1)
            await asyncio.to_thread(own_kafka.wait_ready)
            await _send_until_written(producer, topic, b"after")
            await _until_seen(batches, b"after")

    play(scene())


async def _seconds_until_refused(producer: EventProducer, topic: str) -> float:
    began = CLOCK.monotonic_seconds()
    with pytest.raises(KafkaUnavailable):
        await producer.send(topic, "k", b"meanwhile")
    return CLOCK.monotonic_seconds() - began


async def _send_until_written(producer: EventProducer, topic: str, value: bytes) -> None:
    """Do as a caller would: send it again."""
    for _ in range(5):
        try:
            await producer.send(topic, "k", value)
        except KafkaUnavailable:
            continue
        return
    pytest.fail("not written though the broker is back")


async def _until_seen(batches: AsyncIterator[Batch], value: bytes) -> None:
    async for batch in batches:
        if any(record.value == value for record in batch.records):
            return


def test_the_demo_directory_is_loaded_onto_the_topics(local_kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCARE_SECRET", "s" * 32)
    monkeypatch.setenv("AFTERCARE_KAFKA_BOOTSTRAP", local_kafka)

    async def scene() -> None:
        kinds = ("customers", "technicians", "pools", "calendars", "sla_policies", "templates")
        topics = [make_topic(local_kafka, f"directory.{kind}", partitions=1) for kind in kinds]
        make_topic(local_kafka, "routing.work")
        settings = RuntimeSettings()
        first = await load_directory(DEMO, settings)
        again = await load_directory(DEMO, settings)
        entities = read_directory_file(DEMO).entities
        technicians = [entity for entity in entities if isinstance(entity, TechnicianDefined)]
        assert first - again == len(technicians), "presence is told once for each technician"
        directory = Directory()
        for record in await read(Follower(local_kafka, topics, name="test"), len(entities)):
            key = (record.key or b"").decode()
            if any(key == record_key(entity) for entity in entities):  # other tests write to these topics too
                directory.apply(record.topic, key, record.value)
        assert {each.technician_id for each in directory.all(TechnicianDefined)} >= {
            each.technician_id for each in technicians
        }

    play(scene())


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[RedisClient]:
    client = RedisClient(url)
    try:
        yield client
    finally:
        await client.stop()


def test_a_value_is_put_once_and_the_second_hears_of_the_first(local_redis: str) -> None:
    async def scene() -> None:
        key = tenant_key("acme", "once")
        async with connected(local_redis) as client:
            assert await client.put_if_absent(key, "one", ttl_seconds=60) is None
            assert await client.put_if_absent(key, "two", ttl_seconds=60) == "one"
            assert await client.get(key) == "one"
            assert await client.delete(key) == 1
            assert await client.get(key) is None

    play(scene())


def test_calls_are_counted_in_a_window_that_ends(local_redis: str) -> None:
    async def scene() -> None:
        key = tenant_key("acme", "window")
        async with connected(local_redis) as client:
            assert [await client.count_within(key, window_seconds=50) for _ in range(3)] == [1, 2, 3]
            async with client.commands() as commands:
                assert 0 < await commands.ttl(key) <= 50

    play(scene())


def test_many_callers_at_once_share_a_bounded_number_of_connections(local_redis: str) -> None:
    async def scene() -> None:
        async with connected(local_redis) as client:
            await asyncio.gather(*(client.put(tenant_key("acme", str(n)), "x", ttl_seconds=60) for n in range(1_000)))
            assert await client.get(tenant_key("acme", "999")) == "x"

    play(scene())


def test_a_redis_that_is_not_there_is_reported_in_time() -> None:
    async def scene() -> None:
        began = CLOCK.monotonic_seconds()
        async with connected(f"redis://{NOBODY}/0") as client:
            with pytest.raises(RedisUnavailable):
                await client.get("k")
            assert not await client.answers()
        assert CLOCK.monotonic_seconds() - began < 3

    play(scene())


def test_a_redis_that_takes_connections_and_says_nothing_is_reported_in_time() -> None:
    async def scene() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel takes connections, nobody reads them
            began = CLOCK.monotonic_seconds()
            async with connected(f"redis://127.0.0.1:{silent.getsockname()[1]}/0") as client:
                with pytest.raises(RedisUnavailable):
                    await client.get("k")
            assert CLOCK.monotonic_seconds() - began < 3

    play(scene())


def test_a_wrong_command_is_our_mistake_and_not_an_outage(local_redis: str) -> None:
    async def scene() -> None:
        async with connected(local_redis) as client:
            await client.put(tenant_key("acme", "text"), "x", ttl_seconds=60)
            with pytest.raises(Exception, match="WRONGTYPE"):
                async with client.commands() as commands:
                    await commands.hget(tenant_key("acme", "text"), "field")

    play(scene())
