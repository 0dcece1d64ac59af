"""The local stack does what its users rely on; everything here is real, and every wait bounded."""

import imaplib
import json
import os
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import redis
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.local import ports, processes, register, services, stack
from deploy.local.errors import StackError
from deploy.local.folders import REPOSITORY
from deploy.local.kafka import Kafka
from deploy.local.mail import Mail
from deploy.local.processes import Running
from deploy.local.stack import Plan, Stack
from deploy.local.waiting import holds_within

pytestmark = pytest.mark.integration

SECONDS = 20.0
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def _create(bootstrap: str, topic: str, *, replicas: int = 1) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, 1, replicas)])[topic].result(SECONDS)


def _produce(bootstrap: str, topic: str, value: bytes) -> None:
    failures: list[KafkaError] = []
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "message.timeout.ms": int(SECONDS * 1000)})
    producer.produce(topic, value, on_delivery=lambda error, _: failures.append(error) if error else None)
    assert producer.flush(SECONDS) == 0
    assert failures == []


def _consume_one(bootstrap: str, topic: str) -> bytes:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        message = consumer.poll(SECONDS)
    finally:
        consumer.close()
    assert message is not None
    assert message.error() is None
    value = message.value()
    assert isinstance(value, bytes)
    return value


@pytest.fixture
def unsettled_kafka(stack_register: register.Register, tmp_path: Path) -> Iterator[Kafka]:
    kafka = Kafka(tmp_path / "kafka", started=stack_register.add)
    try:
        yield kafka
    finally:
        kafka.stop()


def test_a_broker_whose_port_was_taken_between_choice_and_bind_settles_elsewhere(unsettled_kafka: Kafka) -> None:
    before = unsettled_kafka.bootstrap
    with socket.socket() as stranger:
        stranger.bind((unsettled_kafka.host, unsettled_kafka.nodes[1].controller_port))
        stranger.listen()
        unsettled_kafka.start()
        unsettled_kafka.wait_ready()
    assert unsettled_kafka.bootstrap != before
    _create(unsettled_kafka.bootstrap, "settled")


def _sleeper(folder: Path, *, tied: bool = True) -> Running:
    return processes.start("sleeper", SLEEPER, log=folder / "log", environment=os.environ, tied=tied)


def test_a_record_comes_back_out_of_kafka(local_kafka: str) -> None:
    _create(local_kafka, "comes-back")
    _produce(local_kafka, "comes-back", b"hello")
    assert _consume_one(local_kafka, "comes-back") == b"hello"


def test_no_topic_is_made_by_writing_to_it(local_kafka: str) -> None:
    failures: list[KafkaError] = []
    producer = Producer({"bootstrap.servers": local_kafka, "message.timeout.ms": 1000})
    producer.produce("misspelt", b"x", on_delivery=lambda error, _: failures.append(error) if error else None)
    producer.flush(SECONDS)
    assert len(failures) == 1
    assert "misspelt" not in AdminClient({"bootstrap.servers": local_kafka}).list_topics(timeout=SECONDS).topics


def test_redis_answers_and_keeps_nothing_on_disk(local_redis: str) -> None:
    with redis.Redis.from_url(local_redis) as client:
        client.set("stack-test", "1")
        assert client.get("stack-test") == b"1"
        assert client.config_get("save") == {"save": ""}


def test_mail_sent_by_smtp_is_read_by_imap_and_stays_read(local_mail: Mail) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "li@customer.example", services.MAILBOX, "打印机不工作"
    mail.set_content("无法开机")
    with smtplib.SMTP(ports.HOST, local_mail.smtp_port, timeout=SECONDS) as smtp:
        smtp.send_message(mail)
    with _mailbox(local_mail) as imap:
        assert imap.search(None, "UNSEEN")[1] == [b"1"]
        assert "无法开机" in imap.fetch("1", "(BODY.PEEK[])")[1][0][1].decode()  # type: ignore[index, union-attr]
        imap.store("1", "+FLAGS", r"\Seen")
    with _mailbox(local_mail) as imap:
        assert imap.search(None, "UNSEEN")[1] == [b""]


def _mailbox(mail: Mail) -> imaplib.IMAP4:
    imap = imaplib.IMAP4(ports.HOST, mail.imap_port, timeout=SECONDS)
    imap.login(services.MAILBOX, "any")
    imap.select()
    return imap


