"""The limit: the same work in a loop of nothing but client calls, with our clients' settings.

It has neither engine, timers, dead letters nor rebalancing: what it reaches is what this client reaches in this
language.
"""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from benchmarks.engines.aftercare import settings_for
from benchmarks.engines.order import Order
from benchmarks.work import HEADERS, Seen, answer
from services._runtime.kafka.clients import consumer_config, producer_config

BATCH = 4_000
GATHER_SECONDS = 0.008
_encode_state = msgspec.msgpack.Encoder().encode


def _records(messages: list[Message]) -> list[Any]:
    """Return the messages that are records.

    Raises:
        RuntimeError: reading failed.
    """
    records = []
    for message in messages:
        error = message.error()
        if error is None:
            records.append(message)
        elif error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public name
            raise RuntimeError(error)
    return records


def _transact(
    order: Order, consumer: Consumer, producer: Producer, states: dict[bytes, Seen], records: list[Any]
) -> None:
    now = datetime.now(UTC)
    offsets: dict[int, int] = {}
    changed: dict[bytes, tuple[int, Seen]] = {}
    produce, events, commands = producer.produce, order.events, order.commands
    producer.begin_transaction()
    for message in records:
        key, partition, offset = message.key(), message.partition(), message.offset()
        state, value = answer(states.get(key), key.decode(), message.value(), now, f"{commands}/{partition}/{offset}")
        produce(events, key=key, value=value, headers=HEADERS)
        states[key] = state
        changed[key] = (partition, state)
        offsets[partition] = offset + 1
    changelog = f"{order.group}.changelog"
    for key, (partition, state) in changed.items():
        produce(changelog, key=key, value=_encode_state(state), partition=partition)
    ends = [TopicPartition(commands, partition, offset) for partition, offset in offsets.items()]
    producer.send_offsets_to_transaction(ends, consumer.consumer_group_metadata())
    producer.commit_transaction()


def main() -> None:
    """Work until SIGTERM."""
    order = Order.from_argument()
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    settings = settings_for(order.bootstrap)
    consumer = Consumer(consumer_config(settings, order.group, order.group))
    producer = Producer(producer_config(settings, order.group))
    producer.init_transactions(10)
    consumer.subscribe([order.commands])
    states: dict[bytes, Seen] = {}
    while not stopped:
        if records := _records(consumer.consume(BATCH, GATHER_SECONDS)):
            _transact(order, consumer, producer, states, records)
    consumer.close()


if __name__ == "__main__":
    main()
