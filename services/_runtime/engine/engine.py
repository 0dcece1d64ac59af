"""Decides a batch: records and due timers in, one `Batch` of outputs, changes and dead letters out.

The engine does no I/O and reads no clock. Changes of a batch sit in an overlay above the committed values until its
owner says `commit` (the transaction is known to be committed) or `abort` (it is known not to be). A record that can't
be decoded or decided becomes a dead letter inside the same batch; it never stops the others.

`_decide` and what it calls run once an event: each microsecond there is a tenth of what the client itself costs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final, Generic, TypeVar

from schemas import envelope, personal
from schemas.dead_letters import Reason
from services._runtime.engine.batch import Batch, PartitionBatch
from services._runtime.engine.codec import Entry, StateCodec
from services._runtime.engine.counting import CountedInputs
from services._runtime.engine.dead_letters import NO_OFFSET, NO_TENANT, encode_letter, letter
from services._runtime.engine.records import Output, Record
from services._runtime.engine.state import PARKED, DueTimer, PartitionState, encode_parked
from services._runtime.engine.topology import (
    UNCHANGED,
    Decision,
    Emit,
    Event,
    Handled,
    Handler,
    Timer,
    Topology,
    firing_id,
)

S = TypeVar("S")

OUTPUT_BYTES_MAX: Final = 900_000
TIMER: Final = "timer"
BATCH: Final = "batch"


class TooManyDeadLettersError(Exception):
    """So many inputs in a row could not be processed that the fault is hardly theirs: the processor must stop."""


class TooManyParkedKeysError(TooManyDeadLettersError):
    """So many keys of a partition wait for redrive that somebody should look before more of them do."""


class OutputTooLargeError(Exception):
    """A decision wants to write more than a topic takes."""


class Engine(Generic[S]):
    """The decisions of one topology over the partitions that this process owns."""

    def __init__(self, topology: Topology[S]) -> None:
        self.topology = topology
        self.partitions: dict[int, PartitionState[S]] = {}
        self._codec = StateCodec(topology)
        self._version = topology.state_version
        self._settles = not self._codec.writes_own_version
        self._source = f"/aftercare/{topology.service}"
        self._handlers: dict[str, Handler] = {
            contract.type_name: handler for contract, handler in topology.handlers.items()
        }
        self._counted = CountedInputs(topology.counted)
        self._parks = topology.parks
        self._on_batch = topology.on_batch
        self._dead_letters_in_a_row = 0

    def new_partition(self, partition: int) -> PartitionState[S]:
        """Return an empty state for a partition, to be restored and then put in `partitions`."""
        return PartitionState(partition, self.topology)

    # ── a batch ─────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, now: datetime) -> Batch[S]:
        """Return an empty batch that is decided at `now`."""
        return Batch(now, self._dead_letters_in_a_row)

    def process(self, batch: Batch[S], records: Sequence[Record]) -> None:
        """Decide `records` in order into `batch`.

        Raises:
            TooManyDeadLettersError: the topology's limit of dead letters in a row is exceeded.
            TooManyParkedKeysError: its limit of parked keys of a partition is.
        """
        batch.records_by_topic.update([record.topic for record in records])
        if self._counted:
            records = self._count(batch, records)
        parts = batch.partitions
        for record in records:
            part = parts.get(record.partition)
            if part is None:
                part = self._part(batch, record.partition)
            if self._on_batch is not None:
                part.records.append(record)
            key = _text(record.key)
            if part.any_parked and self._parks and part.holds_back(key, record):
                self._set_aside(batch, part, record, key, Reason.PARKED, None)
                continue
            try:
                self._decide(batch, part, record, key)
            except Exception as error:  # noqa: BLE001 - whatever a record raises, the others must go on
                self._set_aside(batch, part, record, key, _reason(error), error)
            else:
                batch.dead_letters_in_a_row = 0
                if record.redriven:
                    part.release(key, record.first_offset)

    def fire(self, batch: Batch[S], partition: int, until: datetime, limit: int) -> None:
        """Fire up to `limit` current timers of a partition that are due at or before `until`, in due order.

        None that is due after the batch's `now`: a clock that was set back makes an `until` from before too late.

        Raises:
            TooManyDeadLettersError: as `process`.
        """
        part = self._part(batch, partition)
        for due in part.state.pop_due(min(until, batch.now)):
            entry = part.entry(due.key)
            if entry is None or not part.state.is_current(due, entry):
                # Replaced, maybe by this very batch: then an abort, or a later decision, may make it current again.
                part.replaced.append(due)
                continue
            if part.parked_count(due.key):
                # What waits in the dead letters may be the very answer that the timer asks about.
                part.deferred.append(due)
                continue
            part.fired.append(due)
            self._fire_one(batch, part, due, entry)
            if len(part.fired) >= limit:
                return

    def conclude(self, batch: Batch[S]) -> None:
        """Say what is to be said of the whole batch, once all that belongs in it is decided."""
        if self._on_batch is None:
            return
        cause = Event(BATCH, "", BATCH, BATCH, batch.now, NO_TENANT, None)
        for part in batch.partitions.values():
            handled = Handled(part.records, part.set_aside, [(due.key, due.timer) for due in part.fired])
            for number, emit in enumerate(self._on_batch(handled, part)):
                batch.outputs.append(self._encode(emit, cause, number))
                batch.types.append(emit.data.type_name)

    def rewrite(self, batch: Batch[S], partition: int, limit: int) -> None:
        """Write up to `limit` entries of a partition again that lie in the changelog in a newer version than is wanted.

        So that older code can take over: what it could not read is gone once the changelog says so.
        """
        part = self._part(batch, partition)
        for key in list(islice(part.state.outdated, limit)):
            entry = part.entry(key)
            part.put(key, self._codec.settled(entry) if entry is not None else None)

    def condemn(self, batch: Batch[S], record: Record, error: Exception) -> None:
        """Set a record aside whose outputs the broker refuses, though deciding it went well."""
        key = _text(record.key)
        part = self._part(batch, record.partition)
        self._set_aside(batch, part, record, key, Reason.OUTPUT_TOO_LARGE, error)

    def changelog(self, batch: Batch[S]) -> Iterator[Output]:
        """Yield the changelog records of a batch: once a key, on the input partition's number."""
        topic = self.topology.changelog.name
        encode = self._codec.encode
        for partition, part in batch.partitions.items():
            written = written_bytes = 0
            for key, entry in part.overlay.items():
                value = encode(entry) if entry is not None else None
                yield Output(topic, key.encode(), value, partition)
                if value is not None:
                    written += 1
                    written_bytes += len(key) + len(value)
            for key, count in part.parked.items():
                yield Output(topic, (PARKED + key).encode(), encode_parked(count, part.failed_place(key)), partition)
            if written:
                part.state.sized(written, written_bytes)

    def commit(self, batch: Batch[S]) -> None:
        """Make the batch's changes the committed values: its transaction is known to be committed."""
        for part in batch.partitions.values():
            part.commit()
        self._dead_letters_in_a_row = batch.dead_letters_in_a_row

    def abort(self, batch: Batch[S]) -> None:
        """Forget the batch's changes: its transaction is known not to be committed."""
        for part in batch.partitions.values():
            part.abort()

    def _part(self, batch: Batch[S], partition: int) -> PartitionBatch[S]:
        part = batch.partitions.get(partition)
        if part is None:
            part = batch.partitions[partition] = PartitionBatch(self.partitions[partition], batch.now)
        return part

    def _count(self, batch: Batch[S], records: Sequence[Record]) -> list[Record]:
        """Decide what is only counted, a partition's at once; return the records that must be decided one by one."""
        counted, others = self._counted.split(records)
        for group in counted:
            last = group.records[-1]
            part = self._part(batch, last.partition)
            part.key, part.place = _text(last.key), last
            try:
                changes = group.count(group.views, part)
            except Exception:  # noqa: BLE001 - one of them is to blame: that shows when each is decided by itself
                others += group.records
                continue
            for change in changes:
                self._put(part, change.key, change.timers, change.state)
            batch.dead_letters_in_a_row = 0
        return others

    # ── one input ───────────────────────────────────────────────────────────────────────────────────────────────

    def _decide(self, batch: Batch[S], part: PartitionBatch[S], record: Record, key: str) -> None:
        value = record.value
        if value is None and record.redriven:
            # An operator discards a dead letter, or wakes a timer that raised: nothing to decide, only to free.
            return
        head = envelope.decode_head(value or b"")
        handler = self._handlers.get(head.type)
        if handler is None:
            return
        scope = envelope.scope_of(head) if personal.installation.codec is not None else None
        data = envelope.decode_data(head.type, head.data, scope)
        event = Event(
            record.topic, key, head.id, head.type, head.time, head.tenant, data, head.subject, head.traceparent
        )
        part.key, part.place = key, record
        entry = part.entry(key)
        decision = handler(entry.state if entry is not None else None, event, part)
        self._apply(batch, part, entry, decision, event)

    def _fire_one(self, batch: Batch[S], part: PartitionBatch[S], due: DueTimer, entry: Entry[S]) -> None:
        timer = due.timer
        fired = Entry(entry.version, tuple(other for other in entry.timers if other != timer), entry.state)
        part.key, part.place = due.key, due
        cause_id = firing_id(due.key, timer)
        cause = Event(TIMER, due.key, cause_id, TIMER, due.due_at, NO_TENANT, None)
        batch.lateness_seconds.append((batch.now - due.due_at).total_seconds())
        part.put(due.key, fired)
        try:
            if self.topology.on_timer is not None:
                decision = self.topology.on_timer(entry.state, timer, part)
                self._apply(batch, part, fired, decision, cause)
        except Exception as error:  # noqa: BLE001 - a timer that raises must not stop the other clocks
            # Kept, so that it fires again once the key is redriven.
            part.put(due.key, entry)
            # There is no record behind a timer; an empty one on this input wakes the key when it is redriven.
            source = self.topology.inputs[0].name
            record = Record(source, part.state.partition, NO_OFFSET, due.key.encode(), cause_id.encode())
            self._set_aside(batch, part, record, due.key, Reason.TIMER_RAISED, error)
        else:
            batch.dead_letters_in_a_row = 0

    def _apply(
        self,
        batch: Batch[S],
        part: PartitionBatch[S],
        old: Entry[S] | None,
        decision: Decision[S],
        cause: Event,
    ) -> None:
        """Take a decision into the batch, whole or not at all: encode first, since only encoding can fail."""
        indexed = decision.indexed
        try:
            self._tell(batch, decision.emits, cause)
        except Exception:
            if indexed:
                part.take_back(decision.changes)
            raise
        if indexed and self._settles:
            # What is kept may be other states than the handler's, for the sake of older code.
            part.take_back(decision.changes)
            indexed = False
        if decision.effects:
            batch.effects += decision.effects
        state, timers = decision.state, decision.timers
        if state is not UNCHANGED or timers is not None:
            if state is UNCHANGED:
                state = old.state if old is not None else None
            if timers is None:
                timers = old.timers if old is not None else ()
            self._put(part, cause.key, timers, state)
        for change in decision.changes:
            self._put(part, change.key, change.timers, change.state, indexed=indexed)

    def _tell(self, batch: Batch[S], emits: Sequence[Emit], cause: Event) -> None:
        if len(emits) == 1:
            batch.outputs.append(self._encode(emits[0], cause, 0))
            batch.types.append(emits[0].data.type_name)
        elif emits:
            batch.outputs += [self._encode(emit, cause, number) for number, emit in enumerate(emits)]
            batch.types += [emit.data.type_name for emit in emits]

    def _put(
        self, part: PartitionBatch[S], key: str, timers: tuple[Timer, ...], state: S | None, *, indexed: bool = False
    ) -> None:
        if part.any_parked and not self._parks:
            part.lift(key, timers)
        entry = Entry(self._version, timers, state) if state is not None else None
        if entry is not None and self._settles:
            entry = self._codec.settled(entry)
        part.put(key, entry, indexed=indexed)

    def _encode(self, emit: Emit, cause: Event, number: int) -> Output:
        data, topic, event_id, time = emit.data, emit.topic.name, emit.id, emit.occurred_at
        value = envelope.encode(
            type_name=data.type_name,
            event_id=event_id if event_id is not None else f"{self.topology.name}/{cause.id}/{number}",
            source=self._source,
            time=time if time is not None else cause.occurred_at,
            subject=emit.subject or cause.subject or emit.key,
            tenant=emit.tenant or cause.tenant,
            traceparent=cause.traceparent,
            data=data,
        )
        if len(value) > OUTPUT_BYTES_MAX:
            message = f"{topic}: an event of {len(value)} bytes, more than {OUTPUT_BYTES_MAX} are not taken"
            raise OutputTooLargeError(message)
        return Output(topic, emit.key.encode(), value)

    def _set_aside(
        self,
        batch: Batch[S],
        part: PartitionBatch[S],
        record: Record,
        key: str,
        reason: Reason,
        error: Exception | None,
    ) -> None:
        data = letter(self.topology, record, key, reason, error)
        value = encode_letter(self.topology, data, batch.now)
        batch.outputs.append(Output(self.topology.dead_letters.name, record.key or b"", value))
        part.set_aside.append(record)
        batch.set_aside[reason] = batch.set_aside.get(reason, 0) + 1
        # A timer that raised is held back by its key's count, also where records are not.
        if (self._parks or reason is Reason.TIMER_RAISED) and key and not record.redriven:
            part.park(key)
            self._check_parked_keys(part, key, error)
        elif record.redriven and reason is not Reason.PARKED:
            part.failed_again(key, record.first_offset)
        if reason is Reason.PARKED:
            return
        batch.dead_letters_in_a_row += 1
        if batch.dead_letters_in_a_row > self.topology.dead_letters_in_a_row:
            message = f"{self.topology.name}: {batch.dead_letters_in_a_row} dead letters in a row, last: {error!r}"
            raise TooManyDeadLettersError(message)

    def _check_parked_keys(self, part: PartitionBatch[S], key: str, error: Exception | None) -> None:
        """Only a key that is parked anew makes one more; how many dead letters each has is but a number."""
        limit = self.topology.parked_keys_max
        if part.parked_count(key) == 1 and part.parked_keys > limit:
            partition = part.state.partition
            message = f"{self.topology.name}: more than {limit} keys of partition {partition} parked, last: {error!r}"
            raise TooManyParkedKeysError(message)


def _text(key: bytes | None) -> str:
    """The key as text; what is no UTF-8 is replaced, so that its record can be set aside under some name."""
    if key is None:
        return ""
    try:
        return key.decode()
    except UnicodeDecodeError:
        return key.decode(errors="replace")


def _reason(error: Exception) -> Reason:
    if isinstance(error, OutputTooLargeError):
        return Reason.OUTPUT_TOO_LARGE
    return Reason.UNDECODABLE if isinstance(error, envelope.InvalidEvent) else Reason.UNDECIDABLE
