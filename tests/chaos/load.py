"""Messages at an even pace from a real producer, with a note of every one that the brokers promised to keep."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from confluent_kafka import Producer

from schemas import envelope
from schemas.ticket_commands import AddCustomerMessage
from schemas.vocabulary import Channel
from services._runtime.clock import SystemClock
from tests.chaos.words import PLAIN

FLUSH_SECONDS: Final = 120.0
_TICK_SECONDS: Final = 0.02
_CLOCK: Final = SystemClock()
_SILENT: Final = 0


class Load:
    """Sends numbered messages of `keys` keys to one topic. Use it as a thread, or `send` by hand; not both at once."""

    def __init__(self, bootstrap: str, topic: str, *, keys: int, per_second: float) -> None:
        self.acknowledged: set[str] = set()
        self.sent = 0
        self._topic = topic
        self._keys = [f"T-{number}" for number in range(keys)]
        self._per_second = per_second
        self._numbers: defaultdict[str, int] = defaultdict(int)
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._lock = threading.Lock()
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "client.id": "load",
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 5,
                "delivery.timeout.ms": int(FLUSH_SECONDS * 1_000),
                "log_level": _SILENT,
            }
        )

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Stop sending, and wait until everything sent is acknowledged or given up."""
        self._enough.set()
        if self._thread.ident is not None:
            self._thread.join(FLUSH_SECONDS)
        assert self._producer.flush(FLUSH_SECONDS) == 0

    def send(self, key: str, body: str = PLAIN, at: datetime | None = None) -> None:
        """Send the next message of a key."""
        with self._lock:
            self._numbers[key] += 1
            number = self._numbers[key]
        event_id = f"{key}/{number}"
        data = AddCustomerMessage.new(ticket_id=key, message_id=str(number), channel=Channel.PORTAL, body=body)
        value = envelope.encode(
            type_name=envelope.type_name_of(data),
            event_id=event_id,
            source="/test",
            time=at or _CLOCK.now(),
            subject=key,
            tenant="acme",
            data=data,
        )
        self.send_bytes(key, value, event_id)

    def send_bytes(self, key: str, value: bytes, event_id: str | None = None) -> None:
        """Send a value as it is; `event_id` is noted once the brokers have promised to keep it."""

        def delivered(error: Any, message: Any) -> None:
            del message
            if error is None and event_id is not None:
                self.acknowledged.add(event_id)

        while True:
            try:
                self._producer.produce(self._topic, key=key.encode(), value=value, on_delivery=delivered)
            except BufferError:
                self._producer.poll(0.1)
            else:
                break
        self.sent += 1
        self._producer.poll(0)

    def _run(self) -> None:
        began, due = _CLOCK.monotonic_seconds(), 0
        keys = self._in_turn()
        while not self._enough.wait(_TICK_SECONDS):
            until = int((_CLOCK.monotonic_seconds() - began) * self._per_second)
            for _ in range(until - due):
                self.send(next(keys))
            due = until

    def _in_turn(self) -> Iterator[str]:
        chance = random.Random(len(self._keys))
        while True:
            yield from chance.sample(self._keys, len(self._keys))
