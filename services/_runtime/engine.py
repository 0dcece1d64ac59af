"""Decides a batch: records and due timers in, one `Batch` of outputs, changes and dead letters out.

The engine does no I/O and reads no clock. Changes of a batch sit in an overlay above the committed values until its
owner says `commit` (the transaction is known to be committed) or `abort` (it is known not to be). A record that can't
be decoded or decided becomes a dead letter inside the same batch; it never stops the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from schemas import envelope, personal
from schemas.dead_letters import Reason
from services._runtime.dead_letters import NO_TENANT, encode_letter, letter
from services._runtime.records import Output, Record
from services._runtime.state import PARKED, DueTimer, Entry, PartitionState, StateCodec, encode_parked
from services._runtime.topology import UNCHANGED, Change, Decision, Emit, Event, Handler, Timer, Topology

S = TypeVar("S")

OUTPUT_BYTES_MAX: Final = 900_000
TIMER: Final = "timer"
NO_OFFSET: Final = -1
_NO_TIMERS: Final[tuple[Timer, ...]] = ()


class TooManyDeadLettersError(Exception):
    """So many inputs in a row could not be processed that the fault is hardly theirs: the processor must stop."""


class OutputTooLargeError(Exception):
    """A decision wants to write more than a topic takes."""


class Batch(Generic[S]):
    """What one transaction holds besides the input offsets."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.outputs: list[Output] = []
        self.effects: list[Any] = []
        self.overlay: dict[int, dict[str, Entry[S] | None]] = {}
        self.parked: dict[int, dict[str, int]] = {}
        self.fired: dict[int, list[DueTimer]] = {}
        self.deferred: dict[int, list[DueTimer]] = {}
        self.dead_letters_in_a_row = 0
        self.records_by_topic: dict[str, int] = {}
        self.set_aside: dict[Reason, int] = {}
        self.lateness_seconds: list[float] = []


class _Context:
    """The engine's `Context`: one per batch and partition, moved along from input to input."""

    __slots__ = ("_batch", "_engine", "_place", "_state", "index", "key", "now")

    def __init__(self, engine: Engine[Any], batch: Batch[Any], state: PartitionState[Any]) -> None:
        self._engine = engine
        self._batch = batch
        self._state = state
        self._place: tuple[object, ...] = ()
        self.key = ""
        self.now = batch.now
        self.index = state.index

    def move_to(self, key: str, *place: object) -> None:
        self.key = key
        self._place = place

    @property
    def position(self) -> str:
        return "/".join(map(str, self._place))

    def get(self, key: str) -> Any:
        entry = self._engine.entry(self._batch, self._state, key)
        return entry.state if entry is not None else None


