"""Restoring reads from those who lead now, whoever led when this client last read."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from services._runtime.engine.state import PartitionState
from services._runtime.processor import restore
from services._runtime.processor.restore import Restorer
from services._runtime.settings import RuntimeSettings
from tests.topology.counting import Counting

CHANGELOG = "counting.changelog"


class Client:
    """Both clients of a restorer; `done` is what it was asked for, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def list_topics(self, _topic: str, timeout: float) -> None:
        del timeout
        self.done.append("look up the leaders")

    def list_offsets(self, wanted: dict[TopicPartition, Any], **_: Any) -> dict[TopicPartition, Future[Any]]:
        self.done.append("ask for the ends")
        answer: Future[Any] = Future()
        answer.set_result(SimpleNamespace(offset=0))
        return dict.fromkeys(wanted, answer)

    def assign(self, places: list[TopicPartition]) -> None:
        self.done.append(f"read from {[place.offset for place in places]}")


def test_the_leaders_are_looked_up_before_each_restore(monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = Client()
    monkeypatch.setattr(restore, "Consumer", lambda *_, **__: client)
    topology = Counting().topology()
    restorer: Restorer[Any] = Restorer(RuntimeSettings.model_validate({"secret": "s" * 32}), "test", CHANGELOG)
    for _ in range(2):
        restorer.begin(client, [PartitionState(3, topology)])
    assert client.done == ["look up the leaders", "ask for the ends", "read from [0]"] * 2
