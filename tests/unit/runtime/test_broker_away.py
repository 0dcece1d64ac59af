"""Whether a broker has died, by what the cluster says of itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from services._runtime.processor.fencing import a_broker_is_away


def cluster(*brokers: int) -> Any:
    """A cluster whose one partition is kept on brokers 1 and 2, of which these are there."""
    topic = SimpleNamespace(partitions={0: SimpleNamespace(replicas=[1, 2])})
    known = SimpleNamespace(brokers=dict.fromkeys(brokers), topics={"commands": topic})
    return SimpleNamespace(list_topics=lambda **_: known)


@pytest.mark.parametrize(("brokers", "away"), [((1, 2), False), ((1, 2, 3), False), ((2, 3), True)])
def test_a_broker_is_away_that_keeps_a_partition_and_is_not_listed(brokers: tuple[int, ...], away: bool) -> None:  # noqa: FBT001 - what is expected
    assert a_broker_is_away(cluster(*brokers)) is away


def test_where_nobody_answers_nothing_is_known() -> None:
    def silent(timeout: float) -> None:
        raise KafkaException(KafkaError(KafkaError._TRANSPORT), timeout)

    admin: Any = SimpleNamespace(list_topics=silent)
    assert not a_broker_is_away(admin)
