"""Runs the router's topology over a pool's log again, at the times at which it decided then.

The log holds everything but the router's clock. What it said holds that wherever something was said; elsewhere nothing
hangs on it but how long ago something was, and the time of the fact serves. Records of a batch were decided before the
timers that were due by then, so a timer that spoke later than a record fires after it here, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from schemas import envelope
from schemas.topics import TICKET_ASSIGNMENTS
from services._runtime.engine.batch import Batch
from services._runtime.engine.engine import Engine
from services._runtime.engine.records import Record
from services._runtime.engine.topology import Topology
from services.router.adapters.replay.journal import Journal, Said, said_in
from services.router.domain.policy import Policy
from services.router.state import Held, Pools, State, Waiting

TIMERS_A_RECORD_MAX: Final = 1_000_000
"""More timers than this between two records mean that one sets itself again."""
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Witness:
    """Looks at a replay as it goes; this one sees nothing."""

    def waits(self, key: str, waiting: Waiting) -> None:
        """Work begins to wait, or waits on in another way."""

    def assigning(self, pools: Pools, key: str, waiting: Waiting, held: Held) -> None:
        """Waiting work is about to be held, and `pools` still are as the decision saw them.

        The engine says it again when it takes the decision over; the first time counts.
        """

    def undone(self) -> None:
        """What was last about to be is not to be yet: it was too early for it, and comes again."""

    def decided(self, pools: Pools, said: list[Said]) -> None:
        """A record or a timer has been decided: `said` came of it, `pools` are as it left them."""


class WitnessedPools(Pools):
    """The index, which lets a witness look before it follows."""

    def __init__(self, policy: Policy, witness: Witness) -> None:
        super().__init__(policy)
        self._witness = witness

    def replace(self, key: str, old: State | None, new: State | None) -> None:
        """See `Pools.replace`."""
        if isinstance(old, Waiting) and isinstance(new, Held) and old.generation == new.generation:
            self._witness.assigning(self, key, old, new)
        elif isinstance(new, Waiting):
            self._witness.waits(key, new)
        super().replace(key, old, new)


class PoolPlayer:
    """One pool of a partition; the others are passed over, since no pool depends on another."""

    def __init__(
        self, topology: Topology[State], policy: Policy, pool: str, partition: int, journal: Journal, witness: Witness
    ) -> None:
        self.now = _BEGINNING
        self.pools = WitnessedPools(policy, witness)
        self._pool = pool
        self._partition = partition
        self._journal = journal
        self._witness = witness
        self._engine: Engine[State] = Engine(replace(topology, index=lambda: self.pools))
        self._state = self._engine.partitions[partition] = self._engine.new_partition(partition)

    def play(self, records: Iterable[Record]) -> None:
        """Decide the records of the pool, in their order, and the timers that came due between them."""
        for record in records:
            if (record.key or b"").decode(errors="replace") == self._pool:
                self._decide(record)

    def finish(self, at: datetime) -> None:
        """Let come due what had by `at`."""
        self._fire_until(at)

    def _decide(self, record: Record) -> None:
        position = f"{record.topic}/{record.partition}/{record.offset}"
        known = self._journal.next_at(position)
        self._fire_until(known or _occurred_at(record))
        # A batch begins before its last records were written: a fact may be later than what is decided after it.
        self.now = known or max(self.now, _occurred_at(record))
        batch = self._engine.begin(self.now)
        self._engine.process(batch, [record])
        self._commit(batch, position)

    def _fire_until(self, instant: datetime) -> None:
        """Fire what is due by `instant`, unless it is known to have spoken late, and not before then."""
        for _ in range(TIMERS_A_RECORD_MAX):
            self._state.drop_stale_tops()
            due = self._state.heap[0] if self._state.heap else None
            if due is None or due.due_at > instant:
                return
            position = f"timer/{self._partition}/{due.key}/{due.kind}"
            batch = self._fired(max(self.now, due.due_at))
            spoke_at = self._journal.next_at(position)
            # Most timers say nothing, and when those fired is known by nobody; it is told of those that speak.
            if spoke_at is not None and spoke_at != batch.now and _speaks(batch):
                self._engine.abort(batch)
                self._witness.undone()
                if spoke_at >= instant:
                    return
                batch = self._fired(max(due.due_at, spoke_at))
            self.now = batch.now
            self._commit(batch, position)
        raise RuntimeError(f"more than {TIMERS_A_RECORD_MAX} timers fired before {instant}")

    def _fired(self, now: datetime) -> Batch[State]:
        batch = self._engine.begin(now)
        self._engine.fire(batch, self._partition, now, limit=1)
        return batch

    def _commit(self, batch: Batch[State], position: str) -> None:
        self._engine.commit(batch)
        if _speaks(batch):
            self._journal.took(position)
        written = (output.value for output in batch.outputs if output.topic == TICKET_ASSIGNMENTS.name)
        self._witness.decided(self.pools, list(said_in(written)))


def _speaks(batch: Batch[State]) -> bool:
    return any(output.topic == TICKET_ASSIGNMENTS.name for output in batch.outputs)


def _occurred_at(record: Record) -> datetime:
    try:
        return envelope.decode_head(record.value or b"").time
    except envelope.InvalidEvent:
        return _BEGINNING
