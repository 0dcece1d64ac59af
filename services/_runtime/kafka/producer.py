"""The producer of the gateways: Kafka confirms a record within seconds, or the caller hears that it did not.

aiokafka's idempotent producer retries for ever, which is wrong for someone who waits for an HTTP answer. So the wait
is bounded here. What timed out may still be written later; since event ids are deterministic, sending it again is safe.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordTooLargeError

from services._runtime.clock import Clock, SystemClock
from services._runtime.logs import get_logger
from services._runtime.metrics import PRODUCER_DELIVERY_SECONDS, PRODUCER_RECORDS
from services._runtime.unavailable import KafkaUnavailable

CONTENT_TYPE_HEADER: Final = ("content-type", b"application/cloudevents+json")
DELIVERY_TIMEOUT_SECONDS: Final = 5.0
STOP_TIMEOUT_SECONDS: Final = 3.0
TIMEOUTS_IN_A_ROW_MAX: Final = 3
"""After so many the client is replaced: while a broker is gone a new one fails at once, and callers need not wait."""
RECORD_BYTES_MAX: Final = 1_000_000
"""A little under the broker's default, `message.max.bytes`."""

log = get_logger(__name__)


class Outgoing(NamedTuple):
    """One record to write: the topic's name, its key and an encoded event (None: a tombstone)."""

    topic: str
    key: str
    value: bytes | None


class Written(NamedTuple):
    """Where a record stands in the log."""

    topic: str
    partition: int
    offset: int


class EventProducer:
    """Writes records with acks=all, idempotently, partitioned by murmur2 of the key (aiokafka's default).

    Connects when first used, so that a service starts without a broker; replaces its client after an error that the
    client does not get over by itself (a lost sequence, a dead sender task). Use it on one event loop.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        client_id: str,
        delivery_timeout_seconds: float = DELIVERY_TIMEOUT_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._timeout_seconds = delivery_timeout_seconds
        self._clock = clock or SystemClock()
        self._client: AIOKafkaProducer | None = None
        self._connecting: asyncio.Task[AIOKafkaProducer] | None = None
        self._disposals: set[asyncio.Task[None]] = set()
        self._timeouts_in_a_row = 0
        self._stopped = False

    async def send(self, topic: str, key: str, value: bytes | None) -> Written:
        """Write one record and wait until every in-sync replica has it.

        Raises:
            KafkaUnavailable: not confirmed in time; it may or may not be written. Send it again.
            ValueError: the record is larger than the broker takes.
        """
        return (await self.send_all([Outgoing(topic, key, value)]))[0]

    async def send_all(self, records: Sequence[Outgoing]) -> list[Written]:
        """Write several records together, those of one key in their order.

        Raises:
            KafkaUnavailable: as `send`; some of them may be written.
            ValueError: as `send`.
        """
        started_at_seconds = self._clock.monotonic_seconds()
        outcome = "failed"
        try:
            async with asyncio.timeout(self._timeout_seconds):
                written = await self._deliver(records)
            outcome = "written"
            self._timeouts_in_a_row = 0
        except TimeoutError:
            outcome = "timed_out"
            self._note_timeout()
            raise KafkaUnavailable(f"not confirmed within {self._timeout_seconds:g} s") from None
        finally:
            for record in records:
                PRODUCER_RECORDS.labels(record.topic, outcome).inc()
        PRODUCER_DELIVERY_SECONDS.observe(self._clock.monotonic_seconds() - started_at_seconds)
        return written

    async def stop(self) -> None:
        """Write what is pending and disconnect, within `STOP_TIMEOUT_SECONDS`."""
        self._stopped = True
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError, KafkaUnavailable):
                await self._connecting
        if self._client is not None:
            await _close(self._client)
            self._client = None
        if self._disposals:
            await asyncio.gather(*self._disposals)

    async def _deliver(self, records: Sequence[Outgoing]) -> list[Written]:
        client = await self._connected()
        try:
            # One after the other into the client's buffer, which keeps their order; then one wait for all.
            pending = [await self._buffer(client, record) for record in records]
            places = await asyncio.gather(*pending)
        except (MessageSizeTooLargeError, RecordTooLargeError) as error:
            raise ValueError("the record is larger than Kafka takes") from error
        except KafkaError as error:
            self._replace(client, type(error).__name__)
            raise KafkaUnavailable(type(error).__name__) from error
        return [Written(place.topic, place.partition, place.offset) for place in places]

    async def _buffer(self, client: AIOKafkaProducer, record: Outgoing) -> asyncio.Future[Any]:
        headers = [CONTENT_TYPE_HEADER] if record.value is not None else None
        pending: asyncio.Future[Any] = await client.send(
            record.topic, value=record.value, key=record.key.encode(), headers=headers
        )
        return pending

    async def _connected(self) -> AIOKafkaProducer:
        if self._stopped:
            raise KafkaUnavailable("this process is stopping")
        if self._client is not None:
            return self._client
        if self._connecting is None:
            # One attempt for all who wait: a broker that is gone must not meet a crowd of new clients.
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(_look_at)
        # Shielded: the first caller's timeout must not end the attempt of those who came later.
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> AIOKafkaProducer:
        client = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id=self._client_id,
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=int(self._timeout_seconds * 1_000),
            max_request_size=RECORD_BYTES_MAX,
            linger_ms=2,
        )
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await client.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await _close(client)
            raise KafkaUnavailable("no broker answers") from error
        except asyncio.CancelledError:
            await _close(client)
            raise
        finally:
            self._connecting = None
        log.info("producer_connected", client=self._client_id)
        self._client = client
        return client

    def _note_timeout(self) -> None:
        self._timeouts_in_a_row += 1
        if self._client is not None and self._timeouts_in_a_row >= TIMEOUTS_IN_A_ROW_MAX:
            self._replace(self._client, "timeouts in a row")

    def _replace(self, client: AIOKafkaProducer, reason: str) -> None:
        # After an error other than our own timeout, aiokafka's sequence numbers have a hole (or its sender is dead),
        # and every later record of that partition would be refused. A new client has a new producer id.
        if self._client is not client:
            return
        self._client = None
        self._timeouts_in_a_row = 0
        log.warning("producer_replaced", client=self._client_id, reason=reason)
        disposal = asyncio.create_task(_close(client))
        self._disposals.add(disposal)
        disposal.add_done_callback(self._disposals.discard)


def _look_at(attempt: asyncio.Task[AIOKafkaProducer]) -> None:
    """Take note of a failed attempt, which nobody may be waiting for any more."""
    if not attempt.cancelled():
        attempt.exception()


async def _close(client: AIOKafkaProducer) -> None:
    """Flush and close, but not for ever: without a broker aiokafka would wait for its pending batches."""
    try:
        async with asyncio.timeout(STOP_TIMEOUT_SECONDS):
            await client.stop()
    except (TimeoutError, KafkaError):
        await _abandon(client)


async def _abandon(client: AIOKafkaProducer) -> None:
    """End what is under `client.stop()`, which did not come back: the buffer, the connections, the sender's tasks."""
    client._message_accumulator.fail_all(KafkaError("closed"))  # noqa: SLF001 - no public way
    sender = client._sender.sender_task  # noqa: SLF001 - no public way
    await client.client.close()
    if sender is not None:
        sender.cancel()
        await asyncio.wait([sender], timeout=STOP_TIMEOUT_SECONDS)
