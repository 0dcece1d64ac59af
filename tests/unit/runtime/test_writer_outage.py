"""A group coordinator that dies leaves the client hanging in its call: the writer goes on with another client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from services._runtime.clock import SystemClock
from services._runtime.engine.records import Output
from services._runtime.processor import transaction
from services._runtime.processor.transaction import TransactionAborted, Writer, WriterLost

OFFSETS = [TopicPartition("commands", 0, 7)]
COUNTED = Output("counts", b"{}", b"T-1")


def away() -> bool:
    """A broker has died."""
    return True


class Client:
    """As much of a producer as a transaction needs. `coordinator` is set while the group's coordinator answers."""

    def __init__(self, coordinator: threading.Event) -> None:
        self.done: list[str] = []
        self._coordinator = coordinator

    def init_transactions(self, _timeout: float) -> None:
        self.done.append("init")

    def begin_transaction(self) -> None:
        self.done.append("begin")

    def produce(self, *_: Any, **__: Any) -> None:
        self.done.append("produce")

    def send_offsets_to_transaction(self, *_: Any) -> None:
        self._coordinator.wait()  # whatever the time-out, as the client does

    def commit_transaction(self, _timeout: float) -> None:
        self.done.append("commit")

    def abort_transaction(self, _timeout: float) -> None:
        self.done.append("abort")

    def close(self) -> None:
        self.done.append("close")


@pytest.fixture
def coordinators(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[list[threading.Event], list[Client]]]:
    """The first coordinator is dead, any later client meets a living one; and the clients in the order they came."""
    living = threading.Event()
    living.set()
    answering = [threading.Event(), living]
    clients: list[Client] = []

    def new_client(*_: Any, **__: Any) -> Client:
        clients.append(Client(answering[min(len(clients), 1)]))
        return clients[-1]

    monkeypatch.setattr(transaction, "Producer", new_client)
    monkeypatch.setattr(transaction, "OFFSETS_SECONDS", 0.05)
    monkeypatch.setattr(transaction, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(transaction, "HANG_SECONDS", 0.5)
    yield answering, clients
    answering[0].set()


def started(steps: Callable[[Writer], None] | None = None, *, a_broker_is_away: Callable[[], bool] = away) -> Writer:
    writer = Writer({}, SystemClock(), a_broker_is_away)
    writer.start()
    writer.begin(OFFSETS, object())
    writer.write([COUNTED])
    if steps is not None:
        steps(writer)
    return writer


def test_a_client_that_hangs_is_replaced_by_one_that_takes_over_its_id(
    coordinators: tuple[list[threading.Event], list[Client]],
) -> None:
    _, clients = coordinators
    writer = started()
    with pytest.raises(TransactionAborted) as aborted:
        writer.commit([])
    assert aborted.value.outage
    writer.abort()
    writer.begin(OFFSETS, object())
    writer.write([COUNTED])
    assert writer.commit([]) == {}
    writer.close()
    assert [client.done for client in clients] == [
        ["init", "begin", "produce"],
        ["init", "begin", "produce", "commit", "close"],
    ]


def test_an_abort_waits_no_longer_for_a_client_that_hangs(
    coordinators: tuple[list[threading.Event], list[Client]],
) -> None:
    _, clients = coordinators
    started(Writer.abort)
    assert [client.done for client in clients] == [["init", "begin", "produce"], ["init"]]


def test_where_no_broker_has_died_a_slow_answer_is_waited_for(
    coordinators: tuple[list[threading.Event], list[Client]],
) -> None:
    answering, clients = coordinators

    def nobody_but_slow() -> bool:
        answering[0].set()
        return False

    assert started(a_broker_is_away=nobody_but_slow).commit([]) == {}
    assert [client.done for client in clients] == [["init", "begin", "produce", "commit"]]


def test_where_nothing_is_known_to_have_died_the_writer_is_given_up_in_the_end_and_its_client_let_alone(
    coordinators: tuple[list[threading.Event], list[Client]],
) -> None:
    _, clients = coordinators
    writer = started(a_broker_is_away=lambda: False)
    with pytest.raises(WriterLost):
        writer.commit([])
    writer.close()
    assert [client.done for client in clients] == [["init", "begin", "produce"]]