class Engine(Generic[S]):
    """The decisions of one topology over the partitions that this process owns."""

    def __init__(self, topology: Topology[S]) -> None:
        self.topology = topology
        self.partitions: dict[int, PartitionState[S]] = {}
        self._codec = StateCodec(topology)
        self._source = f"/aftercare/{topology.service}"
        self._handlers: dict[str, Handler] = {
            contract.type_name: handler for contract, handler in topology.handlers.items()
        }
        self._dead_letters_in_a_row = 0

    def begin(self, now: datetime) -> Batch[S]:
        """Return an empty batch that is decided at `now`."""
        batch: Batch[S] = Batch(now)
        batch.dead_letters_in_a_row = self._dead_letters_in_a_row
        return batch

    def new_partition(self, partition: int) -> PartitionState[S]:
        """Return an empty state for a partition, to be restored and then put in `partitions`."""
        return PartitionState(partition, self.topology)

    # ── deciding ────────────────────────────────────────────────────────────────────────────────────────────────

    def process(self, batch: Batch[S], records: Iterable[Record]) -> None:
        """Decide `records` in order into `batch`.

        Raises:
            TooManyDeadLettersError: the topology's limit of dead letters in a row is exceeded.
        """
        contexts: dict[int, _Context] = {}
        by_topic = batch.records_by_topic
        for record in records:
            partition = record.partition
            context = contexts.get(partition)
            if context is None:
                context = contexts[partition] = _Context(self, batch, self.partitions[partition])
            by_topic[record.topic] = by_topic.get(record.topic, 0) + 1
            self._process_one(batch, self.partitions[partition], context, record)

    def fire(self, batch: Batch[S], partition: int, until: datetime, limit: int) -> None:
        """Fire up to `limit` current timers of a partition that are due at or before `until`, in due order.

        Raises:
            TooManyDeadLettersError: as `process`.
        """
        state = self.partitions[partition]
        context = _Context(self, batch, state)
        fired = batch.fired.setdefault(partition, [])
        for due in state.pop_due(until):
            entry = self.entry(batch, state, due.key)
            if entry is None or not state.is_current(due, entry):
                continue
            if self._parked(batch, state, due.key):
                # What waits in the dead letters may be the very answer that the timer asks about.
                batch.deferred.setdefault(partition, []).append(due)
                continue
            fired.append(due)
            self._fire_one(batch, state, context, due, entry)
            if len(fired) >= limit:
                return

    def condemn(self, batch: Batch[S], record: Record, error: Exception) -> None:
        """Set a record aside whose outputs the broker refuses, though deciding it went well."""
        key = "" if record.key is None else record.key.decode(errors="replace")
        self._set_aside(batch, self.partitions[record.partition], record, key, Reason.OUTPUT_TOO_LARGE, error)

    def entry(self, batch: Batch[S], state: PartitionState[S], key: str) -> Entry[S] | None:
        """Return what `key` holds as this batch sees it."""
        overlay = batch.overlay.get(state.partition)
        if overlay is not None and key in overlay:
            return overlay[key]
        return state.entries.get(key)

    # ── ending a batch ──────────────────────────────────────────────────────────────────────────────────────────

    def changelog(self, batch: Batch[S]) -> Iterator[Output]:
        """Yield the changelog records of a batch: once a key, on the input partition's number."""
        topic = self.topology.changelog.name
        for partition, overlay in batch.overlay.items():
            for key, entry in overlay.items():
                value = self._codec.encode(entry) if entry is not None else None
                yield Output(topic, key.encode(), value, partition)
        for partition, parked in batch.parked.items():
            for key, count in parked.items():
                yield Output(topic, (PARKED + key).encode(), encode_parked(count), partition)

    def commit(self, batch: Batch[S]) -> None:
        """Make the batch's changes the committed values: its transaction is known to be committed."""
        for partition, overlay in batch.overlay.items():
            put = self.partitions[partition].put
            for key, entry in overlay.items():
                put(key, entry)
        for partition, parked in batch.parked.items():
            for key, count in parked.items():
                self.partitions[partition].put_parked(key, count)
        self._dead_letters_in_a_row = batch.dead_letters_in_a_row
        for partition, fired in batch.fired.items():
            state = self.partitions[partition]
            # A handler may set the very timer again that has just fired; `put` took it for one already in the heap.
            state.push_back([due for due in fired if state.is_current(due, state.entries.get(due.key))])

    def abort(self, batch: Batch[S]) -> None:
        """Forget the batch's changes: its transaction is known not to be committed."""
        for partition, overlay in batch.overlay.items():
            state = self.partitions.get(partition)
            if state is not None:
                for key, entry in overlay.items():
                    state.reindex(key, entry, state.entries.get(key))
        for timers in (batch.fired, batch.deferred):
            for partition, popped in timers.items():
                state = self.partitions.get(partition)
                if state is not None:
                    state.push_back(popped)

    # ── one input ───────────────────────────────────────────────────────────────────────────────────────────────

    def _process_one(self, batch: Batch[S], state: PartitionState[S], context: _Context, record: Record) -> None:
        key = "" if record.key is None else record.key.decode(errors="replace")
        if (state.parked or batch.parked) and not record.redriven and self._parked(batch, state, key):
            self._set_aside(batch, state, record, key, Reason.PARKED, None)
            return
        if record.redriven and record.value is None:
            # An operator discards a dead letter, or wakes a timer that raised: nothing to decide, only to free.
            self._unpark_one(batch, state, key)
            return
        reason = Reason.UNDECODABLE
        try:
            head = envelope.decode_head(record.value or b"")
            handler = self._handlers.get(head.type)
            if handler is not None:
                scope = envelope.scope_of(head) if personal.is_installed() else None
                data = envelope.decode_data(head.type, head.data, scope)
                reason = Reason.UNDECIDABLE
                event = Event(
                    record.topic, key, head.id, head.type, head.time, head.tenant, data, head.subject, head.traceparent
                )
                context.move_to(key, record.topic, record.partition, record.offset)
                entry = self.entry(batch, state, key)
                decision = handler(entry.state if entry is not None else None, event, context)
                self._apply(batch, state, key, decision, event)
        except OutputTooLargeError as error:
            self._set_aside(batch, state, record, key, Reason.OUTPUT_TOO_LARGE, error)
        except Exception as error:  # noqa: BLE001 - whatever a record raises, the others must go on
            self._set_aside(batch, state, record, key, reason, error)
        else:
            batch.dead_letters_in_a_row = 0
            if record.redriven:
                self._unpark_one(batch, state, key)

    def _fire_one(
        self, batch: Batch[S], state: PartitionState[S], context: _Context, due: DueTimer, entry: Entry[S]
    ) -> None:
        timer = Timer(due.kind, due.due_at, due.generation)
        rest = tuple(other for other in entry.timers if other != timer)
        context.move_to(due.key, TIMER, state.partition, due.key, due.kind)
        cause_id = f"{due.key}:{due.kind}:{due.generation}:{int(due.due_at.timestamp() * 1_000_000)}"
        cause = Event(TIMER, due.key, cause_id, TIMER, due.due_at, NO_TENANT, None)
        batch.lateness_seconds.append((batch.now - due.due_at).total_seconds())
        self._put(batch, state, due.key, Entry(entry.version, rest, entry.state))
        try:
            if self.topology.on_timer is not None:
                decision = self.topology.on_timer(entry.state, timer, context)
                self._apply(batch, state, due.key, decision, cause)
        except Exception as error:  # noqa: BLE001 - a timer that raises must not stop the other clocks
            if self.topology.parks:
                # Kept, so that it fires again once the key is redriven.
                self._put(batch, state, due.key, entry)
            record = Record(TIMER, state.partition, NO_OFFSET, due.key.encode(), cause_id.encode())
            self._set_aside(batch, state, record, due.key, Reason.TIMER_RAISED, error)
        else:
            batch.dead_letters_in_a_row = 0

    def _apply(self, batch: Batch[S], state: PartitionState[S], key: str, decision: Decision[S], cause: Event) -> None:
        """Take a decision into the batch, whole or not at all: encode first, since only encoding can fail."""
        outputs = [self._encode(emit, cause, number) for number, emit in enumerate(decision.emits)]
        batch.outputs.extend(outputs)
        batch.effects.extend(decision.effects)
        if decision.state is not UNCHANGED or decision.timers is not None:
            self._put_decided(batch, state, key, decision)
        for change in decision.changes:
            self._put_change(batch, state, change)

    def _put_decided(self, batch: Batch[S], state: PartitionState[S], key: str, decision: Decision[S]) -> None:
        old = self.entry(batch, state, key)
        new_state = decision.state
        if new_state is UNCHANGED:
            if old is None:
                return
            new_state = old.state
        if new_state is None:
            self._put(batch, state, key, None)
            return
        timers = decision.timers if decision.timers is not None else (old.timers if old is not None else _NO_TIMERS)
        self._put(batch, state, key, Entry(self.topology.state_version, timers, new_state))

    def _put_change(self, batch: Batch[S], state: PartitionState[S], change: Change[S]) -> None:
        if change.state is None:
            self._put(batch, state, change.key, None)
        else:
            self._put(batch, state, change.key, Entry(self.topology.state_version, change.timers, change.state))

    def _put(self, batch: Batch[S], state: PartitionState[S], key: str, entry: Entry[S] | None) -> None:
        if state.index is not None:
            state.reindex(key, self.entry(batch, state, key), entry)
        batch.overlay.setdefault(state.partition, {})[key] = entry

    def _encode(self, emit: Emit, cause: Event, number: int) -> Output:
        value = envelope.encode(
            type_name=envelope.type_name_of(emit.data),
            event_id=emit.id if emit.id is not None else f"{self.topology.name}/{cause.id}/{number}",
            source=self._source,
            time=emit.occurred_at if emit.occurred_at is not None else cause.occurred_at,
            subject=emit.subject if emit.subject is not None else (cause.subject or emit.key),
            tenant=emit.tenant if emit.tenant is not None else cause.tenant,
            traceparent=cause.traceparent,
            data=emit.data,
        )
        if len(value) > OUTPUT_BYTES_MAX:
            message = f"{emit.topic.name}: an event of {len(value)} bytes, more than {OUTPUT_BYTES_MAX} are not taken"
            raise OutputTooLargeError(message)
        return Output(emit.topic.name, emit.key.encode(), value)

    # ── setting aside ───────────────────────────────────────────────────────────────────────────────────────────

    def _set_aside(
        self,
        batch: Batch[S],
        state: PartitionState[S],
        record: Record,
        key: str,
        reason: Reason,
        error: Exception | None,
    ) -> None:
        data = letter(self.topology, record, key, reason, error)
        value = encode_letter(self.topology, data, batch.now)
        batch.outputs.append(Output(self.topology.dead_letters.name, record.key or b"", value))
        if self.topology.parks and key and not record.redriven:
            parked = batch.parked.setdefault(state.partition, {})
            parked[key] = parked.get(key, state.parked.get(key, 0)) + 1
        batch.set_aside[reason] = batch.set_aside.get(reason, 0) + 1
        if reason is Reason.PARKED:
            return
        batch.dead_letters_in_a_row += 1
        if batch.dead_letters_in_a_row > self.topology.dead_letters_in_a_row:
            message = f"{self.topology.name}: {batch.dead_letters_in_a_row} dead letters in a row, last: {error!r}"
            raise TooManyDeadLettersError(message)

    def _parked(self, batch: Batch[S], state: PartitionState[S], key: str) -> bool:
        parked = batch.parked.get(state.partition)
        count = parked.get(key) if parked is not None else None
        return (count if count is not None else state.parked.get(key, 0)) > 0

    def _unpark_one(self, batch: Batch[S], state: PartitionState[S], key: str) -> None:
        if self._parked(batch, state, key):
            parked = batch.parked.setdefault(state.partition, {})
            parked[key] = parked.get(key, state.parked.get(key, 0)) - 1
