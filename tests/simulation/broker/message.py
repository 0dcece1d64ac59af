"""What a consumer hands out: a record, or the news that a partition is read to its end."""

from __future__ import annotations

from confluent_kafka import KafkaError

from tests.simulation.broker.errors import END_OF_PARTITION
from tests.simulation.broker.partition_log import Headers, Stored


class Message:
    """Looks like `confluent_kafka.Message`."""

    __slots__ = ("_error", "_offset", "_partition", "_stored", "_topic")

    def __init__(self, topic: str, partition: int, offset: int, stored: Stored | None) -> None:
        self._topic = topic
        self._partition = partition
        self._offset = offset
        self._stored = stored
        self._error = None if stored is not None else KafkaError(END_OF_PARTITION)

    def topic(self) -> str:
        """The topic's name."""
        return self._topic

    def partition(self) -> int:
        """The partition's number."""
        return self._partition

    def offset(self) -> int:
        """The record's offset; of an end, the position of the reader."""
        return self._offset

    def error(self) -> KafkaError | None:
        """None for a record."""
        return self._error

    def key(self) -> bytes | None:
        """The record's key."""
        return self._stored.key if self._stored is not None else None

    def value(self) -> bytes | None:
        """The record's value."""
        return self._stored.value if self._stored is not None else None

    def headers(self) -> Headers | None:
        """The record's headers, None where it has none."""
        return (self._stored.headers or None) if self._stored is not None else None

    def timestamp(self) -> tuple[int, int]:
        """Kind and milliseconds: the time of creation."""
        return (1, int(self._stored.at.timestamp() * 1000) if self._stored is not None else 0)
