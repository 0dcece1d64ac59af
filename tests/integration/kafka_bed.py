"""A bed of topics on a real Kafka for one test: made with names of its own, written and read by plain clients.

The readers share no code with the processor: they are ordinary read_committed consumers that look at JSON.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, Final

from confluent_kafka import IsolationLevel, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from schemas import envelope
from schemas.contract import Contract
from schemas.topics import Topic
from services._runtime.clock import SystemClock
from services._runtime.settings import RuntimeSettings
from tests.integration.reading import read_events
from tests.topology.counting import Counting

PARTITIONS: Final = 4
WAIT_SECONDS: Final = 30.0
CLOCK: Final = SystemClock()
_numbers = count(1)


def settings_for(bootstrap: str, instance: str = "0") -> RuntimeSettings:
    """Return settings that point at a broker."""
    return RuntimeSettings(kafka_bootstrap=bootstrap, instance=instance, secret="x" * 32, replication=1)  # type: ignore[arg-type]


def counting_on(prefix: str, remind_seconds: float) -> Counting:
    """Return the counting topology over topics that begin with `prefix`."""
    commands, counts, reminders, changelog, dead_letters, retries = (
        Topic(f"{prefix}.{name}", "ticket id", "test", name)
        for name in ("commands", "counts", "reminders", "changelog", "dlq", "retry")
    )
    name = f"{prefix}.counting"
    return Counting(name, commands, counts, reminders, changelog, dead_letters, retries, remind_seconds)


@dataclass
class KafkaBed:
    """Topics of a `Counting` topology, with a producer and readers."""

    bootstrap: str
    label: str
    replication: int = 1
    remind_seconds: float = 60.0
    partitions: int = PARTITIONS
    counting: Counting = field(init=False)
    prefix: str = field(init=False)

    def __post_init__(self) -> None:
        self.prefix = f"{self.label}-{next(_numbers)}"
        counting = self.counting = counting_on(self.prefix, self.remind_seconds)
        outputs = (counting.counts, counting.reminders, counting.changelog, counting.dead_letters)
        topics = (*counting.topology().sources, *outputs)
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        new = [
            NewTopic(
                topic.name,
                self.partitions,
                self.replication,
                config={"cleanup.policy": "compact"} if topic.name.endswith("changelog") else {},
            )
            for topic in topics
        ]
        for future in admin.create_topics(new, request_timeout=20).values():
            future.result()
        self._admin = admin
        self._producer = Producer(
            {"bootstrap.servers": self.bootstrap, "partitioner": "murmur2_random", "enable.idempotence": True}
        )
        self._sent = 0

    def send(self, key: str, data: Contract, occurred_at: datetime | None = None, event_id: str | None = None) -> None:
        """Write one command."""
        self._sent += 1
        value = envelope.encode(
            type_name=envelope.type_name_of(data),
            event_id=event_id or f"in-{self._sent}",
            source="/test",
            time=occurred_at or CLOCK.now(),
            subject=key,
            tenant="acme",
            data=data,
        )
        self.send_bytes(key, value)

    def send_bytes(self, key: str, value: bytes | None) -> None:
        """Write raw bytes."""
        while True:
            try:
                self._producer.produce(self.counting.commands.name, key=key.encode(), value=value)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def flush(self) -> None:
        """Wait until all that was sent is acknowledged."""
        assert self._producer.flush(WAIT_SECONDS) == 0

    def read_all(self, topic: Topic, *, committed: bool = True) -> list[dict[str, Any]]:
        """Return every event on a topic, up to its end as of now, as JSON; `committed` hides aborted ones."""
        events = read_events(self.bootstrap, topic.name, self.partitions, committed=committed)
        return [event for _, event in events]

    def ids(self, topic: Topic) -> list[str]:
        """Return the ids of the events on a topic."""
        return [event["id"] for event in self.read_all(topic)]

    def wait_for(self, topic: Topic, number: int, seconds: float = WAIT_SECONDS) -> list[dict[str, Any]]:
        """Return the events of a topic once there are at least `number` of them."""
        deadline = CLOCK.monotonic_seconds() + seconds
        events = self.read_all(topic)
        while len(events) < number and CLOCK.monotonic_seconds() < deadline:
            time.sleep(0.1)
            events = self.read_all(topic)
        assert len(events) >= number, f"{topic.name}: {len(events)} of {number} after {seconds} s"
        return events

    def ends(self, topic: Topic) -> dict[int, int]:
        """Return the end offset of each partition, whatever is open counted."""
        wanted = {TopicPartition(topic.name, each): OffsetSpec.latest() for each in range(self.partitions)}
        futures = self._admin.list_offsets(wanted, isolation_level=IsolationLevel.READ_UNCOMMITTED)
        return {place.partition: future.result(timeout=10).offset for place, future in futures.items()}


def wait_until(condition: Any, seconds: float = WAIT_SECONDS, what: str = "the condition") -> None:
    """Poll a condition for a bounded time."""
    deadline = CLOCK.monotonic_seconds() + seconds
    while not condition():
        assert CLOCK.monotonic_seconds() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.02)
