"""Fixtures with the real things: a Kafka, a Redis and a mail server of this machine, started once a session.

They die with the test run, however it ends. Tests that share them keep apart by topic names and key prefixes of
their own.
"""

import os
from collections.abc import Iterator

import pytest

from deploy.local.folders import STACKS
from deploy.local.kafka import Kafka
from deploy.local.mail import Mail
from deploy.local.redis import Redis
from deploy.local.register import Register, claim

PARTITIONS = 4
"""Of every topic of the product that a test makes on the shared broker: a processor refuses unequal ones."""
FOLDER = STACKS / f"tests-{os.getpid()}"


@pytest.fixture(scope="session")
def stack_register() -> Register:
    """Return this run's list of servers, after sweeping up what crashed runs have left.

    The run's folder stays behind with its logs, until the next run sweeps it up.
    """
    return claim(FOLDER, detached=False)


@pytest.fixture(scope="session")
def local_kafka(stack_register: Register) -> Iterator[str]:
    """Yield the bootstrap address of a real single-node Kafka."""
    kafka = Kafka(FOLDER / "kafka", started=stack_register.add)
    try:
        kafka.start()
        kafka.wait_ready()
        yield kafka.bootstrap
    finally:
        kafka.stop()


@pytest.fixture(scope="session")
def local_redis(stack_register: Register) -> Iterator[str]:
    """Yield the URL of a real Redis."""
    redis = Redis(FOLDER / "redis", started=stack_register.add)
    try:
        redis.start()
        redis.wait_ready()
        yield redis.url
    finally:
        redis.stop()


@pytest.fixture(scope="session")
def local_mail(stack_register: Register) -> Iterator[Mail]:
    """Yield a real mail server (`smtp_port`, `imap_port` on 127.0.0.1)."""
    mail = Mail(FOLDER / "mail", started=stack_register.add)
    try:
        mail.start()
        mail.wait_ready()
        yield mail
    finally:
        mail.stop()


@pytest.fixture
def kafka_cluster(stack_register: Register) -> Iterator[Kafka]:
    """Yield a real Kafka of three nodes that the test may stop, kill and start again (numbers 1 to 3)."""
    kafka = Kafka(FOLDER / "cluster", nodes=3, heap_megabytes=320, started=stack_register.add)
    try:
        kafka.start()
        kafka.wait_ready()
        yield kafka
    finally:
        kafka.stop()
