"""Addresses of their own: while a server is down, nobody else may answer in its place."""

from __future__ import annotations

import ipaddress
import random
import socket
from pathlib import Path

import pytest

from deploy.local import ports
from deploy.local.errors import StackError
from deploy.local.kafka import Kafka
from deploy.local.redis import Redis

LOOPBACK = ipaddress.IPv4Network("127.0.0.0/8")


class Drawn(random.Random):
    """Draws what it is told to."""

    def __init__(self, *addresses: str) -> None:
        super().__init__()
        self._numbers = [int(ipaddress.IPv4Address(each)) for each in addresses]

    def randint(self, a: int, b: int) -> int:
        del a, b
        return self._numbers.pop(0) if len(self._numbers) > 1 else self._numbers[0]


def test_an_address_that_somebody_has_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = ports.own_address()
    monkeypatch.setattr(ports, "_chance", Drawn(taken, "127.77.1.1"))
    assert ports.own_address() == "127.77.1.1"
    with pytest.raises(StackError, match="claimed"):
        ports.own_address()


def test_what_listens_on_ones_own_address_is_not_met_on_another() -> None:
    one, other = ports.own_address(), ports.own_address()
    assert ipaddress.IPv4Address(one) in LOOPBACK
    with socket.create_server((one, 0)) as server:
        port = server.getsockname()[1]
        assert not ports.is_free(port, one)
        with socket.create_connection((one, port), 1.0), pytest.raises(ConnectionRefusedError):
            socket.create_connection((other, port), 1.0)


def test_no_two_clusters_and_no_two_redises_share_an_address(tmp_path: Path) -> None:
    clusters = [Kafka(tmp_path / name, nodes=3, java_options=[]) for name in ("one", "other")]
    hosts = {cluster.host for cluster in clusters} | {Redis(tmp_path / name).host for name in ("one", "other")}
    assert len(hosts) == 4
    assert ports.HOST not in hosts
    assert all(f"{clusters[0].host}:" in each for each in clusters[0].bootstrap.split(","))


def test_where_people_say_the_port_or_the_cluster_lives_on_it_is_where_everybody_looks(tmp_path: Path) -> None:
    assert Kafka(tmp_path, port=ports.free_port(), java_options=[]).host == ports.HOST
    assert Kafka(tmp_path, tied=False, java_options=[]).host == ports.HOST
