"""Reads topics from positions that the subscriber keeps: no consumer group, committed records only."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import OffsetOutOfRangeError

from schemas.topics import Topic
from subscriber.events import Item, Position, read

Positions = Mapping[tuple[str, int], int]
"""The next offset to read, by topic and partition."""

CLIENT_ID: Final = "aftercare-subscriber"
BATCH_RECORDS_MAX: Final = 500
WAIT_MS: Final = 500
CLOCKS_APART: Final = timedelta(minutes=1)
"""How far writers' clocks may be apart: a replay starts this much earlier than asked."""


class Start(Enum):
    """Where partitions begin that have no position yet."""

    BEGINNING = "beginning"
    END = "end"


class PositionsLostError(LookupError):
    """The topic no longer holds (or does not hold yet) what a position asks for; going on would skip events silently.

    Retention has passed the position, or the topic was made anew. Take the state from the snapshots (`follow_tickets`),
    or begin again without positions.
    """

    def __init__(self, place: TopicPartition, offset: int, first: int, end: int) -> None:
        super().__init__(
            f"{place.topic}[{place.partition}] holds offsets {first} to {end}, the position is {offset}:"
            " what lies between is gone. Begin again from the snapshots or without positions"
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in the order of their partitions, and where to go on once they are taken in.

    Store `positions` in the same transaction as the effects of `events`, and a crash neither loses nor doubles one.
    `positions` names only the partitions that moved.
    """

    events: Sequence[Item]
    positions: Positions = field(default_factory=dict)


class Subscription:
    """Topics read from given positions on; an async context manager, for one reader at a time.

    `positions` has the next offset of each partition that was read before; `start` says where the others begin: at the
    beginning, the end, or at a time (`datetime`, aware). From a time on, everything is delivered that was written then
    or later, and up to a minute earlier: compare `event.time` where only what occurred since matters.
    `client` is handed to aiokafka's clients as it is (`security_protocol`, `ssl_context`, `sasl_…`).
    """

    def __init__(
        self,
        bootstrap: str,
        topics: Sequence[Topic | str],
        *,
        positions: Positions | None = None,
        start: Start | datetime = Start.BEGINNING,
        client: Mapping[str, Any] | None = None,
    ) -> None:
        if isinstance(start, datetime) and start.tzinfo is None:
            raise ValueError("start: a time with its zone, such as datetime.now(UTC)")
        self._bootstrap = bootstrap
        self._topics = [topic if isinstance(topic, str) else topic.name for topic in topics]
        self._given = dict(positions or {})
        self._start = start
        self._client = dict(client or {})
        self._consumer = self._new_consumer("read_committed")

    async def __aenter__(self) -> Self:
        """Connect and seek.

        Raises:
            LookupError: a topic does not exist.
            PositionsLostError: a topic does not hold what a position asks for.
            aiokafka.errors.KafkaConnectionError: no broker answers.
        """
        try:
            await self._consumer.start()
            await self._seek(await self._find_places())
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    @property
    def positions(self) -> Positions:
        """Where this reads on, for every partition: after what was delivered."""
        return dict(self._given)

    async def batches(self) -> AsyncGenerator[Batch]:
        """What comes, for ever; a broker that is away only delays it.

        Raises:
            PositionsLostError: retention has overtaken this reader.
        """
        while True:
            batch = await self._next_batch()
            if batch.positions:
                yield batch

    async def batches_to_end(self) -> AsyncGenerator[Batch]:
        """What was written before this call, then it ends. Waits for transactions that are still open."""
        ends = await self.ends()
        while any(self._given[place] < end for place, end in ends.items()):
            batch = await self._next_batch()
            if batch.positions:
                yield batch

    async def ends(self) -> Positions:
        """Where each partition ends now, records of open transactions included."""
        # Only a reader of uncommitted records is told: to others the end is where the first open transaction begins.
        consumer = self._new_consumer("read_uncommitted")
        await consumer.start()
        try:
            found = await consumer.end_offsets([TopicPartition(*place) for place in self._given])
        finally:
            await consumer.stop()
        return {(place.topic, place.partition): offset for place, offset in found.items()}

    async def _next_batch(self) -> Batch:
        try:
            fetched = await self._consumer.getmany(timeout_ms=WAIT_MS, max_records=BATCH_RECORDS_MAX)
        except OffsetOutOfRangeError as error:
            ((place, offset), *_) = error.args[0].items()
            raise await self._lost(place, offset) from None
        items = [
            read(Position(record.topic, record.partition, record.offset), record.key, record.value)
            for records in fetched.values()
            for record in records
        ]
        # The client's own positions: they also pass what was aborted, and the marks of transactions.
        moved = {}
        for place in self._consumer.assignment():
            name, position = (place.topic, place.partition), await self._consumer.position(place)
            if position != self._given[name]:
                moved[name] = position
        self._given.update(moved)
        return Batch(items, moved)

    async def _find_places(self) -> list[TopicPartition]:
        """Every partition of the topics. The consumer itself would wait for a topic that is not there."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap, client_id=CLIENT_ID, **self._client)
        await admin.start()
        try:
            described = await admin.describe_topics(self._topics)
        finally:
            await admin.close()
        missing = [topic["topic"] for topic in described if topic["error_code"]]
        if missing:
            raise LookupError(f"no such topic: {', '.join(sorted(missing))}")
        return [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            for partition in topic["partitions"]
        ]

    async def _seek(self, places: Sequence[TopicPartition]) -> None:
        self._consumer.assign(places)
        started = await self._started([place for place in places if (place.topic, place.partition) not in self._given])
        firsts, ends = await self._consumer.beginning_offsets(places), await self._consumer.end_offsets(places)
        reached: dict[tuple[str, int], int] = {}
        for place in places:
            name = (place.topic, place.partition)
            offset = reached[name] = self._given[name] if name in self._given else started[place]
            if not firsts[place] <= offset <= ends[place]:
                raise PositionsLostError(place, offset, firsts[place], ends[place])
            self._consumer.seek(place, offset)
        self._given = reached

    async def _started(self, places: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        if not places:
            return {}
        if self._start is Start.BEGINNING:
            return dict(await self._consumer.beginning_offsets(places))
        ends = dict(await self._consumer.end_offsets(places))
        if isinstance(self._start, datetime):
            since_ms = max(0, int((self._start - CLOCKS_APART).timestamp() * 1_000))
            found = await self._consumer.offsets_for_times(dict.fromkeys(places, since_ms))
            ends |= {place: at.offset for place, at in found.items() if at is not None}
        return ends

    async def _lost(self, place: TopicPartition, offset: int) -> PositionsLostError:
        first = (await self._consumer.beginning_offsets([place]))[place]
        end = (await self._consumer.end_offsets([place]))[place]
        return PositionsLostError(place, offset, first, end)

    def _new_consumer(self, isolation: str) -> AIOKafkaConsumer:
        settings = {
            "bootstrap_servers": self._bootstrap,
            "client_id": CLIENT_ID,
            "group_id": None,
            "enable_auto_commit": False,
            # Reaching before the first offset must be told, not mended by skipping.
            "auto_offset_reset": "none",
            "isolation_level": isolation,
        }
        return AIOKafkaConsumer(**(settings | self._client))
