"""Reads a topic as a subscriber does: a plain consumer and JSON. Shares no code with the processor."""

from __future__ import annotations

import json
from contextlib import nullcontext, suppress
from itertools import count
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, TopicPartition

from services._runtime.clock import SystemClock

CLOCK: Final = SystemClock()
READ_SECONDS: Final = 30.0
_readers: Final = count(1)


def read_events(
    bootstrap: str, topic: str, partitions: int, *, committed: bool = True, garbled: bool = False
) -> list[tuple[str, dict[str, Any]]]:
    """Return (key, event) of every record up to the topic's end as of now.

    `committed` hides what was aborted; `garbled` passes over what is no JSON, where other tests write to the topic too.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"reader-{next(_readers)}",
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.assign([TopicPartition(topic, each, 0) for each in range(partitions)])
    events: list[tuple[str, dict[str, Any]]] = []
    ended: set[int] = set()
    deadline = CLOCK.monotonic_seconds() + READ_SECONDS
    try:
        while len(ended) < partitions:
            assert CLOCK.monotonic_seconds() < deadline, f"{topic} was not read to its end within {READ_SECONDS} s"
            for message in consumer.consume(10_000, 0.2):
                error, key, value = message.error(), message.key() or b"", message.value()
                if error is None:
                    with suppress(json.JSONDecodeError) if garbled else nullcontext():
                        events += [(key.decode(), json.loads(value))] if value is not None else []
                elif error.code() == KafkaError._PARTITION_EOF:
                    ended.add(message.partition() or 0)
    finally:
        consumer.close()
    return events
