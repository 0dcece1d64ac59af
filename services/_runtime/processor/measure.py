"""What a processor tells Prometheus, observed once a batch so that it costs nothing a record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from schemas.dead_letters import Reason
from services._runtime import metrics
from services._runtime.engine.batch import Batch
from services._runtime.engine.state import PartitionState
from services._runtime.engine.topology import Topology
from services._runtime.figures import Countable, Figure, Shown
from services._runtime.logs import get_logger

OVERDUE: Final = timedelta(seconds=10)
"""A timer this late is overdue: it waits until its inputs were read, and is looked at now and then only."""
OVERDUE_MAX: Final = 10_000

log = get_logger(__name__)


class Meter:
    """The metrics of one processor, with their labels looked up once."""

    def __init__(self, topology: Topology[Any]) -> None:
        name = self._name = topology.name
        store = topology.changelog.name.removesuffix(".changelog")
        self._records = metrics.PROCESSOR_BATCH_RECORDS.labels(name)
        self._transaction_seconds = metrics.PROCESSOR_TRANSACTION_SECONDS.labels(name)
        self._keys = metrics.PROCESSOR_STATE_KEYS.labels(name, store)
        self._bytes = metrics.PROCESSOR_STATE_BYTES.labels(name, store)
        self._outdated = metrics.PROCESSOR_STATE_OUTDATED_KEYS.labels(name, store)
        self._timers = metrics.PROCESSOR_TIMERS_PENDING.labels(name)
        self._lateness_seconds = metrics.PROCESSOR_TIMER_LATENESS_SECONDS.labels(name)
        self._parked_keys = metrics.PROCESSOR_PARKED_KEYS.labels(name)
        self._figures = Shown()
        # A series that begins with its first count has no increase that anyone could be alarmed by.
        for reason in Reason:
            metrics.PROCESSOR_DEAD_LETTERS.labels(name, reason.value)
        for contract in (contract for topic in topology.writes for contract in topic.types):
            metrics.PROCESSOR_EVENTS.labels(name, short_name(contract.type_name))

    def assigned(self, partitions: int) -> None:
        """An assignment came."""
        metrics.PROCESSOR_REBALANCES.labels(self._name).inc()
        metrics.PROCESSOR_PARTITIONS.labels(self._name).set(partitions)

    def revoked(self, topics: Collection[str]) -> None:
        """All partitions were taken away: what was said of them is another process's to say."""
        metrics.PROCESSOR_PARTITIONS.labels(self._name).set(0)
        self.lag(dict.fromkeys(topics, 0))
        self.holds(())
        self._figures.show(())

    def holds(self, partitions: Collection[PartitionState[Any]]) -> None:
        """What is in memory now."""
        self._keys.set(sum(len(state.entries) for state in partitions))
        self._bytes.set(sum(state.encoded_bytes for state in partitions))
        self._outdated.set(sum(len(state.outdated) for state in partitions))
        self._timers.set(sum(state.timers_pending for state in partitions))
        self._parked_keys.set(sum(len(state.parked) for state in partitions))

    def figures(self, partitions: Collection[PartitionState[Any]], now: datetime) -> None:
        """What can be said of what is held only by looking into it: timers overdue, and figures of the indexes."""
        self._figures.show(self._all_figures(partitions, now))

    def _all_figures(self, partitions: Collection[PartitionState[Any]], now: datetime) -> Iterator[Figure]:
        labels = (self._name,)
        yield Figure(metrics.PROCESSOR_TIMERS_OVERDUE, labels, 0)
        for state in partitions:
            index: object = state.index
            if isinstance(index, Countable):
                yield from index.figures()
            yield Figure(metrics.PROCESSOR_TIMERS_OVERDUE, labels, state.timers_due_by(now - OVERDUE, OVERDUE_MAX))
            state.drop_stale_tops()
            due_at = state.next_due_at()
            if due_at is not None:
                yield Figure(metrics.PROCESSOR_NEXT_TIMER, labels, due_at.timestamp(), earliest=True)

    def restored(self, records: int, seconds: float, partitions: Collection[PartitionState[Any]]) -> None:
        """All assigned partitions are restored."""
        self.holds(partitions)
        metrics.PROCESSOR_RESTORE_SECONDS.labels(self._name).observe(seconds)
        metrics.PROCESSOR_RESTORED_RECORDS.labels(self._name).inc(records)

    def lag(self, records_by_topic: Mapping[str, int]) -> None:
        """How many records of each input are written but not yet read."""
        for topic, records in records_by_topic.items():
            metrics.PROCESSOR_LAG_RECORDS.labels(self._name, topic).set(records)

    def aborted(self, kind: str) -> None:
        """A transaction was aborted."""
        metrics.PROCESSOR_ABORTS.labels(self._name, kind).inc()

    def committed(
        self, batch: Batch[Any], transaction_seconds: float, partitions: Collection[PartitionState[Any]]
    ) -> None:
        """A batch was committed."""
        self._records.observe(sum(batch.records_by_topic.values()))
        self._transaction_seconds.observe(transaction_seconds)
        self.holds(partitions)
        self._lateness_seconds.observe_all(batch.lateness_seconds)
        for topic, count in Counter(output.topic for output in batch.outputs).items():
            metrics.PROCESSOR_OUTPUTS.labels(self._name, topic).inc(count)
        for type_name, count in Counter(batch.types).items():
            metrics.PROCESSOR_EVENTS.labels(self._name, short_name(type_name)).inc(count)
        for topic, count in batch.records_by_topic.items():
            metrics.PROCESSOR_RECORDS.labels(self._name, topic).inc(count)
        parked = batch.set_aside.get(Reason.PARKED, 0)
        if parked:
            metrics.PROCESSOR_PARKED_RECORDS.labels(self._name).inc(parked)
        for reason, count in batch.set_aside.items():
            metrics.PROCESSOR_DEAD_LETTERS.labels(self._name, reason.value).inc(count)
            log.error("records_set_aside", processor=self._name, reason=reason.value, count=count)


@cache
def short_name(type_name: str) -> str:
    """`aftercare.ticket.opened.v1` as `ticket.opened`."""
    return type_name.removeprefix("aftercare.").rpartition(".")[0]
