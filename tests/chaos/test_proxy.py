"""The network of the bed: what is cut is cut, what is healed goes on, and an answer can be lost."""

from __future__ import annotations

import contextlib
import gc
import socket
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.chaos.cluster import java_hash
from tests.chaos.frames import END_TXN, correlation_of, request_of, size_of
from tests.chaos.proxy import Link, ProxyNetwork, around_node, between_client_and_node

WAIT_SECONDS = 5.0
PRODUCE = 0


def request(api_key: int, correlation_id: int, client_id: str) -> bytes:
    head = struct.pack(">hhih", api_key, 0, correlation_id, len(client_id)) + client_id.encode()
    return struct.pack(">i", len(head)) + head


@contextmanager
def answering_node(body_bytes: int = 0) -> Iterator[int]:
    """Yield the port of a server that answers each request with its number, and so many bytes behind it."""

    def serve(connection: socket.socket) -> None:
        # Who is cut off is reset now and then; the test looks at the other end.
        with contextlib.suppress(ConnectionError), connection, connection.makefile("rb") as incoming:
            while prefix := incoming.read(4):
                head = request_of(incoming.read(size_of(prefix)))
                connection.sendall(struct.pack(">ii", 4 + body_bytes, head.correlation_id) + bytes(body_bytes))

    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def network() -> Iterator[ProxyNetwork]:
    made = ProxyNetwork()
    yield made
    made.close()


def ask(connection: socket.socket, frame: bytes) -> int | None:
    """Send a request and return the number in its answer, None where the connection ends instead."""
    connection.sendall(frame)
    return answered(connection)


def answered(connection: socket.socket) -> int | None:
    """Return the number in the next answer, None where the connection ends instead."""
    answer = b""
    while len(answer) < 8:
        part = connection.recv(8 - len(answer))
        if not part:
            return None
        answer += part
    return correlation_of(answer[4:])


def test_a_cut_way_carries_nothing_until_it_is_healed(network: ProxyNetwork) -> None:
    with answering_node() as port:
        way = network.reach("clients", 1, "127.0.0.1", port)
        with socket.create_connection(("127.0.0.1", way), WAIT_SECONDS) as connection:
            assert ask(connection, request(PRODUCE, 7, "tally-0")) == 7
            network.cut("cut", between_client_and_node(1, "0"))
            connection.settimeout(0.3)
            with pytest.raises(TimeoutError):
                ask(connection, request(PRODUCE, 8, "tally-0"))
            connection.settimeout(WAIT_SECONDS)
            network.heal("cut")
            assert answered(connection) == 8


def test_the_answer_to_a_commit_is_lost_once_and_only_to_a_commit(network: ProxyNetwork) -> None:
    with answering_node() as port:
        way = network.reach("clients", 1, "127.0.0.1", port)
        network.lose_commit_answers(1)
        with socket.create_connection(("127.0.0.1", way), WAIT_SECONDS) as connection:
            assert ask(connection, request(PRODUCE, 1, "tally-0")) == 1
            assert ask(connection, request(END_TXN, 2, "tally-0")) is None
        with socket.create_connection(("127.0.0.1", way), WAIT_SECONDS) as connection:
            assert ask(connection, request(END_TXN, 3, "tally-0")) == 3
        assert network.answers_lost == 1


def test_a_node_is_cut_from_its_peers_in_both_directions_and_from_no_client() -> None:
    cut = around_node(2)
    assert cut(Link("brokers", 1, "broker-2-fetcher-0"))
    assert cut(Link("brokers", 2, "broker-1-fetcher-0"))
    assert cut(Link("controller-2", 3))
    assert cut(Link("controller-1", 2))
    assert not cut(Link("brokers", 1, "broker-3-fetcher-0"))
    assert not cut(Link("clients", 2, "tally-0"))


def test_a_client_is_cut_by_the_slot_in_its_name() -> None:
    cut = between_client_and_node(1, "0")
    assert cut(Link("clients", 1, "intake.ledger-0"))
    assert not cut(Link("clients", 1, "intake.ledger-1"))
    assert not cut(Link("clients", 2, "intake.ledger-0"))


def test_coordinators_are_found_by_javas_hash() -> None:
    assert java_hash("hello") == 99162322
    assert java_hash("polygenelubricants") == 0  # its hash is the one number without a positive counterpart


def test_closing_leaves_no_connection_open_though_answers_wait_for_who_does_not_read() -> None:
    network = ProxyNetwork()
    with answering_node(body_bytes=64 << 20) as port, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        way = network.reach("clients", 1, "127.0.0.1", port)
        with socket.create_connection(("127.0.0.1", way), WAIT_SECONDS) as connection:
            connection.sendall(request(PRODUCE, 7, "worker-0"))
            assert connection.recv(8, socket.MSG_WAITALL)  # the answer has begun to come
            network.close()
        del network
        gc.collect()
    assert [str(each.message) for each in warned] == []
