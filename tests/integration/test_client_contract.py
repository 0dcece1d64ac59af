"""What the processor relies on in Kafka's clients: the same cases on the simulation's clients and on a real Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, Final, Protocol, TypeVar

import pytest
from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from services._runtime.kafka.clients import consumer_config, producer_config, reader_config
from tests.integration.kafka_bed import CLOCK, settings_for
from tests.simulation.broker.admin import SimulatedAdmin
from tests.simulation.broker.cluster import Cluster
from tests.simulation.broker.consumer import SimulatedConsumer
from tests.simulation.broker.producer import SimulatedProducer
from tests.simulation.broker.timeline import Timeline
from tests.simulation.world import START

SECONDS: Final = 20.0
SHORT_SECONDS: Final = 1.0
_numbers: Final = count(1)


class Clients(Protocol):
    """Where the clients come from. `topic` has one partition and is this test's alone, as `name` is."""

    topic: str
    name: str
    admin: Any

    def producer(self, writer: str) -> Any:
        """Return a transactional producer that has taken its id over."""

    def reader(self) -> Any:
        """Return a read_committed consumer of the topic from its beginning, without a group."""

    def member(self) -> Any:
        """Return a consumer to subscribe with."""

    def pass_time(self) -> None:
        """Let what is under way between brokers arrive."""


class RealClients:
    def __init__(self, bootstrap: str) -> None:
        self.name = f"contract-{next(_numbers)}"
        self.topic = f"{self.name}.records"
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        for future in self.admin.create_topics([NewTopic(self.topic, 1, 1)], request_timeout=20).values():
            future.result()
        self._settings = settings_for(bootstrap)

    def producer(self, writer: str) -> Producer:
        return _begun(Producer(producer_config(self._settings, f"{self.name}-{writer}")))

    def reader(self) -> Consumer:
        consumer = Consumer(reader_config(self._settings, self.name))
        consumer.assign([TopicPartition(self.topic, 0, 0)])
        return consumer

    def member(self) -> Consumer:
        return Consumer(consumer_config(self._settings, self.name, self.name))

    def pass_time(self) -> None:
        return


class SimulatedClients:
    def __init__(self) -> None:
        self.name = "contract"
        self.topic = "contract.records"
        self._time = Timeline(1, START)
        self._cluster = Cluster(self._time, [self.topic], 1)
        self.admin = SimulatedAdmin(self._cluster)
        self._settings = settings_for("simulated")

    def producer(self, writer: str) -> SimulatedProducer:
        return _begun(SimulatedProducer(self._cluster, producer_config(self._settings, f"{self.name}-{writer}")))

    def reader(self) -> SimulatedConsumer:
        consumer = SimulatedConsumer(self._cluster, reader_config(self._settings, self.name))
        consumer.assign([TopicPartition(self.topic, 0, 0)])
        return consumer

    def member(self) -> SimulatedConsumer:
        return SimulatedConsumer(self._cluster, consumer_config(self._settings, self.name, self.name))

    def pass_time(self) -> None:
        self._time.wait(5, lambda: False)


@pytest.fixture(params=["simulated", pytest.param("real", marks=pytest.mark.integration)])
def clients(request: pytest.FixtureRequest) -> Iterator[Clients]:
    if request.param == "simulated":
        yield SimulatedClients()
    else:
        yield RealClients(request.getfixturevalue("local_kafka"))


P = TypeVar("P", Producer, SimulatedProducer)


def _begun(producer: P) -> P:
    producer.init_transactions(SECONDS)
    producer.begin_transaction()
    return producer


def write(clients: Clients, producer: Any, value: bytes) -> list[int]:
    """Produce a record, wait until the brokers have it, and return its offset in a list."""
    offsets: list[int] = []
    producer.produce(
        clients.topic,
        key=b"k",
        value=value,
        partition=0,
        on_delivery=lambda _, message: offsets.append(message.offset()),
    )
    assert producer.flush(SECONDS) == 0
    return offsets


def read(clients: Clients, reader: Any, end: int | None = None) -> tuple[list[bytes], int]:
    """Read until the partition's end is told, at `end` if given; return the values and where the end was told."""
    values: list[bytes] = []
    deadline = CLOCK.monotonic_seconds() + SECONDS
    while CLOCK.monotonic_seconds() < deadline:
        clients.pass_time()
        for message in reader.consume(100, 0.2):
            if message.error() is None:
                values.append(message.value())
            elif end is None or message.offset() == end:
                return values, message.offset()
    raise AssertionError(f"the end was not told at {end}; read {values}")


def end_of(clients: Clients, isolation: IsolationLevel) -> int:
    place = TopicPartition(clients.topic, 0)
    answers = clients.admin.list_offsets(
        {place: OffsetSpec.latest()}, isolation_level=isolation, request_timeout=SECONDS
    )
    return int(answers[place].result(timeout=SECONDS).offset)


