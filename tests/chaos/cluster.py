"""Three nodes behind proxies, and who of them leads what."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.local.kafka import Kafka, short_lived_options
from deploy.local.register import Register
from deploy.local.waiting import holds_within, until
from tests.chaos.proxy import ProxyNetwork

NODES: Final = 3
HEAP_MEGABYTES: Final = 384
BACK_SECONDS: Final = 90.0
_ASK_SECONDS: Final = 5.0
_SILENT: Final = 0


class Cluster:
    """A Kafka of three nodes whose every way in can be cut."""

    def __init__(self, kafka: Kafka, network: ProxyNetwork) -> None:
        self.kafka = kafka
        self.network = network
        # Not through the proxies: what is asked here must be answered whatever is cut.
        direct = ",".join(f"{kafka.host}:{node.port}" for node in kafka.nodes.values())
        self.admin = AdminClient({"bootstrap.servers": direct, "log_level": _SILENT, "reconnect.backoff.max.ms": 500})

    @property
    def bootstrap(self) -> str:
        """Where clients begin."""
        return self.kafka.bootstrap

    @classmethod
    def start(cls, folder: Path, register: Register) -> Cluster:
        """Start a cluster and wait until it is ready."""
        network = ProxyNetwork()
        kafka = Kafka(
            folder,
            nodes=NODES,
            heap_megabytes=HEAP_MEGABYTES,
            java_options=short_lived_options(),
            network=network,
            started=register.add,
        )
        try:
            kafka.start()
            kafka.wait_ready()
        except BaseException:
            kafka.stop()
            network.close()
            raise
        return cls(kafka, network)

    def stop(self) -> None:
        """Stop all nodes and the proxies."""
        self.kafka.stop()
        self.network.close()

    def make_topics(self, names: dict[str, bool], partitions: int) -> None:
        """Make topics, replicated to all nodes; `names` says which of them are compacted."""
        new = [
            NewTopic(name, partitions, NODES, config={"cleanup.policy": "compact"} if compacted else {})
            for name, compacted in names.items()
        ]
        for future in self.admin.create_topics(new, request_timeout=20).values():
            future.result(30)

    # ── who leads ───────────────────────────────────────────────────────────────────────────────────────────────

    def leader(self, topic: str, partition: int = 0) -> int:
        """Return the node that leads a partition."""
        return int(self.admin.list_topics(topic, timeout=_ASK_SECONDS).topics[topic].partitions[partition].leader)

    def transaction_coordinator(self, transactional_id: str) -> int:
        """Return the node that coordinates a writer's transactions."""
        return self._coordinator("__transaction_state", transactional_id)

    def group_coordinator(self, group: str) -> int:
        """Return the node that coordinates a consumer group."""
        return self._coordinator("__consumer_offsets", group)

    def _coordinator(self, topic: str, name: str) -> int:
        partitions = self.admin.list_topics(topic, timeout=_ASK_SECONDS).topics[topic].partitions
        return int(partitions[java_hash(name) % len(partitions)].leader)

    def controller(self) -> int:
        """Return the node whose controller is active: as the nodes' own notes of the quorum have it."""
        notes = []
        for node in self.kafka.nodes.values():
            path = node.folder / "data" / "__cluster_metadata-0" / "quorum-state"
            if path.is_file():
                note = json.loads(path.read_text())
                notes.append((int(note["leaderEpoch"]), int(note["leaderId"])))
        return max(notes)[1]

    def keep_data(self, prefix: str, to: Path) -> None:
        """Copy what each node holds of a run's topics and of transactions, to look at once all has been stopped."""
        for node in self.kafka.nodes.values():
            for pattern in (f"{prefix}.*", "__transaction_state-*"):
                for partition in (node.folder / "data").glob(pattern):
                    shutil.copytree(partition, to / node.folder.name / partition.name, dirs_exist_ok=True)

    # ── faults and healing ──────────────────────────────────────────────────────────────────────────────────────

    def signal(self, node: int, number: signal.Signals) -> None:
        """Signal a node's process."""
        running = self.kafka.nodes[node].running
        assert running is not None
        running.send(number)

    def bring_back(self, node: int) -> None:
        """Start a killed node again, and wait until it follows all that it replicates."""
        self.kafka.start_node(node)
        self.wait_in_sync()

    def wait_in_sync(self, seconds: float = BACK_SECONDS) -> None:
        """Wait until every partition is replicated to all nodes again."""
        until(self._in_sync, seconds, "all replicas to be in sync", poll_seconds=0.3)

    def is_in_sync_within(self, seconds: float) -> bool:
        """Tell whether every partition comes to be replicated to all nodes in this time."""
        return holds_within(self._in_sync, seconds, poll_seconds=0.3)

    def _in_sync(self) -> bool:
        try:
            topics = self.admin.list_topics(timeout=_ASK_SECONDS).topics.values()
        except KafkaException:
            return False
        return all(len(each.isrs) == len(each.replicas) for topic in topics for each in topic.partitions.values())


def java_hash(text: str) -> int:
    """Return the absolute value of Java's `String.hashCode`, by which Kafka finds a coordinator's partition."""
    code = 0
    for unit in text.encode("ascii"):
        code = (31 * code + unit) & 0xFFFFFFFF
    signed = code - (1 << 32) if code >= 1 << 31 else code
    return 0 if signed == -(1 << 31) else abs(signed)
