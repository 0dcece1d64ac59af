"""Which partitions this process owns, from the group's word to their being restored and running.

The callbacks only take note; restoring goes on step by step in the loop, with the partitions paused and polling kept
up. A partition runs once its state is complete and its inputs are positioned at the stable committed offsets.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from services._runtime.clock import Clock
from services._runtime.engine.engine import Engine
from services._runtime.engine.state import PartitionState
from services._runtime.kafka.clients import REQUEST_SECONDS, TRANSACTION_TIMEOUT_MS
from services._runtime.logs import get_logger
from services._runtime.processor.fencing import fence_dead_writers
from services._runtime.processor.kept import KeptStates
from services._runtime.processor.measure import Meter
from services._runtime.processor.restore import Restorer, end_offsets
from services._runtime.processor.transaction import WriterLost
from services._runtime.settings import RuntimeSettings

log = get_logger(__name__)
S = TypeVar("S")

RESTORE_STEP_SECONDS: Final = 0.05
SEEK_ATTEMPTS: Final = 100
SEEK_WAIT_SECONDS: Final = 0.05

Place = tuple[str, int]


class Clients(NamedTuple):
    """What a session talks to Kafka with; `writer_id` is the transactional id of the slot."""

    settings: RuntimeSettings
    writer_id: str
    consumer: Consumer
    admin: AdminClient
    clock: Clock


class Ownership(Generic[S]):
    """The partitions of one membership. Puts restored states into the engine, and takes revoked ones out.

    By (topic, partition): `committed` is what is stored for the group, `read_to` how far this process has read, control
    records included. `group_metadata` is the generation under which all of it holds.
    """

    def __init__(
        self,
        engine: Engine[S],
        kept: KeptStates[S],
        clients: Clients,
        meter: Meter,
        *,
        on_change: Callable[[], None],
    ) -> None:
        self.committed: dict[Place, int] = {}
        self.read_to: dict[Place, int] = {}
        self.group_metadata: Any = None
        self._engine = engine
        self._kept = kept
        self._clients = clients
        self._meter = meter
        self._on_change = on_change
        self._name = engine.topology.name
        self._topics = tuple(topic.name for topic in engine.topology.sources)
        self._restorer: Restorer[S] = Restorer(clients.settings, clients.writer_id, engine.topology.changelog.name)
        self._joined = False
        self._wanted: frozenset[int] | None = None
        self._restore_began_seconds = 0.0

    @property
    def ready(self) -> bool:
        """Whether the group has given its partitions out and all of ours are restored."""
        return self._joined and self._wanted is None and not self._restorer.pending

    @property
    def is_restoring(self) -> bool:
        """Whether there is state to be read."""
        return bool(self._restorer.pending)

    @property
    def status(self) -> str:
        """One line for people."""
        if not self._joined:
            return "joining the group"
        if not self.ready:
            return f"restoring {sorted(self._restorer.pending or self._wanted or ())}"
        return f"running {sorted(self._engine.partitions)}"

    def subscribe(self) -> None:
        """Join the group."""
        self._clients.consumer.subscribe(
            list(self._topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    def close(self) -> None:
        """Stop restoring; the states go to the kept ones."""
        self._restorer.close()
        self._meter.revoked(self._topics)
        self._kept.put(self._engine.partitions.values())

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Take note only: restoring happens outside the callback. Nothing is fetched until it is done."""
        for each in partitions:
            each.offset = OFFSET_BEGINNING
        consumer.assign(partitions)
        if partitions:
            consumer.pause(partitions)
        self.group_metadata = consumer.consumer_group_metadata()
        self._wanted = frozenset(each.partition for each in partitions)
        self._joined = True
        self._meter.assigned(len(self._wanted))
        log.info("partitions_assigned", processor=self._name, partitions=sorted(self._wanted))

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Keep the states: they hold committed values only, and most partitions come back at once."""
        del partitions
        self._kept.put(self._engine.partitions.values())
        self._engine.partitions.clear()
        self._restorer.forget(self._restorer.pending)
        self._on_change()
        self._meter.revoked(self._topics)
        self.read_to.clear()
        self.committed.clear()
        self._wanted = None
        self._joined = False
        consumer.unassign()

    def begin_restore(self) -> None:
        """Start restoring what was assigned since the last call, if anything was.

        Raises:
            MissingTopicError: the changelog does not exist.
            KafkaException: the brokers did not answer.
        """
        wanted = self._wanted
        if wanted is None:
            return
        self._restore_began_seconds = self._clients.clock.monotonic_seconds()
        states = [self._kept.take(each) or self._engine.new_partition(each) for each in sorted(wanted)]
        if states:
            places = [TopicPartition(topic, each) for topic in self._topics for each in sorted(wanted)]
            fence_dead_writers(self._clients.settings, self._clients.admin, self._name, self._clients.writer_id, places)
            self.committed = self._stable_offsets(places)
            self._restorer.begin(self._clients.admin, states)
        self._wanted = None

    def go_on_restoring(self) -> None:
        """Read on in the changelogs for a moment, and let what is complete run."""
        if self._restorer.pending:
            self._activate(self._restorer.step(RESTORE_STEP_SECONDS))

    def _stable_offsets(self, places: list[TopicPartition]) -> dict[Place, int]:
        """The committed offsets once no open transaction could still change them; where there are none, the start."""
        deadline = self._clients.clock.monotonic_seconds() + 2 * TRANSACTION_TIMEOUT_MS / 1000
        answer: list[TopicPartition] | None = None
        while answer is None:
            try:
                answer = self._clients.consumer.committed(places, timeout=REQUEST_SECONDS)
            except KafkaException as error:
                unstable = error.args[0].code() == KafkaError.UNSTABLE_OFFSET_COMMIT or error.args[0].retriable()
                if not unstable or self._clients.clock.monotonic_seconds() > deadline:
                    raise
        failed = next((each.error for each in answer if each.error is not None), None)
        if failed is not None:
            raise KafkaException(failed)
        offsets = {(each.topic, each.partition): each.offset for each in answer if each.offset >= 0}
        fresh = [each for each in places if (each.topic, each.partition) not in offsets]
        return offsets | end_offsets(self._clients.admin, fresh, earliest=True)

    def _activate(self, states: Sequence[PartitionState[S]]) -> None:
        """Let restored partitions run: from their committed offsets."""
        for state in states:
            self._engine.partitions[state.partition] = state
            for topic in self._topics:
                place = TopicPartition(topic, state.partition, self.committed[topic, state.partition])
                self.read_to[topic, state.partition] = place.offset
                self._seek(place)
                self._clients.consumer.resume([place])
        if states and not self._restorer.pending:
            seconds = self._clients.clock.monotonic_seconds() - self._restore_began_seconds
            self._meter.restored(self._restorer.taken(), seconds, self._engine.partitions.values())
            # What was restored stays for long: let the collector leave it alone.
            gc.freeze()
            log.info("state_restored", processor=self._name, seconds=round(seconds, 3))

    def _seek(self, place: TopicPartition) -> None:
        """Seek as soon as the client has taken the assignment in; right after it, it says that it has not."""
        for _ in range(SEEK_ATTEMPTS):
            try:
                self._clients.consumer.seek(place)
            except KafkaException as error:
                if error.args[0].code() != KafkaError._STATE:  # noqa: SLF001 - the client's public name for it
                    raise
                # Not a poll: that might hand out a record of another partition, which would be lost.
                time.sleep(SEEK_WAIT_SECONDS)
            else:
                return
        raise WriterLost(f"{place.topic}/{place.partition} can't be positioned")