def test_three_nodes_take_writes_while_any_one_of_them_is_lost(kafka_cluster: Kafka) -> None:
    _create(kafka_cluster.bootstrap, "survives", replicas=3)
    _produce(kafka_cluster.bootstrap, "survives", b"before")
    kafka_cluster.kill_node(1)
    _produce(kafka_cluster.bootstrap, "survives", b"after")
    assert _consume_one(kafka_cluster.bootstrap, "survives") == b"before"
    kafka_cluster.start_node(1)
    kafka_cluster.wait_ready()


def test_a_cluster_is_not_ready_while_its_controller_takes_no_orders(kafka_cluster: Kafka) -> None:
    for number in (2, 3):
        kafka_cluster.kill_node(number)
    with pytest.raises(StackError, match="in vain"):
        kafka_cluster.wait_ready(seconds=3)


def test_what_a_crashed_run_left_is_ended_and_removed(tmp_path: Path) -> None:
    starter = _sleeper(tmp_path)
    left_over = _sleeper(tmp_path, tied=False)
    _write_register(tmp_path / "crashed", owner=starter, running=left_over)
    assert register.sweep(tmp_path) == []  # its starter lives: not ours to touch
    assert left_over.is_alive()
    processes.kill([starter])
    assert register.sweep(tmp_path) == ["crashed"]
    assert not left_over.is_alive()
    assert not (tmp_path / "crashed").exists()


def test_a_stranger_who_was_given_the_pid_of_a_left_over_is_not_signalled(tmp_path: Path) -> None:
    stranger = _sleeper(tmp_path)
    remembered = Running("sleeper", stranger.pid, stranger.start_ticks - 1)
    _write_register(tmp_path / "crashed", owner=remembered, running=remembered)
    register.sweep(tmp_path)
    assert stranger.is_alive()
    processes.kill([stranger])


def _write_register(folder: Path, *, owner: Running, running: Running) -> None:
    value = {"detached": False, "complete": True, "owner": vars(owner), "processes": [vars(running)]}
    register.write_json(folder / "processes.json", value)


def test_a_paused_process_is_ended_within_the_bound(tmp_path: Path) -> None:
    paused = _sleeper(tmp_path)
    paused.send(signal.SIGSTOP)
    processes.stop([paused], seconds=5)
    assert not paused.is_alive()


def test_servers_die_with_the_run_that_started_them(tmp_path: Path) -> None:
    starting = (
        "import os, sys, time, pathlib\n"
        "from deploy.local import processes\n"
        f"child = processes.start('child', {SLEEPER!r}, log=pathlib.Path({str(tmp_path / 'log')!r}),"
        " environment=os.environ, tied=True)\n"
        "print(child.pid, child.start_ticks, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", starting], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pid, ticks = run.stdout.readline().split()
        child = Running("child", int(pid), int(ticks))
        assert child.is_alive()
        run.kill()
    assert holds_within(lambda: not child.is_alive(), SECONDS)


@pytest.fixture
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep stacks of these tests away from one that `make up` has left running; stop what a failed test leaves."""
    monkeypatch.setattr(stack, "STACKS", tmp_path / "stack")
    monkeypatch.setattr(stack, "BUILD", tmp_path)
    yield tmp_path
    stack.down(Plan(name="whole"))


def test_a_detached_stack_says_where_it_is_and_down_leaves_no_process(own_places: Path) -> None:
    Stack(Plan(name="whole", instances={}, detached=True)).start()
    told: dict[str, Any] = json.loads((own_places / "whole" / "endpoints.json").read_text())
    assert set(told["pids"]) == {"kafka", "redis", "mail"}
    assert AdminClient({"bootstrap.servers": told["kafka_bootstrap"]}).list_topics(timeout=SECONDS).brokers
    with pytest.raises(StackError, match="is running"):
        Stack(Plan(name="whole", instances={})).start()

    assert stack.down(Plan(name="whole")) == 3
    assert not any(Path(f"/proc/{pid}").exists() for pid in told["pids"].values())
    assert not (own_places / "whole" / "endpoints.json").exists()
    assert stack.down(Plan(name="whole")) == 0
