"""Asking where partitions end, right after their leaders have moved."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from services._runtime.processor import restore
from services._runtime.processor.restore import ASK_ATTEMPTS, end_offsets

PLACE = TopicPartition("changelog", 3)


class Admin:
    """Asks the leader that it knew until it is made to look up who leads, as the client does."""

    def __init__(self, code: int, *, learns: bool = True) -> None:
        self.asked = 0
        self._code = code
        self._learns = learns
        self._knows = False

    def list_topics(self, _topic: str, timeout: float) -> None:
        del timeout
        self._knows = self._learns

    def list_offsets(self, wanted: dict[TopicPartition, Any], **_: Any) -> dict[TopicPartition, Future[Any]]:
        self.asked += 1
        answer: Future[Any] = Future()
        if self._knows:
            answer.set_result(SimpleNamespace(offset=42))
        else:
            answer.set_exception(KafkaException(KafkaError(self._code)))
        return dict.fromkeys(wanted, answer)


def ends_by(admin: Any) -> dict[tuple[str, int], int]:
    return end_offsets(admin, [PLACE])


@pytest.mark.parametrize(
    "code", [KafkaError.FENCED_LEADER_EPOCH, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError._TIMED_OUT]
)
def test_when_the_leader_has_moved_it_is_looked_up_and_asked(code: int) -> None:
    admin = Admin(code)
    assert ends_by(admin) == {("changelog", 3): 42}
    assert admin.asked == 2


def test_a_leader_that_is_never_found_is_asked_for_a_bounded_number_of_times() -> None:
    admin = Admin(KafkaError.FENCED_LEADER_EPOCH, learns=False)
    with pytest.raises(KafkaException):
        ends_by(admin)
    assert admin.asked == ASK_ATTEMPTS


def test_any_other_refusal_is_final() -> None:
    admin = Admin(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException):
        ends_by(admin)
    assert admin.asked == 1


def test_an_answer_that_never_comes_is_a_refusal_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "ASK_SECONDS", 0.01)
    admin = Admin(KafkaError.FENCED_LEADER_EPOCH)
    answers = admin.list_offsets
    silent: dict[TopicPartition, Future[Any]] = {PLACE: Future()}

    def first_silent(wanted: dict[TopicPartition, Any], **how: Any) -> dict[TopicPartition, Future[Any]]:
        answered = answers(wanted, **how)
        return silent if admin.asked == 1 else answered

    monkeypatch.setattr(admin, "list_offsets", first_silent)
    assert ends_by(admin) == {("changelog", 3): 42}
