"""A whole service as a process: it starts without a broker, outlives one, and leaves in time when it is told to."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.local import ports
from deploy.local.kafka import Kafka
from deploy.local.register import Register
from schemas import envelope
from schemas.contract import Contract
from schemas.directory import PoolDefined
from schemas.topics import DEAD_LETTERS, DIRECTORY
from services._runtime.directory.directory import Directory
from services._runtime.hosting.control import SESSION_SECONDS, ControlApp
from services._runtime.hosting.hosting import ServiceApp, create_app
from services._runtime.settings import RuntimeSettings
from tests.integration.kafka_bed import CLOCK, counting_on, wait_until
from tests.stack import FOLDER
from tests.topology.counting import message

pytestmark = pytest.mark.integration

POOLS = DIRECTORY["pools"].name
STOP_SECONDS = 10.0
READY_SECONDS = 60.0
SECRET = "s" * 32
NOBODY = "127.0.0.1:1"
PYTHON = (sys.executable, "-m", "tests.integration.hosted")
FAUST = (sys.executable, "-m", "faust", "-A", "tests.integration.hosted", "worker", "-l", "info")


@dataclass
class Hosted:
    """A running service and what its probes say."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def probe(self, name: str) -> tuple[int, dict[str, Any]]:
        """The status and the body; status 0 while nothing listens."""
        try:
            answer = httpx.get(f"{self.url}/{name}", timeout=3)
        except httpx.TransportError:
            return 0, {}
        body: dict[str, Any] = answer.json()
        return answer.status_code, body

    def is_ready(self) -> bool:
        return self.probe("readyz")[0] == 200

    def part(self, name: str) -> str:
        """A part's status line."""
        return str(self.probe("readyz")[1]["parts"][name]["status"])

    def actions(self) -> list[str]:
        """The actions logged so far, in order."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line)["action"] for line in lines if line.startswith("{")]

    def stop(self) -> float:
        """Send SIGTERM; the seconds until the process had ended with status 0."""
        began = CLOCK.monotonic_seconds()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(STOP_SECONDS + 5) == 0, self.log.read_text()[-3_000:]
        return CLOCK.monotonic_seconds() - began


def environment_of(bootstrap: str, folder: Path, port: int, prefix: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "AFTERCARE_KAFKA_BOOTSTRAP": bootstrap,
        "AFTERCARE_SECRET": SECRET,
        "AFTERCARE_HTTP_PORT": str(port),
        "AFTERCARE_DATA_DIR": str(folder / "data"),
        "AFTERCARE_INSTANCE": prefix,
        "HOSTED_PREFIX": prefix,
        "PYTHONUNBUFFERED": "1",
    }


@contextmanager
def hosted(command: tuple[str, ...], bootstrap: str, folder: Path, prefix: str) -> Iterator[Hosted]:
    port, log = ports.free_port(), folder / "service.log"
    environment = environment_of(bootstrap, folder, port, prefix)
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield Hosted(process, f"http://127.0.0.1:{port}", log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(5)


def make_topics(bootstrap: str, prefix: str) -> None:
    counting = counting_on(prefix, 60.0)
    outputs = (counting.counts, counting.reminders, counting.changelog, counting.dead_letters)
    keyed = (*counting.topology().sources, *outputs)
    whole = (*DIRECTORY.values(), DEAD_LETTERS["router"])
    admin = AdminClient({"bootstrap.servers": bootstrap})
    there = admin.list_topics(timeout=10).topics
    new = [NewTopic(each.name, 2, 1) for each in keyed] + [NewTopic(each.name, 1, 1) for each in whole]
    for future in admin.create_topics([topic for topic in new if topic.topic not in there]).values():
        future.result(timeout=20)


def event(data: Contract, subject: str) -> bytes:
    return envelope.encode(
        type_name=data.type_name,
        event_id=f"{subject}-{CLOCK.now().isoformat()}",
        source="/test",
        time=datetime.now(UTC),  # noqa: TID251 - the outside world
        subject=subject,
        tenant="acme",
        data=data,
    )


def pool(name: str) -> bytes:
    return event(PoolDefined.new(pool=name, title=name), name)


def write(bootstrap: str, topic: str, *records: tuple[str, bytes | None]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
    for key, value in records:
        producer.produce(topic, key=key, value=value)
    assert producer.flush(30) == 0


def read(bootstrap: str, topic: str, number: int) -> list[dict[str, Any]]:
    """The first `number` committed records of a topic, as JSON."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"reader-{CLOCK.now().isoformat()}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    found: list[dict[str, Any]] = []
    deadline = CLOCK.monotonic_seconds() + 30
    while len(found) < number and CLOCK.monotonic_seconds() < deadline:
        found += [json.loads(each.value() or b"{}") for each in consumer.consume(100, 0.2) if each.error() is None]
    consumer.close()
    assert len(found) >= number
    return found


def groups_with_members(bootstrap: str, prefix: str) -> list[str]:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    listed = admin.list_consumer_groups().result(timeout=10)
    assert not listed.errors
    return [group.group_id for group in listed.valid if prefix in group.group_id and group.state.name != "EMPTY"]


@pytest.fixture(scope="module")
def own_kafka(stack_register: Register) -> Iterator[Kafka]:
    """A Kafka that the test starts, kills and starts again."""
    kafka = Kafka(FOLDER / "hosting-kafka", started=stack_register.add)
    try:
        yield kafka
    finally:
        kafka.stop()


