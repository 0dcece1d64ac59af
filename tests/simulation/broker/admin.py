"""The admin client: what processors and operators ask the brokers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Generic, TypeVar

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from tests.simulation.broker.cluster import Cluster

T = TypeVar("T")


class Answer(Generic[T]):
    """Looks like a future. It is done when it is looked at for the second time, or waited for."""

    def __init__(self, value: T | KafkaException) -> None:
        self._value = value
        self._looks = 0

    def done(self) -> bool:
        """Whether the answer has come."""
        self._looks += 1
        return self._looks > 1

    def result(self, timeout: float | None = None) -> T:
        """The answer."""
        del timeout
        if isinstance(self._value, KafkaException):
            raise self._value
        return self._value


class SimulatedAdmin:
    """Looks like `confluent_kafka.admin.AdminClient`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
        """The topics with their partitions."""
        del timeout
        self._cluster.point("list topics")
        known = self._cluster.topics if topic is None else {topic: self._cluster.topics[topic]}
        topics = {name: SimpleNamespace(partitions=dict(enumerate(logs))) for name, logs in known.items()}
        return SimpleNamespace(topics=topics)

    def list_offsets(
        self, wanted: dict[TopicPartition, OffsetSpec], *, isolation_level: IsolationLevel, request_timeout: float
    ) -> dict[TopicPartition, Answer[Any]]:
        """The ends or beginnings of partitions, as they are when they are asked for: the answer may be old news."""
        del request_timeout
        failure = self._asked("list offsets")
        return {place: Answer(failure or self._offset(place, spec, isolation_level)) for place, spec in wanted.items()}

    def describe_consumer_groups(self, groups: list[str], *, request_timeout: float) -> dict[str, Answer[Any]]:
        """The members of groups."""
        del request_timeout
        failure = self._asked("members")
        return {
            name: Answer(
                failure
                or SimpleNamespace(
                    members=[
                        SimpleNamespace(client_id=member.client_id)
                        for member in self._cluster.group(name).members.values()
                    ]
                )
            )
            for name in groups
        }

    def _offset(self, place: TopicPartition, spec: OffsetSpec, isolation: IsolationLevel) -> Any:
        logs = self._cluster.topics.get(place.topic)
        if logs is None:
            return KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
        log = logs[place.partition]
        end = log.end if isolation == IsolationLevel.READ_UNCOMMITTED else log.stable_end
        return SimpleNamespace(offset=0 if spec._value == OffsetSpec.earliest()._value else end)

    def _asked(self, name: str) -> KafkaException | None:
        """Fail as this call would: by its answer."""
        self._cluster.busy()
        try:
            self._cluster.point(name)
        except KafkaException as error:
            return error
        return None
