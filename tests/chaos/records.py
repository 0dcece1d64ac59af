"""An independent reader of whole topics: a plain consumer that keeps what it has read, and nothing of the processor."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, NamedTuple

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from deploy.local.waiting import Countdown

ASK_SECONDS: Final = 10.0
ASK_ATTEMPTS: Final = 5
_POLL_SECONDS: Final = 0.2
_BATCH_RECORDS: Final = 5_000
_SILENT: Final = 0
_numbers: Final = count(1)


class Read(NamedTuple):
    """One record as it lies in the log. `written_ms` is its writer's clock, since 1970."""

    partition: int
    offset: int
    key: str
    value: bytes | None
    written_ms: int

    @property
    def event(self) -> dict[str, Any]:
        """The value as JSON."""
        event: dict[str, Any] = json.loads(self.value or b"null")
        return event


@dataclass
class TopicReader:
    """Reads topics from their beginning, as far as asked. Not safe between threads.

    `committed` readers see what a subscriber sees; others also what was aborted, or is still undecided.
    """

    bootstrap: str
    topics: tuple[str, ...]
    partitions: int
    committed: bool = True
    records: dict[str, list[Read]] = field(init=False, default_factory=lambda: defaultdict(list))
    _ends: dict[tuple[str, int], int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        common: dict[str, str | int | float | bool] = {
            "bootstrap.servers": self.bootstrap,
            "log_level": _SILENT,
            "reconnect.backoff.max.ms": 500,
        }
        self._admin = AdminClient(common)
        self._consumer = Consumer(
            {
                **common,
                "group.id": f"chaos-reader-{next(_numbers)}",
                "isolation.level": "read_committed" if self.committed else "read_uncommitted",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
            }
        )
        self._consumer.assign([TopicPartition(*place, 0) for place in self._places()])

    def _places(self) -> list[tuple[str, int]]:
        return [(topic, partition) for topic in self.topics for partition in range(self.partitions)]

    def close(self) -> None:
        """Release the consumer."""
        self._consumer.close()

    def poll(self) -> None:
        """Take in what there is now."""
        for message in self._consumer.consume(_BATCH_RECORDS, _POLL_SECONDS):
            error, topic, partition = message.error(), message.topic() or "", message.partition() or 0
            if error is None:
                key: Any = message.key() or b""
                self.records[topic].append(
                    Read(partition, message.offset() or 0, key.decode(), message.value(), message.timestamp()[1])
                )
            elif error.code() == KafkaError._PARTITION_EOF:
                self._ends[topic, partition] = message.offset() or 0

    def read_to_end(self, seconds: float) -> bool:
        """Take in everything up to the ends as of now, open transactions counted; tell whether that came to be."""
        wanted = self.ends()
        countdown = Countdown(seconds)
        while self._before(wanted):
            if countdown.is_over():
                return False
            self.poll()
        return True

    def held_up(self) -> list[str]:
        """Return the partitions whose end is out of reach, and how far it was read: an open transaction, mostly."""
        return [
            f"{topic}/{partition} is read to {reached} of {end}"
            for topic, partition, reached, end in self._before(self.ends())
        ]

    def _before(self, wanted: dict[tuple[str, int], int]) -> list[tuple[str, int, int, int]]:
        reached = ((place, self._ends.get(place, -1), end) for place, end in wanted.items())
        return [(*place, so_far, end) for place, so_far, end in reached if so_far < end]

    def ends(self) -> dict[tuple[str, int], int]:
        """Return the end of each partition, open transactions counted; asks again where a leader has just moved."""
        for _ in range(ASK_ATTEMPTS - 1):
            try:
                return self._ends_now()
            except (KafkaException, TimeoutError):
                self._admin.list_topics(timeout=ASK_SECONDS)
        return self._ends_now()

    def _ends_now(self) -> dict[tuple[str, int], int]:
        specs = {TopicPartition(*place): OffsetSpec.latest() for place in self._places()}
        asked = self._admin.list_offsets(
            specs, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=ASK_SECONDS
        )
        return {(place.topic, place.partition): answer.result(ASK_SECONDS).offset for place, answer in asked.items()}
