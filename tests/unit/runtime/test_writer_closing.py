"""Closing a client that was fenced: the processor must live through it."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from services._runtime.clock import SystemClock
from services._runtime.processor import transaction
from services._runtime.processor.transaction import Writer


class FencedProducer:
    """As the client behaves that was fenced in the middle of a transaction."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True
        raise KafkaException(KafkaError(KafkaError._FENCED, "fenced by a newer instance"))


def test_closing_a_fenced_writer_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "Producer", FencedProducer)
    writer = Writer({}, SystemClock())
    writer.close()
    assert isinstance(writer._producer, FencedProducer)
    assert writer._producer.closed
