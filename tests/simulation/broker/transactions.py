"""The transaction coordinator: who may write under an id, and what becomes of what was written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from confluent_kafka import KafkaError

from tests.simulation.broker.errors import FENCED, fatal, plain
from tests.simulation.broker.partition_log import PartitionLog
from tests.simulation.broker.timeline import Timeline
from tests.simulation.sights import Sight

SLOW_MARKERS: Final = 0.1
SLOW_MARKER_SECONDS: Final = 4.0
QUICK_MARKER_SECONDS: Final = 0.02
MARKERS_SECONDS_MAX: Final = 60.0

EndOffsets = Callable[["Transaction"], None]


class Transaction:
    """One transaction. `outcome` is None while it is open, then whether it was committed.

    That it is decided does not make it visible: the partitions and groups it touched learn it by a marker each,
    `markers_left` counts those under way.
    """

    __slots__ = ("began_at", "groups", "markers_left", "outcome", "partitions", "timeout_seconds", "writer")

    def __init__(self, writer: str, began_at: datetime, timeout_seconds: float) -> None:
        self.writer = writer
        self.began_at = began_at
        self.timeout_seconds = timeout_seconds
        self.outcome: bool | None = None
        self.partitions: dict[PartitionLog, None] = {}
        self.groups: dict[EndOffsets, None] = {}
        self.markers_left = 0

    @property
    def committed(self) -> bool:
        """Whether it was committed; False while it is open."""
        return self.outcome is True


class _Slot:
    """What is known of a transactional id."""

    __slots__ = ("epoch", "transaction")

    def __init__(self) -> None:
        self.epoch = -1
        self.transaction: Transaction | None = None


class TransactionCoordinator:
    """Epochs by transactional id. Commits and aborts are decided at once and become visible marker by marker."""

    def __init__(self, time: Timeline) -> None:
        self._time = time
        self._slots: dict[str, _Slot] = {}

    def take_over(self, writer: str) -> int:
        """Give out the next epoch of an id: whoever wrote under it is fenced, what it left open is aborted."""
        slot = self._slots.setdefault(writer, _Slot())
        slot.epoch += 1
        self._finish(slot, commit=False)
        return slot.epoch

    def begin(self, writer: str, epoch: int, timeout_seconds: float) -> Transaction:
        """Begin a transaction, once the last one of this id is visible everywhere.

        Raises:
            KafkaException: fatal, the writer was fenced.
        """
        slot = self.check(writer, epoch)
        self._finish(slot, commit=False)
        slot.transaction = Transaction(writer, self._time.now, timeout_seconds)
        return slot.transaction

    def check(self, writer: str, epoch: int) -> _Slot:
        """Tell a writer that it was fenced.

        Raises:
            KafkaException: fatal.
        """
        slot = self._slots[writer]
        if slot.epoch != epoch:
            self._time.seen[Sight.FENCED] += 1
            raise fatal(FENCED, f"{writer} was fenced")
        return slot

    def end(self, writer: str, epoch: int, *, commit: bool) -> None:
        """Decide the open transaction; asking again for the same is answered alike.

        Raises:
            KafkaException: fatal, the writer was fenced; or the transaction was decided otherwise.
        """
        slot = self.check(writer, epoch)
        transaction = slot.transaction
        if transaction is None:
            return
        if transaction.outcome is None:
            self._decide(transaction, commit=commit)
        elif transaction.outcome is not commit:
            raise plain(KafkaError.INVALID_TXN_STATE, "it was decided otherwise")

    def fall_silent(self, writer: str) -> None:
        """The process behind an id says nothing any more: what it has open is aborted when its time is over."""
        slot = self._slots.get(writer)
        transaction = slot.transaction if slot is not None else None
        if transaction is None or transaction.outcome is not None:
            return
        ends_at = transaction.began_at + timedelta(seconds=transaction.timeout_seconds)
        self._time.at(ends_at, lambda: self._expire(writer, transaction))

    def open_transactions(self) -> list[str]:
        """The ids of writers with a transaction that is not decided or not yet visible everywhere."""
        return sorted(writer for writer, slot in self._slots.items() if not _is_over(slot.transaction))

    def _expire(self, writer: str, transaction: Transaction) -> None:
        if transaction.outcome is None:
            self._time.seen[Sight.TIMED_OUT] += 1
            self._slots[writer].epoch += 1
            self._decide(transaction, commit=False)

    def _finish(self, slot: _Slot, *, commit: bool) -> None:
        """Bring the last transaction of a slot to its end, and wait until all have heard of it."""
        transaction, slot.transaction = slot.transaction, None
        if transaction is None:
            return
        if transaction.outcome is None:
            self._decide(transaction, commit=commit)
        self._time.wait(MARKERS_SECONDS_MAX, lambda: transaction.markers_left == 0)

    def _decide(self, transaction: Transaction, *, commit: bool) -> None:
        transaction.outcome = commit
        marks = [lambda log=log: log.mark(transaction, self._time.now) for log in transaction.partitions]
        marks += [lambda tell=tell: tell(transaction) for tell in transaction.groups]
        transaction.markers_left = len(marks)
        for mark in marks:
            slow = self._time.random.random() < SLOW_MARKERS
            seconds = self._time.random.uniform(0, SLOW_MARKER_SECONDS if slow else QUICK_MARKER_SECONDS)
            self._time.after(seconds, lambda mark=mark: self._arrive(transaction, mark))  # type: ignore[misc]

    def _arrive(self, transaction: Transaction, mark: Callable[[], None]) -> None:
        transaction.markers_left -= 1
        mark()


def _is_over(transaction: Transaction | None) -> bool:
    return transaction is None or (transaction.outcome is not None and transaction.markers_left == 0)
