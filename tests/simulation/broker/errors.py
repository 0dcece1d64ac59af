"""The errors that clients get, with the qualities that librdkafka gives them."""

from __future__ import annotations

from typing import Final

from confluent_kafka import KafkaError, KafkaException

# Names of the client's own; it has no others.
END_OF_PARTITION: Final = KafkaError._PARTITION_EOF
FENCED: Final = KafkaError._FENCED
TIMED_OUT: Final = KafkaError._TIMED_OUT
TRANSPORT: Final = KafkaError._TRANSPORT
STATE: Final = KafkaError._STATE


def retriable(code: int, text: str = "simulated") -> KafkaException:
    """An error after which the same call may be made again."""
    return KafkaException(KafkaError(code, text, False, True, False))  # noqa: FBT003 - its arguments are positional


def abortable(code: int, text: str = "simulated") -> KafkaException:
    """An error after which the transaction has to be aborted."""
    return KafkaException(KafkaError(code, text, False, False, True))  # noqa: FBT003 - as above


def fatal(code: int, text: str = "simulated") -> KafkaException:
    """An error after which the client is of no use."""
    return KafkaException(KafkaError(code, text, True))  # noqa: FBT003 - as above


def plain(code: int, text: str = "simulated") -> KafkaException:
    """An error of none of these kinds."""
    return KafkaException(KafkaError(code, text))
