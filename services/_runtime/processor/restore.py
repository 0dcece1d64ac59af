"""Brings the state of newly assigned partitions back from the changelog, step by step, between polls.

A partition is restored once the *position* in its changelog has reached the end that was seen after its dead writers
were fenced: the end-of-partition event under read_committed only says that the last stable offset was reached.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, Final, Generic, TypeVar

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from services._runtime.engine.state import PartitionState
from services._runtime.kafka.clients import CLIENT_LOG, REQUEST_SECONDS, reader_config
from services._runtime.settings import RuntimeSettings

S = TypeVar("S")

RECORDS_PER_STEP: Final = 20_000
ASK_ATTEMPTS: Final = 5
ASK_SECONDS: Final = 2.0
LEADER_MOVED: Final = frozenset(
    {
        KafkaError._TIMED_OUT,  # noqa: SLF001 - public names
        KafkaError._TRANSPORT,  # noqa: SLF001
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
    }
)
"""The client asked a leader that it knew from before. It learns nothing from the refusal, nor from the silence."""
# The client says "no leaders found" where the topic is unknown to it, and the broker's code where it asked.
ABSENT: Final = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._NOENT})  # noqa: SLF001 - public names


class MissingTopicError(Exception):
    """A topic that the processor lives by does not exist; `python -m services topics apply` makes it."""


def end_offsets(
    admin: AdminClient, partitions: Iterable[TopicPartition], *, earliest: bool = False
) -> dict[tuple[str, int], int]:
    """Return the end (or the beginning) of each partition, open transactions counted, by (topic, partition).

    Raises:
        MissingTopicError: a topic or partition does not exist.
        KafkaException: the brokers did not answer.
    """
    spec = OffsetSpec.earliest() if earliest else OffsetSpec.latest()
    wanted = {TopicPartition(each.topic, each.partition): spec for each in partitions}
    if not wanted:
        return {}
    for _ in range(ASK_ATTEMPTS - 1):
        try:
            return _offsets(admin, wanted)
        except KafkaException as error:
            if error.args[0].code() not in LEADER_MOVED:
                raise
            _look_up_leaders(admin, {each.topic for each in wanted})
    return _offsets(admin, wanted)


def _look_up_leaders(admin: AdminClient, topics: Iterable[str]) -> None:
    with contextlib.suppress(KafkaException):  # what is asked next says it better
        for topic in topics:
            admin.list_topics(topic, timeout=ASK_SECONDS)


def _offsets(admin: AdminClient, wanted: Mapping[TopicPartition, OffsetSpec]) -> dict[tuple[str, int], int]:
    futures = admin.list_offsets(
        dict(wanted), isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=ASK_SECONDS
    )
    ends: dict[tuple[str, int], int] = {}
    for place, future in futures.items():
        try:
            ends[place.topic, place.partition] = future.result(timeout=2 * ASK_SECONDS).offset
        except TimeoutError as error:
            silent = KafkaError(KafkaError._TIMED_OUT, f"{place.topic}/{place.partition}")  # noqa: SLF001
            raise KafkaException(silent) from error
        except KafkaException as error:
            if error.args[0].code() in ABSENT:
                message = f"{place.topic}/{place.partition} does not exist: run `python -m services topics apply`"
                raise MissingTopicError(message) from error
            raise
    return ends


class Restorer(Generic[S]):
    """Reads the changelogs of several partitions at once, as far as asked at each `step`.

    `finished` partitions are handed out once and forgotten. A state that was kept from an earlier assignment is read on
    from its position, so only the tail is fetched.
    """

    def __init__(self, settings: RuntimeSettings, client_id: str, changelog: str) -> None:
        self._changelog = changelog
        self._consumer = Consumer(reader_config(settings, client_id), logger=CLIENT_LOG)
        self._states: dict[int, PartitionState[S]] = {}
        self._ends: dict[int, int] = {}
        self._records = 0

    @property
    def pending(self) -> frozenset[int]:
        """Partitions that are being restored."""
        return frozenset(self._states)

    def begin(self, admin: AdminClient, states: Iterable[PartitionState[S]]) -> None:
        """Start over with these partitions, from where each state stands.

        Raises:
            MissingTopicError: the changelog does not exist; waiting for it would never end.
            KafkaException: the brokers did not answer.
        """
        self._states = {state.partition: state for state in states}
        # What this client knows of the leaders is as old as the last restore: it would wait for one that has gone.
        self._consumer.list_topics(self._changelog, timeout=REQUEST_SECONDS)
        places = [TopicPartition(self._changelog, partition) for partition in self._states]
        ends = end_offsets(admin, places)
        self._ends = {partition: ends[self._changelog, partition] for partition in self._states}
        self._assign()

    def step(self, wait_seconds: float) -> list[PartitionState[S]]:
        """Read on for at most `wait_seconds` and return the partitions that are complete now.

        Raises:
            UnreadableStateError: a record was written by a version that this code can't read.
            KafkaException: reading failed for good.
        """
        if not self._states:
            return []
        for message in self._consumer.consume(RECORDS_PER_STEP, wait_seconds):
            self._take(message)
        return self._finished()

    def forget(self, partitions: Iterable[int]) -> None:
        """Stop restoring partitions that were taken away."""
        for partition in partitions:
            self._states.pop(partition, None)
        self._assign()

    def taken(self) -> int:
        """Return how many records were read since the last call."""
        records, self._records = self._records, 0
        return records

    def close(self) -> None:
        """Release the consumer."""
        self._consumer.close()

    def _take(self, message: Any) -> None:
        state = self._states.get(message.partition())
        if state is None:
            return
        error = message.error()
        if error is None:
            state.restore((message.key() or b"").decode(), message.value())
            state.changelog_position = message.offset() + 1
            self._records += 1
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public name for it
            state.changelog_position = max(state.changelog_position, message.offset())
        elif not error.retriable():
            raise KafkaException(error)

    def _finished(self) -> list[PartitionState[S]]:
        done = [state for partition, state in self._states.items() if state.changelog_position >= self._ends[partition]]
        for state in done:
            del self._states[state.partition]
            state.finish_restore()
        if done:
            self._assign()
        return done

    def _assign(self) -> None:
        places = [
            TopicPartition(self._changelog, partition, state.changelog_position)
            for partition, state in self._states.items()
        ]
        if places:
            self._consumer.assign(places)
        else:
            self._consumer.unassign()
