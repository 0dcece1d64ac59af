"""Quix Streams, exactly-once, with its state in RocksDB and a changelog topic, as its documentation shows it.

Runs in the venv of the `bench` group.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from quixstreams import Application, message_context

from benchmarks.engines.order import Order
from benchmarks.work import Seen, answer


def _count(value: bytes, key: str, _timestamp: int, _headers: Any, state: Any) -> bytes:
    context = message_context()
    kept = state.get("seen")
    position = f"{context.topic}/{context.partition}/{context.offset}"
    new, event = answer(Seen(*kept) if kept else None, key, value, datetime.now(UTC), position)
    state.set("seen", [new.sequence, new.technician_id, new.last_id])
    return event


def main() -> None:
    """Work until SIGTERM."""
    order = Order.from_argument()
    app = Application(
        broker_address=order.bootstrap,
        consumer_group=order.group,
        processing_guarantee="exactly-once",
        auto_offset_reset="earliest",
        commit_interval=order.commit_seconds,
        state_dir=order.folder,
        loglevel="WARNING",
        producer_extra_config={"compression.type": "lz4"},
    )
    commands = app.topic(order.commands, key_deserializer="str", value_deserializer="bytes")
    events = app.topic(order.events, key_serializer="str", value_serializer="bytes")
    app.dataframe(commands).apply(_count, stateful=True, metadata=True).to_topic(events)
    app.run()


if __name__ == "__main__":
    main()