@pytest.mark.timeout(300)  # two starts of a broker, on a machine that may be busy
def test_a_service_lives_without_a_broker_and_is_ready_whenever_there_is_one(own_kafka: Kafka, tmp_path: Path) -> None:
    kafka, prefix = own_kafka, "outlives"
    counting = counting_on(prefix, 60.0)
    with hosted(PYTHON, kafka.bootstrap, tmp_path, prefix) as service:
        wait_until(lambda: service.probe("healthz")[0] == 200, what="live without a broker")
        assert service.probe("readyz")[0] == 503
        assert "waiting for Kafka" in service.part("directory")

        kafka.start()
        kafka.wait_ready()
        make_topics(kafka.bootstrap, prefix)
        write(kafka.bootstrap, POOLS, ("east", pool("east")), ("broken", b"{"), ("gone", None))
        write(kafka.bootstrap, counting.commands.name, ("T-1", event(message("T-1"), "T-1")))
        wait_until(service.is_ready, READY_SECONDS, "ready with a broker")
        assert service.part("directory") == "read up to version 3"
        (letter,) = read(kafka.bootstrap, "router.dlq", 1)
        assert (letter["data"]["source_topic"], letter["data"]["source_offset"]) == (POOLS, 1)
        assert len(read(kafka.bootstrap, counting.counts.name, 1)) == 1

        kafka.kill_node(1)
        wait_until(lambda: "aiokafka" in service.log.read_text(), what="the loss being noticed")
        assert service.probe("healthz")[0] == 200

        kafka.start_node(1)
        kafka.wait_ready()
        write(kafka.bootstrap, POOLS, ("west", pool("west")))
        write(kafka.bootstrap, counting.commands.name, ("T-1", event(message("T-1"), "T-1")))
        wait_until(lambda: service.part("directory") == "read up to version 4", READY_SECONDS, "the agent reading on")
        wait_until(service.is_ready, READY_SECONDS, "ready again")
        assert len(read(kafka.bootstrap, counting.counts.name, 2)) == 2

        kafka.kill_node(1)
        assert service.stop() < STOP_SECONDS


@pytest.mark.parametrize("command", [PYTHON, FAUST], ids=["python -m", "faust -A"])
def test_a_service_started_either_way_works_and_leaves_its_groups_when_told_to(
    command: tuple[str, ...], local_kafka: str, tmp_path: Path
) -> None:
    prefix = f"either-{len(command)}"
    make_topics(local_kafka, prefix)
    with hosted(command, local_kafka, tmp_path, prefix) as service:
        wait_until(service.is_ready, READY_SECONDS, "ready")
        assert 'aftercare_part_ready{part="directory"} 1.0' in httpx.get(f"{service.url}/metrics").text
        wait_until(lambda: len(groups_with_members(local_kafka, prefix)) == 2, what="the processor's and the agents'")
        assert service.stop() < STOP_SECONDS
        assert service.actions()[-1] == "service_stopped"
    assert groups_with_members(local_kafka, prefix) == []


def test_a_taken_port_ends_the_process_with_a_failure(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = environment_of(NOBODY, tmp_path, taken.getsockname()[1], "taken")
        failed = subprocess.run(PYTHON, env=environment, capture_output=True, timeout=30, check=False)
    assert failed.returncode != 0
    assert b"in use" in failed.stdout + failed.stderr


def test_fausts_own_command_line_describes_the_agents(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "faust", "-A", "tests.integration.hosted", "agents")
    environment = environment_of(NOBODY, tmp_path, 0, "described")
    told = subprocess.run(command, env=environment, capture_output=True, timeout=30, check=True).stdout.decode()
    assert [name for name in (topic.name for topic in DIRECTORY.values()) if name not in told] == []


def started_in_this_process(bootstrap: str, folder: Path, directory: Directory) -> ServiceApp:
    settings = RuntimeSettings(kafka_bootstrap=bootstrap, secret=SECRET, data_dir=folder, instance="crash")  # type: ignore[arg-type]
    return create_app("router", settings=settings, directory=directory)


def test_a_crash_of_fausts_consumer_ends_there_and_reading_goes_on(local_kafka: str, tmp_path: Path) -> None:
    make_topics(local_kafka, "crash")

    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(READY_SECONDS):
            while not condition():  # noqa: ASYNC110 - the state of another part, which tells nobody
                await asyncio.sleep(0.05)

    async def scene() -> None:
        directory = Directory()
        app = started_in_this_process(local_kafka, tmp_path, directory)
        host = app.host
        await host.start()
        control = host.control
        assert control is not None
        await until(lambda: directory.caught_up and control.ready)
        first = control.running
        assert isinstance(first, ControlApp)

        await first.consumer.crash(RuntimeError("an assertion in the client"))
        await until(lambda: control.ready and control.running is not first)
        assert not host.crashed
        assert host.health.live

        await asyncio.to_thread(write, local_kafka, POOLS, ("after", pool("after")))
        await until(lambda: directory.get("pools", "after") is not None)
        await host.stop()

    asyncio.run(scene())


def test_a_process_that_is_killed_leaves_nothing_that_the_next_one_waits_for(local_kafka: str, tmp_path: Path) -> None:
    prefix = "killed"
    make_topics(local_kafka, prefix)
    with hosted(PYTHON, local_kafka, tmp_path, prefix) as service:
        wait_until(service.is_ready, READY_SECONDS, "ready")
        service.process.kill()
        service.process.wait(5)
    with hosted(PYTHON, local_kafka, tmp_path, prefix) as service:
        wait_until(lambda: service.probe("healthz")[0] == 200, what="live")
        # Less than the session of the agents' consumer, which the killed process has left behind.
        wait_until(lambda: service.part("directory").startswith("read up to"), SESSION_SECONDS / 2, "read again")
        service.stop()
