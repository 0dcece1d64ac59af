"""One hop: from the instant at which a command is due to be sent until a read_committed reader has its event.

Commands leave at an even pace whatever became of those before (an open loop), and each counts from the instant at which
it was due, so that a pause of sender or engine is not hidden.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import Final, Self

import msgspec
from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition

from benchmarks.topics import SILENT
from benchmarks.work import HEADERS, KEYS, PARTITIONS, command, ticket_id

POLL_SECONDS: Final = 0.05
SETTLE_SECONDS: Final = 20.0
SWITCH_SECONDS: Final = 0.000_5
_START_SECONDS: Final = 30.0


class _Data(msgspec.Struct):
    cause: str


class _Event(msgspec.Struct):
    data: _Data


_decode = msgspec.json.Decoder(_Event).decode


@dataclass(frozen=True)
class Paced:
    """One stretch at an even pace: what was sent, and the milliseconds until each was first read."""

    sent: int
    doubled: int
    milliseconds: Sequence[float]


@dataclass
class _Arrivals:
    """When the event of each command number was first read, seconds of the monotonic clock."""

    at_seconds: dict[int, float] = field(default_factory=dict)
    doubled: int = 0

    def take(self, number: int, at_seconds: float) -> None:
        if number in self.at_seconds:
            self.doubled += 1
        else:
            self.at_seconds[number] = at_seconds


class Reader:
    """Reads a topic from its end on, in a thread of its own, for as long as the block; `take` gets value and arrival.

    The arrival is in seconds of `clock`.
    """

    def __init__(
        self, bootstrap: str, topic: str, take: Callable[[bytes, float], None], clock: Callable[[], float]
    ) -> None:
        self._take = take
        self._clock = clock
        self._stop = threading.Event()
        self._reading = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"reader-{topic}",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
            },
            logger=SILENT,
        )
        self._consumer.assign([TopicPartition(topic, number, OFFSET_END) for number in range(PARTITIONS)])
        self._thread = threading.Thread(target=self._run, name=f"reader of {topic}", daemon=True)

    def __enter__(self) -> Self:
        """Read; what is written from now on is seen."""
        self._thread.start()
        if not self._reading.wait(_START_SECONDS):
            raise TimeoutError("the reader did not reach the end of its topic")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join(_START_SECONDS)
        self._consumer.close()

    def _run(self) -> None:
        at_end: set[int] = set()
        while not self._stop.is_set():
            message = self._consumer.poll(POLL_SECONDS)
            if message is None:
                continue
            if message.error() is None:
                self._take(message.value() or b"", self._clock())
                continue
            at_end.add(message.partition() or 0)
            if len(at_end) == PARTITIONS:
                self._reading.set()


def _replies() -> Iterator[tuple[str, bytes]]:
    for number in count():
        ticket = ticket_id(number % KEYS)
        yield ticket, command(ticket, number)


class Hop:
    """Sends commands to a running engine and times its events.

    `records` are what is sent, with keys, numbered from `first` on, by default replies without end; `number_of` says to
    which of them an event belongs.
    """

    def __init__(
        self,
        bootstrap: str,
        commands: str,
        events: str,
        *,
        records: Iterable[tuple[str, bytes]] | None = None,
        first: int = 0,
        number_of: Callable[[bytes], int] = lambda value: int(_decode(value).data.cause.removeprefix("c-")),
    ) -> None:
        self._commands = commands
        self._arrivals = _Arrivals()
        self._first = self._numbers = first
        self._number_of = number_of
        self._records = iter(records if records is not None else _replies())
        self._producer = Producer(
            {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 0, "acks": "all"},
            logger=SILENT,
        )
        self._reader = Reader(bootstrap, events, self._seen, time.monotonic)
        # The reader must not wait for long until the sender lets go of the interpreter.
        self._switch_seconds = sys.getswitchinterval()

    def __enter__(self) -> Self:
        """Begin to read."""
        sys.setswitchinterval(SWITCH_SECONDS)
        self._reader.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop reading."""
        self._reader.__exit__(kind, error, at)
        self._producer.close()
        sys.setswitchinterval(self._switch_seconds)

    def _seen(self, value: bytes, at_seconds: float) -> None:
        self._arrivals.take(self._number_of(value), at_seconds)

    def at(self, per_second: float, seconds: float) -> Paced:
        """Send at this pace for so long, and wait until every event was read.

        Raises:
            TimeoutError: some events never came.
        """
        first, doubled_before = self._numbers, self._arrivals.doubled
        due = self._send(per_second, round(per_second * seconds))
        arrived = self._arrivals.at_seconds
        self._await(first, len(due))
        milliseconds = [(arrived[first + place] - instant) * 1_000 for place, instant in enumerate(due)]
        return Paced(len(due), self._arrivals.doubled - doubled_before, milliseconds)

    def _send(self, per_second: float, events: int) -> list[float]:
        began = time.monotonic()
        due: list[float] = []
        for place in range(events):
            instant = began + place / per_second
            if (wait := instant - time.monotonic()) > 0:
                time.sleep(wait)
            key, value = next(self._records)
            self._producer.produce(self._commands, key=key.encode(), value=value, headers=HEADERS)
            self._producer.poll(0)
            self._numbers += 1
            due.append(instant)
        self._producer.flush(SETTLE_SECONDS)
        return due

    def _await(self, first: int, count: int) -> None:
        arrived = self._arrivals.at_seconds
        deadline = time.monotonic() + SETTLE_SECONDS
        expected = first - self._first + count
        while len(arrived) < expected:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{expected - len(arrived)} of {count} events never came")
            time.sleep(POLL_SECONDS)
