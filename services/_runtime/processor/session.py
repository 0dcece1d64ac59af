"""One membership in the consumer group, from joining to leaving or to the loss of the writer.

A session owns the clients and everything that is only true while they live: the assignment, the group's generation,
how far each input was read. What outlives it are partition states, which hold nothing that was not committed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final, Generic, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from services._runtime.clock import Clock
from services._runtime.engine.batch import Batch
from services._runtime.engine.engine import Engine, TooManyDeadLettersError
from services._runtime.engine.records import Record
from services._runtime.engine.topology import Topology
from services._runtime.kafka.clients import (
    CLIENT_LOG,
    PLACE_HEADER,
    REQUEST_SECONDS,
    admin_config,
    consumer_config,
    producer_config,
    transactional_id,
)
from services._runtime.logs import get_logger
from services._runtime.processor.fencing import a_broker_is_away
from services._runtime.processor.kept import KeptStates
from services._runtime.processor.measure import Meter
from services._runtime.processor.ownership import Clients, Ownership, Place
from services._runtime.processor.pace import Pace
from services._runtime.processor.restore import MissingTopicError
from services._runtime.processor.timer_gate import TimerGate
from services._runtime.processor.transaction import TransactionAborted, Writer, WriterLost
from services._runtime.settings import RuntimeSettings

log = get_logger(__name__)
S = TypeVar("S")

IDLE_SECONDS: Final = 0.1
LAG_EVERY_SECONDS: Final = 5.0
INPUTS_PER_WRITE: Final = 500
"""So many records, or timers, are decided before their outputs are handed to the client: it sends them while the next
are decided."""
TIMERS_PER_BATCH: Final = 5_000
REWRITES_PER_BATCH: Final = 2_000
ATTEMPTS_MAX: Final = 3
OUTAGE_ATTEMPTS_MAX: Final = 8
"""Of two seconds and a little each: longer than brokers take to notice that one of them has died, 9 s by default."""
NOT_OURS: Final = sys.maxsize
"""Stands for how far a partition was read that does not run here: nothing of it is taken."""


def as_set(topology: Topology[S], settings: RuntimeSettings) -> Topology[S]:
    """The topology as the operator wants it: which version it writes, how many keys may be parked."""
    if settings.state_writes == "previous":
        topology = topology.writing_previous()
    if settings.parked_keys_max is not None:
        topology = replace(topology, parked_keys_max=settings.parked_keys_max)
    return topology


class Session(Generic[S]):
    """One life of consumer, producer and admin client. Everything runs on the processor's thread."""

    def __init__(self, topology: Topology[S], settings: RuntimeSettings, clock: Clock, kept: KeptStates[S]) -> None:
        topology = as_set(topology, settings)
        self._topology = topology
        self._settings = settings
        self._clock = clock
        self._writer_id = transactional_id(topology.name, settings)
        self._topics = tuple(topic.name for topic in topology.sources)
        self._retries = topology.retries.name if topology.retries is not None else ""
        self._engine = Engine(topology)
        self._admin = AdminClient(admin_config(settings, self._writer_id), logger=CLIENT_LOG)
        self._consumer = Consumer(consumer_config(settings, topology.name, self._writer_id), logger=CLIENT_LOG)
        self._writer = Writer(producer_config(settings, self._writer_id), clock, partial(a_broker_is_away, self._admin))
        self._gate = TimerGate(self._admin, self._topics)
        self._meter = Meter(topology)
        self._owned = Ownership(
            self._engine,
            kept,
            Clients(settings, self._writer_id, self._consumer, self._admin, clock),
            self._meter,
            on_change=self._gate.forget,
        )
        self._pace = Pace()
        self._began_at_seconds = 0.0
        self._moving: list[TopicPartition] = []
        self._measure_lag_at_seconds = 0.0
        self.committed_anything = False

    # ── life ────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def ready(self) -> bool:
        """Whether the group has given its partitions out and all of ours are restored."""
        return self._owned.ready

    @property
    def status(self) -> str:
        """One line for people."""
        return self._owned.status

    def start(self) -> None:
        """Fence an earlier process of this slot, then join the group.

        Raises:
            MissingTopicError: a topic does not exist, or the inputs and the changelog differ in partitions.
            WriterLost, KafkaException: the broker can't be reached.
        """
        self._check_topics()
        self._writer.start()
        self._owned.subscribe()

    def _check_topics(self) -> None:
        """A group on topics that are not there would idle for ever and look well."""
        known = self._admin.list_topics(timeout=REQUEST_SECONDS).topics
        changelog = self._topology.changelog.name
        for topic in (*self._topics, changelog, self._topology.dead_letters.name):
            if topic not in known:
                raise MissingTopicError(f"{topic} does not exist: run `python -m services topics apply`")
        counts = {topic: len(known[topic].partitions) for topic in (*self._topics, changelog)}
        if len(set(counts.values())) != 1:
            raise MissingTopicError(f"the same key must be on the same partition everywhere, but there are {counts}")

    def close(self) -> None:
        """Leave the group; the states go to the kept ones. What fails to close keeps nothing else open."""
        with ExitStack() as last_to_first:
            last_to_first.callback(self._writer.close)
            last_to_first.callback(self._owned.close)
            last_to_first.callback(self._consumer.close)

    # ── the loop ────────────────────────────────────────────────────────────────────────────────────────────────

    def step(self) -> Sequence[Any]:
        """Go once round: poll, restore, decide, commit. Return the effects of what was committed.

        Raises:
            WriterLost: the session is over; memory is not to be trusted beyond committed states.
            KafkaException: the clients failed for good.
        """
        self._owned.begin_restore()
        records = self._records(self._poll())
        self._owned.go_on_restoring()
        if self._clock.monotonic_seconds() >= self._measure_lag_at_seconds:
            self._measure_lag()
        return self._run_batch(records)

    def _poll(self) -> list[Any]:
        first = self._consumer.consume(1, self._wait_seconds())
        if not first:
            return first
        # Gathering a moment makes fewer, fuller transactions, and each is answered sooner for it.
        gather_seconds = 0.0 if first[0].error() is not None else self._topology.gather_seconds
        return [*first, *self._consumer.consume(self._pace.records_max - 1, gather_seconds)]

    def _wait_seconds(self) -> float:
        if self._owned.is_restoring:
            return 0.0
        if self._gate.is_asking:
            return 0.005
        now = self._clock.now()
        dues = (state.next_due_at() for state in self._engine.partitions.values())
        soonest = min((due for due in dues if due is not None), default=None)
        if soonest is None:
            return IDLE_SECONDS
        return min(IDLE_SECONDS, max(0.005, (soonest - now).total_seconds()))

    def _records(self, messages: Iterable[Any]) -> list[Record]:
        """Turn what was polled into records of active partitions, and note how far each input was read."""
        read_to = self._owned.read_to
        records: list[Record] = []
        for message in messages:
            error = message.error()
            if error is not None:
                self._note_error(message, error)
                continue
            topic, partition, offset = message.topic(), message.partition(), message.offset()
            place = topic, partition
            if offset < read_to.get(place, NOT_OURS):
                # Fetched before the partition was positioned: it was committed by whoever owned it then.
                continue
            read_to[place] = offset + 1
            if topic == self._retries:
                records.append(_redriven(message))
            else:
                records.append(Record(topic, partition, offset, message.key(), message.value()))
        return records

    def _note_error(self, message: Any, error: KafkaError) -> None:
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public name for it
            if message.partition() in self._engine.partitions:
                place = (message.topic(), message.partition())
                self._owned.read_to[place] = max(self._owned.read_to[place], message.offset())
        elif error.fatal():
            raise KafkaException(error)
        else:
            log.warning("poll_error", processor=self._topology.name, error=str(error))

    # ── deciding and committing ─────────────────────────────────────────────────────────────────────────────────

    def _run_batch(self, records: list[Record]) -> Sequence[Any]:
        """Decide and commit `records` and what is due; on an abort decide the same again, from memory."""
        may_fire = self._timers_that_may_fire()
        outdated = [partition for partition, state in self._engine.partitions.items() if state.outdated]
        if not records and not may_fire and not outdated:
            return ()
        refused: TransactionAborted | None = None
        for attempt in range(1, OUTAGE_ATTEMPTS_MAX + 1):
            batch = self._engine.begin(self._clock.now())
            try:
                self._decide_and_commit(batch, records, may_fire, outdated)
            except TransactionAborted as aborted:
                self._abort(batch)
                self._meter.aborted(aborted.kind)
                log.warning("transaction_aborted", processor=self._topology.name, error=str(aborted), attempt=attempt)
                if aborted.record_fault:
                    refused = aborted
                    break
                if attempt >= ATTEMPTS_MAX and not aborted.outage:
                    break
            except TooManyDeadLettersError:
                self._abort(batch)
                raise
            except BaseException:
                self._engine.abort(batch)
                raise
            else:
                return batch.effects
        if refused is not None:
            # Not within the handler: what is decided there would carry this error as its context.
            return self._run_without_culprit(records, refused)
        raise WriterLost(f"aborted {attempt} times in a row")

    def _run_without_culprit(self, records: list[Record], aborted: TransactionAborted) -> Sequence[Any]:
        """Halve a batch that the broker refuses until the record to blame stands alone, and set that one aside."""
        if len(records) > 1:
            half = len(records) // 2
            return [*self._run_batch(records[:half]), *self._run_batch(records[half:])]
        if not records:
            raise WriterLost(f"the broker refuses what a timer wrote: {aborted}")
        batch = self._engine.begin(self._clock.now())
        try:
            self._engine.condemn(batch, records[0], aborted)
            self._begin(records, ())
            self._writer.write(batch.fresh_outputs())
            self._commit(batch)
        except TransactionAborted as again:
            self._abort(batch)
            raise WriterLost(f"aborted while setting a record aside: {again}") from again
        except BaseException:
            self._engine.abort(batch)
            raise
        return ()

    def _decide_and_commit(
        self, batch: Batch[S], records: list[Record], may_fire: Mapping[int, datetime], outdated: Sequence[int]
    ) -> None:
        """Decide a batch into one transaction, handing outputs to the client as they come."""
        self._begin(records, (*may_fire, *outdated))
        for first in range(0, len(records), INPUTS_PER_WRITE):
            self._engine.process(batch, records[first : first + INPUTS_PER_WRITE])
            self._writer.write(batch.fresh_outputs())
        for partition, until in may_fire.items():
            self._fire(batch, partition, until)
        for partition in outdated:
            self._engine.rewrite(batch, partition, REWRITES_PER_BATCH)
        self._engine.conclude(batch)
        self._writer.write(batch.fresh_outputs())
        self._commit(batch)

    def _fire(self, batch: Batch[S], partition: int, until: datetime) -> None:
        """Decide what is due in a partition, up to `TIMERS_PER_BATCH`."""
        for limit in range(INPUTS_PER_WRITE, TIMERS_PER_BATCH + 1, INPUTS_PER_WRITE):
            self._engine.fire(batch, partition, until, limit)
            self._writer.write(batch.fresh_outputs())
            if len(batch.partitions[partition].fired) < limit:
                return

    def _begin(self, records: Sequence[Record], without_records: Iterable[int]) -> None:
        self._began_at_seconds = self._clock.monotonic_seconds()
        self._moving = self._offsets(records, without_records)
        self._writer.begin(self._moving, self._owned.group_metadata)

    def _commit(self, batch: Batch[S]) -> None:
        ends = self._writer.commit(list(self._engine.changelog(batch)))
        self._engine.commit(batch)
        for partition, position in ends.items():
            self._engine.partitions[partition].changelog_position = position
        for place in self._moving:
            self._owned.committed[place.topic, place.partition] = place.offset
        self.committed_anything = True
        seconds = self._clock.monotonic_seconds() - self._began_at_seconds
        self._pace.took(batch.records_by_topic.total(), seconds)
        self._meter.committed(batch, seconds, self._engine.partitions.values())

    def _abort(self, batch: Batch[S]) -> None:
        self._engine.abort(batch)
        self._writer.abort()

    def _offsets(self, records: Sequence[Record], without_records: Iterable[int]) -> list[TopicPartition]:
        """The input offsets of a batch, at least one for each partition it touches.

        Offsets carry the group's generation to the coordinator: a batch without any, of timers alone, could be
        committed by a process whose partitions have moved on.
        """
        ends: dict[Place, int] = {(each.topic, each.partition): each.offset + 1 for each in records}
        for partition in without_records:
            place = (self._topics[0], partition)
            ends.setdefault(place, self._owned.committed[place])
        return [
            TopicPartition(topic, partition, offset, metadata=self._writer_id)
            for (topic, partition), offset in ends.items()
        ]

    def _timers_that_may_fire(self) -> dict[int, datetime]:
        """Up to when each partition with due timers may fire them; asks the brokers where that is not known yet."""
        now = self._clock.now()
        self._gate.collect(now)
        may_fire: dict[int, datetime] = {}
        ask: list[int] = []
        for partition, state in self._engine.partitions.items():
            state.drop_stale_tops()
            due_at = state.next_due_at()
            if due_at is None or due_at > now:
                continue
            if self._gate.is_waiting(partition, self._owned.read_to):
                continue
            until = self._gate.open_until(partition, self._owned.read_to)
            if until is not None and due_at <= until:
                may_fire[partition] = until
            else:
                ask.append(partition)
        if ask:
            self._gate.ask(ask, now)
        return may_fire

    def _measure_lag(self) -> None:
        """Say how far behind the inputs are, from what the client has heard anyway: no request is made for it."""
        self._measure_lag_at_seconds = self._clock.monotonic_seconds() + LAG_EVERY_SECONDS
        lag = dict.fromkeys(self._topics, 0)
        for (topic, partition), read_to in self._owned.read_to.items():
            marks = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
            if marks[1] > read_to:
                lag[topic] += marks[1] - read_to
        self._meter.lag(lag)
        self._meter.figures(self._engine.partitions.values(), self._clock.now())


def _redriven(message: Any) -> Record:
    """A dead letter's record that was sent again, with its place in line."""
    headers = {name: bytes(value or b"").decode(errors="replace") for name, value in message.headers() or ()}
    place = headers.get(PLACE_HEADER, "")
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        message.key(),
        message.value(),
        redriven=True,
        first_offset=int(place) if place.isdecimal() else None,
    )
