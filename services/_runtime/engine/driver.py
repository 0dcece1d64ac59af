"""The synchronous test driver: records in, records out, the clock moved by hand, no broker.

It runs the very engine that the processor runs, over the same bytes: inputs are encoded, outputs decoded, changes go
through the changelog form, so that `crash()` restores from what a broker would hold. Timers fire when the clock is
moved, in due order, each at its own instant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from schemas import envelope
from schemas.contract import Contract
from schemas.dead_letters import DeadLettered
from schemas.topics import Topic
from services._runtime.engine.engine import Engine
from services._runtime.engine.records import Output, Record
from services._runtime.engine.state import PartitionState
from services._runtime.engine.topology import Event, Topology

S = TypeVar("S")

START: Final = datetime(2026, 1, 7, 8, 0, tzinfo=UTC)
TIMERS_PER_ADVANCE: Final = 100_000


class TopologyDriver(Generic[S]):
    """Runs a topology on one partition.

    `now` starts at `start` and moves only by `advance` and `advance_to`. Effects of committed decisions collect in
    `effects`.
    """

    def __init__(self, topology: Topology[S], start: datetime = START) -> None:
        self.topology = topology
        self.now = start
        self.effects: list[Any] = []
        self._log: defaultdict[str, list[Output]] = defaultdict(list)
        self._read: defaultdict[str, int] = defaultdict(int)
        self._offsets: defaultdict[str, int] = defaultdict(int)
        self._engine: Engine[S] = Engine(topology)
        self._engine.partitions[0] = self._engine.new_partition(0)
        self._inputs = 0

    def send(
        self,
        topic: Topic,
        key: str,
        data: Contract,
        *,
        event_id: str | None = None,
        occurred_at: datetime | None = None,
        tenant: str = "acme",
        subject: str | None = None,
    ) -> None:
        """Put one event on an input and decide it. `event_id` defaults to a new one, `occurred_at` to now."""
        self._inputs += 1
        value = envelope.encode(
            type_name=envelope.type_name_of(data),
            event_id=event_id if event_id is not None else f"in-{self._inputs}",
            source="/test",
            time=occurred_at if occurred_at is not None else self.now,
            subject=subject if subject is not None else key,
            tenant=tenant,
            traceparent=None,
            data=data,
        )
        self.send_bytes(topic, key, value)

    def send_bytes(
        self, topic: Topic, key: str, value: bytes | None, *, redriven: bool = False, first_offset: int | None = None
    ) -> None:
        """Put raw bytes on an input, for poison, for copies of earlier records and for redrive."""
        if topic not in self.topology.sources:
            message = f"{self.topology.name} does not read {topic.name}"
            raise ValueError(message)
        offset = self._offsets[topic.name]
        self._offsets[topic.name] += 1
        self.decide([Record(topic.name, 0, offset, key.encode(), value, redriven, first_offset)])

    def decide(self, records: Sequence[Record], timers_max: int = 0) -> None:
        """Decide records, then up to so many timers that are due by now, in one batch, as who is behind its input does.

        The records' offsets are the caller's; `send` and `send_bytes` count their own.
        """
        batch = self._engine.begin(self.now)
        self._engine.process(batch, records)
        if timers_max:
            self._engine.fire(batch, 0, self.now, limit=timers_max)
        self._commit(batch)

    def advance(self, seconds: float) -> None:
        """Move the clock forward, firing what comes due on the way."""
        self.advance_to(self.now + timedelta(seconds=seconds))

    def advance_to(self, instant: datetime) -> None:
        """Move the clock to `instant`; each timer fires with `now` at its own due time (never before the old now)."""
        state = self._engine.partitions[0]
        for _ in range(TIMERS_PER_ADVANCE):
            due_at = state.next_due_at()
            if due_at is None or due_at > instant:
                break
            self.now = max(self.now, due_at)
            batch = self._engine.begin(self.now)
            self._engine.fire(batch, 0, self.now, limit=1)
            self._commit(batch)
        else:
            message = f"{self.topology.name}: more than {TIMERS_PER_ADVANCE} timers fired; does one set itself again?"
            raise AssertionError(message)
        self.now = max(self.now, instant)

    def sleep_through(self, seconds: float) -> None:
        """Move the clock as an outage would: nothing fires until the next `advance` or `send`."""
        self.now += timedelta(seconds=seconds)

    def read(self, topic: Topic) -> list[Event]:
        """Return the events written to `topic` since the last read, decoded, in order."""
        written = self._log[topic.name]
        start = self._read[topic.name]
        self._read[topic.name] = len(written)
        return [_decoded(output) for output in written[start:]]

    def read_bytes(self, topic: Topic) -> list[Output]:
        """Return all records ever written to `topic`, as bytes."""
        return list(self._log[topic.name])

    def dead_letters(self) -> list[DeadLettered]:
        """Return the dead letters since the last call."""
        return [event.data for event in self.read(self.topology.dead_letters)]

    def state(self, key: str) -> S | None:
        """Return the committed state of a key."""
        entry = self._engine.partitions[0].entries.get(key)
        return entry.state if entry is not None else None

    def states(self) -> dict[str, S]:
        """Return all committed states by key."""
        return {key: entry.state for key, entry in self._engine.partitions[0].entries.items()}

    def timers(self, key: str) -> dict[str, datetime]:
        """Return when each timer of a key is due, by kind."""
        entry = self._engine.partitions[0].entries.get(key)
        return {timer.kind: timer.due_at for timer in entry.timers} if entry is not None else {}

    def parked(self) -> dict[str, int]:
        """Return how many dead letters wait for redrive, by key."""
        return dict(self._engine.partitions[0].parked)

    @property
    def partition(self) -> PartitionState[S]:
        """The state of the one partition, for tests that look inside."""
        return self._engine.partitions[0]

    def rewrite_outdated(self) -> int:
        """Write entries again that lie in the changelog in a newer version than is wanted; return how many."""
        batch = self._engine.begin(self.now)
        self._engine.rewrite(batch, 0, TIMERS_PER_ADVANCE)
        rewritten = len(batch.partitions[0].overlay)
        self._commit(batch)
        return rewritten

    def crash(self) -> None:
        """Lose all memory and restore from the changelog, as another process would after `kill -9`."""
        self._engine = Engine(self.topology)
        state = self._engine.new_partition(0)
        for output in self._log[self.topology.changelog.name]:
            state.restore(output.key.decode(), output.value)
        state.finish_restore()
        self._engine.partitions[0] = state

    def _commit(self, batch: Any) -> None:
        self._engine.conclude(batch)
        for output in batch.outputs:
            self._log[output.topic].append(output)
        for output in self._engine.changelog(batch):
            self._log[output.topic].append(output)
        self._engine.commit(batch)
        self.effects.extend(batch.effects)


def _decoded(output: Output) -> Event:
    head = envelope.decode_head(output.value or b"")
    return Event(
        topic=output.topic,
        key=output.key.decode(),
        id=head.id,
        type=head.type,
        occurred_at=head.time,
        tenant=head.tenant,
        data=envelope.decode_data(head.type, head.data, envelope.scope_of(head)),
        subject=head.subject,
        traceparent=head.traceparent,
    )
