"""Holds due timers back until their partition has read what had arrived when they came due.

A timer asks "has nothing happened by now?". Only a partition that has read its inputs up to the end that was seen
*after* the timer came due can answer. So lag delays a verdict and never falsifies it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from services._runtime.kafka.clients import REQUEST_SECONDS
from services._runtime.logs import get_logger

log = get_logger(__name__)
RETRY_AFTER: Final = timedelta(milliseconds=250)
REFRESH_SECONDS: Final = 1.0

Positions = Mapping[tuple[str, int], int]


class TimerGate:
    """Asks the brokers for end offsets, one request at a time, and says up to when a partition's timers may fire."""

    def __init__(self, admin: AdminClient, topics: tuple[str, ...]) -> None:
        self._admin = admin
        self._topics = topics
        self._asked_at: datetime | None = None
        self._asked: dict[TopicPartition, Any] = {}
        self._seen: dict[int, tuple[datetime, dict[str, int]]] = {}
        self._is_stale = False
        self._ask_again_at = datetime.min.replace(tzinfo=UTC)

    @property
    def is_asking(self) -> bool:
        """Whether an answer is outstanding."""
        return self._asked_at is not None

    def ask(self, partitions: Iterable[int], now: datetime) -> None:
        """Ask for the ends of the inputs of `partitions` as of `now`, unless an answer is outstanding.

        After a failed answer only a moment later, and with what the client knows of the leaders refreshed.
        """
        if self._asked_at is not None or timedelta(0) < self._ask_again_at - now <= RETRY_AFTER:
            return
        if self._is_stale and not self._refresh():
            self._ask_again_at = now + RETRY_AFTER
            return
        wanted = {TopicPartition(topic, each): OffsetSpec.latest() for each in partitions for topic in self._topics}
        if wanted:
            self._asked_at = now
            self._asked = self._admin.list_offsets(
                wanted, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=REQUEST_SECONDS
            )

    def collect(self, now: datetime) -> None:
        """Take in the answer if it is complete. A failed one is dropped; a later `ask` asks again."""
        if self._asked_at is None or not all(future.done() for future in self._asked.values()):
            return
        ends: dict[int, dict[str, int]] = {}
        try:
            for place, future in self._asked.items():
                ends.setdefault(place.partition, {})[place.topic] = future.result(timeout=0).offset
        except (KafkaException, TimeoutError) as error:
            log.warning("ends_unknown", topics=list(self._topics), error=str(error))
            ends = {}
            self._is_stale = True
            self._ask_again_at = now + RETRY_AFTER
        for partition, by_topic in ends.items():
            self._seen[partition] = (self._asked_at, by_topic)
        self._asked_at = None
        self._asked = {}

    def is_waiting(self, partition: int, read_to: Positions) -> bool:
        """Whether an end is known that this partition has yet to read up to; no later one is asked for until then.

        Otherwise a partition under steady load would chase ends that move on for ever.
        """
        return partition in self._seen and self.open_until(partition, read_to) is None

    def open_until(self, partition: int, read_to: Positions) -> datetime | None:
        """Return the instant up to which this partition's timers may fire, or None while it must read on."""
        seen = self._seen.get(partition)
        if seen is None:
            return None
        asked_at, ends = seen
        reached = all(read_to.get((topic, partition), -1) >= end for topic, end in ends.items())
        return asked_at if reached else None

    def forget(self) -> None:
        """Drop all answers: the partitions were assigned anew."""
        self._seen.clear()
        self._asked_at = None
        self._asked = {}

    def _refresh(self) -> bool:
        """Have the client learn anew who leads the inputs; tell whether it did.

        This client asks the leaders it knows, with the epochs it knows, and learns nothing from being told that these
        are over: after a leader was killed and came back, every answer would be a refusal until its next own refresh.
        """
        try:
            for topic in self._topics:
                self._admin.list_topics(topic, timeout=REFRESH_SECONDS)
        except KafkaException:
            return False
        self._is_stale = False
        return True
