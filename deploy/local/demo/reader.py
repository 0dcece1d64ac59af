"""An independent reader of the topics: a read_committed consumer and plain JSON, nothing of the services' code."""

import json
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from deploy.local.errors import StackError
from deploy.local.waiting import holds_within

TOPICS: Final = (
    "ticket.commands",
    "ticket.events",
    "ticket.snapshots",
    "ticket.assignments",
    "ticket.sla",
    "ticket.notifications",
    "ticket.feedback",
    "routing.work",
    "notifier.outbox",
)
"""What is accounted for, besides every `*.dlq`."""

_ASK_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.1
_BATCH_RECORDS: Final = 500
_STOP_SECONDS: Final = 5.0
_SILENT: Final = 0
"""The client would report every refused connection to a broker that is away; what matters shows in the account."""
_GATHERED_BYTES: Final = 100_000


class Record(NamedTuple):
    """One record as it was read. `written_ms` is Kafka's timestamp, `seen_ms` when we had it (both since 1970)."""

    topic: str
    partition: int
    offset: int
    key: str
    event: dict[str, Any] | None
    written_ms: int
    seen_ms: float


class Reader:
    """Reads all of the topics from their beginning in a thread, and hands every record to `take`.

    Args:
        bootstrap: the brokers.
        take: called with each record, from the reader's thread.
        now_ms: the time in milliseconds since 1970.
        gather_ms: how long the broker may wait for more, which spares it work; 0 to see each record at once.
    """

    def __init__(
        self, bootstrap: str, take: Callable[[Record], None], now_ms: Callable[[], float], *, gather_ms: int = 100
    ) -> None:
        settings = {
            "bootstrap.servers": bootstrap,
            "group.id": "demo-account",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            **({"fetch.min.bytes": _GATHERED_BYTES, "fetch.wait.max.ms": gather_ms} if gather_ms else {}),
            "reconnect.backoff.max.ms": 500,
            "log_level": _SILENT,
        }
        self._consumer = Consumer(settings)
        self._take = take
        self._now_ms = now_ms
        self._bootstrap = bootstrap
        self._places: list[tuple[str, int]] = []
        self._ends: dict[tuple[str, int], int] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-account", daemon=True)
        self.error: str | None = None

    def __enter__(self) -> Self:
        """Begin to read."""
        self._places = self._all_partitions()
        self._consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in self._places])
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop reading."""
        self._stopping.set()
        self._thread.join(_STOP_SECONDS)

    def read_to_end(self, seconds: float) -> None:
        """Wait until everything that is committed now has been taken; raises StackError when that takes too long."""
        specs = {TopicPartition(*place): OffsetSpec.latest() for place in self._places}
        admin = AdminClient({"bootstrap.servers": self._bootstrap, "log_level": _SILENT})
        asked = admin.list_offsets(specs, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_ASK_SECONDS)
        wanted = {(place.topic, place.partition): answer.result().offset for place, answer in asked.items()}

        def reached() -> bool:
            return all(self._ends.get(place, -1) >= end for place, end in wanted.items())

        if not holds_within(reached, seconds) or self.error is not None:
            raise StackError(f"the topics could not be read to their end in {seconds:g} s: {self.error or 'too slow'}")

    def _all_partitions(self) -> list[tuple[str, int]]:
        known = self._consumer.list_topics(timeout=_ASK_SECONDS).topics
        missing = [name for name in TOPICS if name not in known]
        if missing:
            raise StackError(f"there are no topics {', '.join(missing)}")
        names = [*TOPICS, *(name for name in known if name.endswith(".dlq"))]
        return [(name, number) for name in names for number in known[name].partitions]

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                for message in self._consumer.consume(_BATCH_RECORDS, _POLL_SECONDS):
                    self._on(message)
        except Exception as error:  # noqa: BLE001 - the thread's end must be seen, whatever it was
            self.error = f"{type(error).__name__}: {error}"
        finally:
            self._consumer.close()

    def _on(self, message: Message) -> None:
        topic, partition, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public name
                self._ends[topic, partition] = offset
            elif error.fatal() or not error.retriable():
                self._complain(error)
            return
        kind, written_ms = message.timestamp()
        value = message.value()
        record = Record(
            topic,
            partition,
            offset,
            (message.key() or b"").decode() if isinstance(message.key(), bytes) else str(message.key() or ""),
            json.loads(value) if value is not None else None,
            0 if kind == TIMESTAMP_NOT_AVAILABLE else written_ms,
            self._now_ms(),
        )
        self._take(record)

    def _complain(self, error: KafkaError) -> None:
        # A broker that is away for a while is not our affair: the client connects again.
        transient = {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE}  # noqa: SLF001 - as above
        if error.code() not in transient:
            raise KafkaException(error)