def joined(clients: Clients) -> Any:
    """Return a member of the group that has been assigned the partition."""
    member = clients.member()
    assigned: list[Any] = []
    member.subscribe(
        [clients.topic], on_assign=lambda _, places: assigned.append(places), on_revoke=_ignore, on_lost=_ignore
    )
    deadline = CLOCK.monotonic_seconds() + SECONDS
    while not assigned and CLOCK.monotonic_seconds() < deadline:
        member.consume(1, 0.1)
    assert assigned
    return member


def _ignore(*_: Any) -> None:
    return


def test_an_open_transaction_hides_itself_and_all_that_follows(clients: Clients) -> None:
    still_open, later = clients.producer("a"), clients.producer("b")
    write(clients, still_open, b"open")
    write(clients, later, b"later")
    later.commit_transaction(SECONDS)
    reader = clients.reader()
    assert read(clients, reader) == ([], 0)
    assert end_of(clients, IsolationLevel.READ_COMMITTED) == 0
    assert end_of(clients, IsolationLevel.READ_UNCOMMITTED) >= 2
    still_open.commit_transaction(SECONDS)
    assert read(clients, reader, end=4) == ([b"open", b"later"], 4)
    reader.close()


def test_an_aborted_record_is_never_read_and_the_end_lies_behind_it(clients: Clients) -> None:
    producer = clients.producer("a")
    write(clients, producer, b"aborted")
    producer.abort_transaction(SECONDS)
    reader = clients.reader()
    assert read(clients, reader, end=2) == ([], 2)
    reader.close()


def test_a_delivery_report_tells_the_offset(clients: Clients) -> None:
    producer = clients.producer("a")
    assert write(clients, producer, b"first") + write(clients, producer, b"second") == [0, 1]
    producer.commit_transaction(SECONDS)


def test_who_takes_an_id_over_ends_what_the_last_one_left_open_and_fences_it(clients: Clients) -> None:
    first = clients.producer("a")
    write(clients, first, b"left open")
    second = clients.producer("a")
    write(clients, second, b"kept")
    second.commit_transaction(SECONDS)
    with pytest.raises(KafkaException) as caught:
        first.commit_transaction(SECONDS)
    assert caught.value.args[0].fatal()
    reader = clients.reader()
    assert read(clients, reader, end=4) == ([b"kept"], 4)
    reader.close()


def test_closing_a_producer_ends_its_transaction(clients: Clients) -> None:
    producer = clients.producer("a")
    write(clients, producer, b"left open")
    producer.close()
    reader = clients.reader()
    assert read(clients, reader, end=2) == ([], 2)
    reader.close()


def test_committed_offsets_are_not_answered_while_a_transaction_is_over_them(clients: Clients) -> None:
    member, producer = joined(clients), clients.producer("a")
    write(clients, producer, b"x")
    producer.send_offsets_to_transaction(
        [TopicPartition(clients.topic, 0, 7, metadata="who")], member.consumer_group_metadata(), SECONDS
    )
    place = TopicPartition(clients.topic, 0)
    with pytest.raises(KafkaException) as caught:
        member.committed([place], timeout=SHORT_SECONDS)
    error = caught.value.args[0]
    assert error.retriable() or error.code() in {KafkaError.UNSTABLE_OFFSET_COMMIT, KafkaError._TIMED_OUT}
    producer.commit_transaction(SECONDS)
    (committed,) = member.committed([place], timeout=SECONDS)
    assert (committed.offset, committed.metadata) == (7, "who")
    member.close()


def test_offsets_under_a_membership_that_has_ended_abort_the_transaction(clients: Clients) -> None:
    member, producer = joined(clients), clients.producer("a")
    membership = member.consumer_group_metadata()
    member.close()
    write(clients, producer, b"x")
    with pytest.raises(KafkaException) as caught:
        producer.send_offsets_to_transaction([TopicPartition(clients.topic, 0, 7)], membership, SECONDS)
    error = caught.value.args[0]
    assert error.txn_requires_abort()
    assert error.code() in {KafkaError.UNKNOWN_MEMBER_ID, KafkaError.ILLEGAL_GENERATION}


def test_no_offsets_are_taken_without_a_look_at_the_membership(clients: Clients) -> None:
    member, producer = joined(clients), clients.producer("a")
    membership = member.consumer_group_metadata()
    member.close()
    write(clients, producer, b"x")
    producer.send_offsets_to_transaction([], membership, SECONDS)
    producer.commit_transaction(SECONDS)
    reader = clients.reader()
    assert read(clients, reader, end=2) == ([b"x"], 2)
    reader.close()


def test_a_record_too_large_is_refused_when_it_is_produced(clients: Clients) -> None:
    producer = clients.producer("a")
    with pytest.raises(KafkaException) as caught:
        producer.produce(clients.topic, key=b"k", value=b"x" * 1_100_000)
    assert caught.value.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE
