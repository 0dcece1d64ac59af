"""The Faust agents that read `directory.*` into a `Directory`."""

import traceback
from typing import Any, Final

import faust
from aiokafka import AIOKafkaConsumer

from schemas import envelope
from schemas.dead_letters import DeadLettered, Reason
from schemas.topics import DEAD_LETTERS, DIRECTORY
from services._runtime.clock import Clock
from services._runtime.directory.directory import Directory
from services._runtime.kafka.producer import EventProducer
from services._runtime.logs import get_logger
from services._runtime.metrics import DIRECTORY_RECORDS
from services._runtime.settings import RuntimeSettings
from services._runtime.unavailable import Unavailable

TOPICS: Final = tuple(topic.name for topic in DIRECTORY.values())
_KINDS: Final = {topic.name: kind for kind, topic in DIRECTORY.items()}
_TEXT_MAX: Final = 2_000

log = get_logger(__name__)


class DirectoryFeed:
    """Declares the agents on `app` and lends a hand around its runs (`control.control_of`).

    The topics are not acknowledged (`acks=False`), so their offsets are never committed: every start reads them from
    the beginning, which is what a view in memory needs, and no commit can fail.
    """

    def __init__(
        self, app: faust.App, directory: Directory, *, service: str, settings: RuntimeSettings, clock: Clock
    ) -> None:
        self._directory = directory
        self._service = service
        self._bootstrap = settings.kafka_bootstrap
        self._client_id = f"{service}-{settings.instance}-directory"
        self._clock = clock
        self._producer = self._new_producer()

        async def read_directory(records: faust.Stream[bytes]) -> None:
            """Keep the directory up to date. Never raises: an agent that raises loses its event, silently."""
            async for event in records.events():
                await self.take_in(event.message)

        # An agent a topic: Faust's command line can't describe one that reads several.
        for name in TOPICS:
            topic = app.topic(name, acks=False, allow_empty=True, key_serializer="raw", value_serializer="raw")
            app.agent(topic, name=name, concurrency=1)(read_directory)

    async def before_start(self) -> None:
        """Find out how far there is to read; raises KafkaError while no broker answers."""
        self._producer = self._new_producer()
        self._directory.expect(await ends_of(self._bootstrap))

    async def after_stop(self) -> None:
        """Let go of Kafka."""
        await self._producer.stop()

    async def take_in(self, message: Any) -> None:
        """Apply one Faust message; what can't be applied goes to the dead-letter topic."""
        kind, outcome = _KINDS.get(message.topic, "unknown"), "applied"
        try:
            self._directory.apply(message.topic, (message.key or b"").decode(), message.value)
        except envelope.UnknownType:
            outcome = "skipped"
        except Exception as error:  # noqa: BLE001 - see `read_directory`
            outcome = "dead_lettered"
            await self._set_aside(message, error)
        self._directory.passed(message.topic, message.offset)
        DIRECTORY_RECORDS.labels(kind, outcome).inc()

    async def _set_aside(self, message: Any, error: Exception) -> None:
        place = {"topic": message.topic, "offset": message.offset}
        log.error("directory_record_refused", **place, error=type(error).__name__)
        try:
            letter = _letter(self._service, message, error, self._clock)
            await self._producer.send(
                DEAD_LETTERS[self._service].name, (message.key or b"").decode(errors="replace"), letter
            )
        except (Unavailable, ValueError) as failure:
            # The record itself is still on its compacted topic, so every start tries it, and this, again.
            log.warning("dead_letter_not_written", **place, reason=str(failure))

    def _new_producer(self) -> EventProducer:
        return EventProducer(self._bootstrap, client_id=self._client_id, clock=self._clock)


async def ends_of(bootstrap: str) -> dict[str, int]:
    """The offset after the last record of each directory topic; 0 where there is none.

    Raises:
        aiokafka.errors.KafkaError: no broker answers, or a topic does not exist.
    """
    consumer = AIOKafkaConsumer(*TOPICS, bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False)
    try:
        await consumer.start()
        places = consumer.assignment()
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    finally:
        await consumer.stop()
    # One partition a topic. The last record is always there to be read: compaction leaves the active segment alone.
    return {place.topic: end if end > begins[place] else 0 for place, end in ends.items()}


def _letter(service: str, message: Any, error: Exception, clock: Clock) -> bytes:
    key, body = (message.key or b"").decode(errors="replace"), message.value or b""
    place = f"{message.topic}/{message.partition}/{message.offset}"
    processor = f"{service}-directory"
    return envelope.encode(
        type_name=DeadLettered.type_name,
        event_id=f"{processor}/{place}",
        source=f"/aftercare/{service}",
        time=clock.now(),
        subject=key[:1_000] or place,
        tenant="unknown",
        data=DeadLettered.new(
            processor=processor,
            reason=Reason.UNDECODABLE,
            source_topic=message.topic,
            source_partition=message.partition,
            source_offset=message.offset,
            key=key[:1_000],
            error=type(error).__name__,
            message=str(error)[:_TEXT_MAX],
            stack="".join(traceback.format_exception(error))[-_TEXT_MAX:],
            attempts=1,
            body=body[:_TEXT_MAX].decode(errors="replace"),
            body_bytes=len(body),
        ),
    )
