"""The producer: outside transactions for operators, inside them for processors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from confluent_kafka import KafkaError, TopicPartition

from schemas.partition import partition_of
from tests.simulation.broker.cluster import RECORD_BYTES_MAX, Cluster
from tests.simulation.broker.errors import abortable, plain
from tests.simulation.broker.groups import Committed, Membership
from tests.simulation.broker.message import Message
from tests.simulation.broker.partition_log import Headers, PartitionLog
from tests.simulation.broker.transactions import Transaction
from tests.simulation.sights import Sight

SENT_AT_ONCE: Final = 0.3

OnDelivery = Callable[[KafkaError | None, Message], None]


class _Record:
    __slots__ = ("headers", "key", "on_delivery", "partition", "topic", "value")

    def __init__(
        self, log: PartitionLog, key: bytes | None, value: bytes | None, headers: Headers, told: OnDelivery | None
    ) -> None:
        self.topic, self.partition = log.topic, log.number
        self.key, self.value, self.headers = key, value, headers
        self.on_delivery = told


class SimulatedProducer:
    """Looks like `confluent_kafka.Producer`. What is produced reaches the brokers at some time before the commit."""

    def __init__(self, cluster: Cluster, config: dict[str, Any]) -> None:
        self._cluster = cluster
        self.config = config
        self._writer: str | None = config.get("transactional.id")
        self._epoch = -1
        self._transaction: Transaction | None = None
        self._unsent: list[_Record] = []
        self._deliveries: list[tuple[OnDelivery, Message]] = []

    def init_transactions(self, timeout: float) -> None:
        """Take over the transactional id."""
        del timeout
        self._cluster.point("init")
        self._cluster.busy()
        self._epoch = self._cluster.transactions.take_over(self._id)
        self._cluster.point("init done")

    def begin_transaction(self) -> None:
        """Begin: a local matter."""
        self._cluster.point("begin")
        self._cluster.busy()
        self._unsent.clear()
        self._transaction = None

    def produce(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int = -1,
        on_delivery: OnDelivery | None = None,
        headers: Headers | None = None,
    ) -> None:
        """Put a record in the client's queue."""
        self._cluster.point("produce")
        if (value is not None and len(value) > RECORD_BYTES_MAX) or self._cluster.refuses(topic, value):
            raise plain(KafkaError.MSG_SIZE_TOO_LARGE)
        if partition < 0:
            partition = partition_of(key or b"", self._cluster.partitions)
        log = self._cluster.topics[topic][partition]
        self._unsent.append(_Record(log, key, value, headers or [], on_delivery))
        if self._writer is None or self._cluster.time.random.random() < SENT_AT_ONCE:
            self._send()

    def send_offsets_to_transaction(
        self, positions: list[TopicPartition], group_metadata: Membership, timeout: float
    ) -> None:
        """Put input offsets into the transaction, if the group still knows the member in this generation."""
        del timeout
        self._cluster.point("send_offsets")
        if not positions:
            return  # the client sends nothing then, so nobody looks at the generation
        transaction = self._open()
        group = self._cluster.group(group_metadata.group)
        refused = group.refusal(group_metadata)
        if refused is not None:
            self._cluster.time.seen[Sight.REFUSED] += 1
            raise abortable(refused, "the group has moved on")
        offsets = {(each.topic, each.partition): Committed(each.offset, each.metadata or "") for each in positions}
        group.take_pending(transaction, offsets)
        self._cluster.point("offsets sent")

    def commit_transaction(self, timeout: float) -> None:
        """Send what is left, then decide."""
        del timeout
        self._cluster.point("commit")
        coordinator = self._cluster.transactions
        if self._transaction is None or not self._transaction.committed:
            self._send()
            coordinator.end(self._id, self._epoch, commit=True)
            if self._cluster.current is not None and self._transaction is not None:
                self._cluster.current.committed()
        self._cluster.point("committed")
        self.poll(0)

    def abort_transaction(self, timeout: float) -> None:
        """Undo."""
        del timeout
        self._cluster.point("abort")
        self._unsent.clear()
        self._deliveries.clear()
        if self._transaction is not None:
            self._cluster.transactions.end(self._id, self._epoch, commit=False)
        self._transaction = None

    def poll(self, timeout: float) -> int:
        """Call delivery reports."""
        del timeout
        deliveries, self._deliveries = self._deliveries, []
        for told, message in deliveries:
            told(None, message)
        return len(deliveries)

    def flush(self, timeout: float) -> int:
        """Send everything."""
        self._send()
        self.poll(timeout)
        return 0

    def close(self) -> None:
        """Abort what is open."""
        self._cluster.point("close")
        transaction = self._transaction
        if transaction is not None and transaction.outcome is None:
            self._cluster.transactions.end(self._id, self._epoch, commit=False)

    @property
    def _id(self) -> str:
        assert self._writer is not None, "not a transactional producer"
        return self._writer

    def _open(self) -> Transaction:
        coordinator = self._cluster.transactions
        if self._transaction is None:
            seconds = self.config["transaction.timeout.ms"] / 1000
            self._transaction = coordinator.begin(self._id, self._epoch, seconds)
        coordinator.check(self._id, self._epoch)
        return self._transaction

    def _send(self) -> None:
        if not self._unsent:
            return
        transaction = self._open() if self._writer is not None else None
        unsent, self._unsent = self._unsent, []
        for record in unsent:
            log = self._cluster.topics[record.topic][record.partition]
            offset = log.append(record.key, record.value, record.headers, transaction, self._cluster.time.now)
            if transaction is not None:
                transaction.partitions[log] = None
            if record.on_delivery is not None:
                message = Message(record.topic, record.partition, offset, next(log.entries(offset, offset + 1)))
                self._deliveries.append((record.on_delivery, message))
