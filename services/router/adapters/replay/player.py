"""Runs the router's topology over a pool's logs again, in the turns that it took then.

`routing.work` holds what it was told, `router.pools.retry` what it was told again, and `routing.turns` when it decided
what of that, and how many timers fired after which record. The topology reads no clock, so nothing is left to chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain

from schemas.routing_turns import RecordSpan, TurnTaken
from schemas.topics import TICKET_ASSIGNMENTS
from services._runtime.engine.batch import Batch
from services._runtime.engine.engine import Engine
from services._runtime.engine.records import Record
from services._runtime.engine.topology import Context, Decision, Timer, Topology
from services.router.adapters.replay.journal import Said, said_in
from services.router.domain.policy import Policy
from services.router.handlers.turns import pool_of_record
from services.router.state import Held, Pools, State, Waiting


class Witness:
    """Looks at a replay as it goes; this one sees nothing."""

    def waits(self, key: str, waiting: Waiting) -> None:
        """Work begins to wait, or waits on in another way."""

    def assigning(self, pools: Pools, key: str, waiting: Waiting, held: Held) -> None:
        """Waiting work is about to be held, and `pools` still are as the decision saw them."""

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


class Told:
    """What a pool was told, by where it stands; read forward, as turns name it.

    `logs` are the records of one partition by topic, each in their order.
    """

    def __init__(self, pool: str, logs: Mapping[str, Iterable[Record]]) -> None:
        self._pool = pool
        self._logs = {topic: iter(log) for topic, log in logs.items()}
        self._ahead: dict[str, Record] = {}

    def of(self, span: RecordSpan) -> Iterator[Record]:
        """The pool's records of a span; what the log holds before it was set aside, or is another pool's."""
        log = self._logs.get(span.topic, iter(()))
        while (record := self._ahead.pop(span.topic, None) or next(log, None)) is not None:
            if record.offset > span.last_offset:
                self._ahead[span.topic] = record
                return
            if record.offset >= span.first_offset and pool_of_record(record) == self._pool:
                yield record


class RaisedThenError(Exception):
    """A timer raised when it fired for the first time; the message names its key."""


class PoolPlayer:
    """One pool of a partition; the others are passed over, since no pool depends on another."""

    def __init__(self, topology: Topology[State], policy: Policy, partition: int, witness: Witness) -> None:
        self.pools = WitnessedPools(policy, witness)
        self._partition = partition
        self._witness = witness
        self._topology = topology
        self._raises = False
        own = replace(topology, index=lambda: self.pools, on_batch=None, on_timer=self._on_timer)
        self._engine: Engine[State] = Engine(own)
        self._engine.partitions[partition] = self._engine.new_partition(partition)

    def take(self, turn: TurnTaken, log: Told) -> None:
        """Decide what was decided in this turn, one thing after the other."""
        batch = self._engine.begin(turn.decided_at)
        for record in chain.from_iterable(map(log.of, turn.records)):
            with self._deciding(batch):
                self._engine.process(batch, [record])
        for fired in range(turn.timers):
            self._raises = fired in turn.timers_raised
            with self._deciding(batch):
                self._engine.fire(batch, self._partition, turn.decided_at, limit=fired + 1)
        self._engine.commit(batch)

    def _on_timer(self, state: State | None, timer: Timer, context: Context) -> Decision[State]:
        """What raised then may be mended by now: it raises here, too, and waits until it was sent again."""
        if self._raises or self._topology.on_timer is None:
            raise RaisedThenError(context.key)
        return self._topology.on_timer(state, timer, context)

    @contextmanager
    def _deciding(self, batch: Batch[State]) -> Iterator[None]:
        """Let the witness hear what is said meanwhile."""
        yield
        written = (output.value for output in batch.fresh_outputs() if output.topic == TICKET_ASSIGNMENTS.name)
        self._witness.decided(self.pools, list(said_in(written)))
