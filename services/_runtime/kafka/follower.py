"""Follow topics from positions that the caller keeps: no group, no commits, committed records only.

For views that live outside Kafka and store "how far" next to "what" (the read model keeps both in Redis).
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from services._runtime.engine.records import Record
from services._runtime.logs import get_logger
from services._runtime.metrics import FOLLOWER_LAG_RECORDS, FOLLOWER_RECORDS

Positions = Mapping[tuple[str, int], int]
"""The next offset to read, by topic and partition."""

BATCH_RECORDS_MAX: Final = 500
POLL_SECONDS: Final = 0.25
RETRY_FIRST_SECONDS: Final = 0.5
RETRY_MAX_SECONDS: Final = 10.0
STOP_TIMEOUT_SECONDS: Final = 3.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in the order of their partitions, and where to go on once they are taken in.

    An empty one comes about every `poll_seconds` when there is nothing, so that the caller can look at other things.
    `positions` names only the partitions that moved. `lag_records` counts what was committed but not read when the
    batch was fetched, None while that is not known.
    """

    records: Sequence[Record] = ()
    positions: Positions = field(default_factory=dict)
    lag_records: int | None = None


class Follower:
    """Reads topics whole, from given positions on; one event loop, one reader at a time.

    A position below what retention has kept starts at the oldest record. A broker that goes away ends nothing: the
    batches are empty until it is back.
    """

    def __init__(
        self,
        bootstrap: str,
        topics: Sequence[str],
        *,
        name: str,
        batch_records: int = BATCH_RECORDS_MAX,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._bootstrap = bootstrap
        self._topics = tuple(topics)
        self._name = name
        self._batch_records = batch_records
        self._poll_seconds = poll_seconds

    async def batches(self, positions: Positions) -> AsyncGenerator[Batch]:
        """Batches for ever; close the iterator (`contextlib.aclosing`) to stop.

        Args:
            positions: the next offset of each partition; those not named are read from their beginning.
        """
        reached = dict(positions)
        retry_seconds = RETRY_FIRST_SECONDS
        while True:
            consumer = self._new_consumer()
            try:
                await self._connect(consumer, reached)
                retry_seconds = RETRY_FIRST_SECONDS
                async with aclosing(self._read(consumer)) as batches:
                    async for batch in batches:
                        reached.update(batch.positions)
                        yield batch
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("follower_disconnected", follower=self._name, error=type(error).__name__)
            finally:
                await _close(consumer)
            yield Batch()
            await asyncio.sleep(retry_seconds)
            retry_seconds = min(retry_seconds * 2, RETRY_MAX_SECONDS)

    def _new_consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            *self._topics,
            bootstrap_servers=self._bootstrap,
            client_id=self._name,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_poll_records=self._batch_records,
        )

    async def _connect(self, consumer: AIOKafkaConsumer, positions: Positions) -> None:
        await consumer.start()  # without a group this assigns every partition of the topics
        for place in consumer.assignment():
            offset = positions.get((place.topic, place.partition))
            if offset is not None:
                consumer.seek(place, offset)
        log.info("follower_connected", follower=self._name, partitions=len(consumer.assignment()))

    async def _read(self, consumer: AIOKafkaConsumer) -> AsyncGenerator[Batch]:
        wait_ms = int(self._poll_seconds * 1_000)
        while True:
            fetched = await consumer.getmany(timeout_ms=wait_ms, max_records=self._batch_records)
            records: list[Record] = []
            for place, items in fetched.items():
                FOLLOWER_RECORDS.labels(self._name, place.topic).inc(len(items))
                records += [Record(item.topic, item.partition, item.offset, item.key, item.value) for item in items]
            positions = {(place.topic, place.partition): items[-1].offset + 1 for place, items in fetched.items()}
            yield Batch(records, positions, await self._lag_records(consumer))

    async def _lag_records(self, consumer: AIOKafkaConsumer) -> int | None:
        lag_records = 0
        for place in consumer.assignment():
            # The end that read_committed can reach. Unknown until this partition's first answer.
            end = consumer.last_stable_offset(place)
            if end is None or end < 0:
                return None
            lag_records += max(0, end - await consumer.position(place))
        FOLLOWER_LAG_RECORDS.labels(self._name).set(lag_records)
        return lag_records


async def _close(consumer: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(STOP_TIMEOUT_SECONDS):
            await consumer.stop()
    except (TimeoutError, KafkaError):
        log.warning("follower_close_abandoned")
