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

    def __init__(self, closed: list[str]) -> None:
        self._closed = closed

    def close(self) -> None:
        self._closed.append("closed")
        raise KafkaException(KafkaError(KafkaError._FENCED, "fenced by a newer instance"))


def test_closing_a_fenced_writer_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    def fenced(*_: Any, **__: Any) -> FencedProducer:
        return FencedProducer(closed)

    monkeypatch.setattr(transaction, "Producer", fenced)
    writer = Writer({}, SystemClock(), lambda: False)
    writer.close()
    assert closed == ["closed"]
