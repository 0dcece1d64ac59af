"""Fixtures with the real things: a Kafka, a Redis and a mail server of this machine, started once a session.

They die with the test run, however it ends. Tests that share them keep apart by topic names and key prefixes of
their own.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.folders import STACKS
from deploy.local.kafka import Kafka
from deploy.local.mail import Mail
from deploy.local.redis import Redis


@pytest.fixture(scope="session")
def stack_folder() -> Path:
    """Return this run's folder for servers' data and logs; runs beside each other have one each."""
    return STACKS / f"tests-{os.getpid()}"


@pytest.fixture(scope="session")
def local_kafka(stack_folder: Path) -> Iterator[str]:
    """Yield the bootstrap address of a real single-node Kafka."""
    kafka = Kafka(stack_folder / "kafka")
    try:
        kafka.start()
        kafka.wait_ready()
        yield kafka.bootstrap
    finally:
        kafka.stop()


@pytest.fixture(scope="session")
def local_redis(stack_folder: Path) -> Iterator[str]:
    """Yield the URL of a real Redis."""
    redis = Redis(stack_folder / "redis")
    try:
        redis.start()
        redis.wait_ready()
        yield redis.url
    finally:
        redis.stop()


@pytest.fixture(scope="session")
def local_mail(stack_folder: Path) -> Iterator[Mail]:
    """Yield a real mail server (`smtp_port`, `imap_port` on 127.0.0.1)."""
    mail = Mail(stack_folder / "mail")
    try:
        mail.start()
        mail.wait_ready()
        yield mail
    finally:
        mail.stop()


@pytest.fixture
def kafka_cluster(stack_folder: Path) -> Iterator[Kafka]:
    """Yield a real Kafka of three nodes that the test may stop, kill and start again (numbers 1 to 3)."""
    kafka = Kafka(stack_folder / "cluster", nodes=3, heap_megabytes=320)
    try:
        kafka.start()
        kafka.wait_ready()
        yield kafka
    finally:
        kafka.stop()
