"""Faust: an agent with a table, as its documentation shows it; `variant` is the processing guarantee.

Tuned where that costs no guarantee: no leader topic, no web server, no waiting for streams to run empty.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import faust

from benchmarks.engines.order import Order
from benchmarks.work import PARTITIONS, Seen, answer


def app_for(order: Order) -> Any:
    """Return the application."""
    app = faust.App(
        order.group,
        broker=f"kafka://{order.bootstrap}",
        processing_guarantee=order.variant,
        broker_commit_interval=order.commit_seconds,
        store="memory://",
        datadir=order.folder,
        topic_partitions=PARTITIONS,
        topic_replication_factor=1,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        web_enabled=False,
    )
    commands = app.topic(order.commands, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    events = app.topic(order.events, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    table = app.Table("seen", key_type=str, value_type=list, partitions=PARTITIONS)

    async def count(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            key = event.key.decode()
            kept = table.get(key)
            position = f"{message.topic}/{message.partition}/{message.offset}"
            state, value = answer(Seen(*kept) if kept else None, key, event.value, datetime.now(UTC), position)
            table[key] = [state.sequence, state.technician_id, state.last_id]
            await events.send(key=event.key, value=value)

    app.agent(commands, name="count")(count)
    return app


def main() -> None:
    """Work until SIGTERM."""
    app = app_for(Order.from_argument())
    logging.getLogger("faust").setLevel(logging.WARNING)
    sys.argv = [sys.argv[0], "worker", "--loglevel", "warn"]
    app.main()


if __name__ == "__main__":
    main()
