"""`why` over what a real router on a real Kafka was told and said: each decision comes out as it was decided."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any, Final

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from schemas import envelope
from schemas.contract import Contract
from schemas.routing_work import OfferMade
from schemas.ticket_assignments import AssignmentMade
from schemas.topics import CHANGELOGS, DEAD_LETTERS, RETRIES, ROUTING_TURNS, ROUTING_WORK, TICKET_ASSIGNMENTS
from schemas.vocabulary import Presence
from services._runtime.clock import SystemClock
from services._runtime.engine.topology import Context, Decision, Event
from services._runtime.kafka.clients import PLACE_HEADER
from services._runtime.processor.processor import Processor
from services.router.adapters.replay.asking import answer
from services.router.adapters.replay.command import rules_of
from services.router.adapters.replay.journal import Said
from services.router.adapters.replay.player import Told
from services.router.adapters.replay.source import RETRIED, KafkaLogs, partition_in
from services.router.adapters.replay.why import why
from services.router.domain.reasons import LogTooLongError
from services.router.handlers import router_topology
from services.router.settings import RouterSettings
from services.router.state import State
from tests.stack import PARTITIONS
from tests.topology.routing import offer, present, rostered, ruled, withdrawal

pytestmark = pytest.mark.integration

OFFERS: Final = 60
POISON: Final = "poison"
WAIT_SECONDS: Final = 30.0
CLOCK: Final = SystemClock()
_numbers = count(1)


class Desk:
    """Tells a pool's router things, and hears what it says."""

    def __init__(self, bootstrap: str) -> None:
        self.settings = RouterSettings.model_validate({"kafka_bootstrap": bootstrap, "secret": "s" * 32})
        self.pool = f"why-{next(_numbers)}"
        self.logs = KafkaLogs(self.settings)
        self._producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
        self._told = count()

    def tell(self, *inputs: Contract) -> None:
        for data in inputs:
            value = envelope.encode(
                type_name=data.type_name,
                event_id=f"{self.pool}/{next(self._told)}",
                source="/test",
                time=CLOCK.now(),
                subject=self.pool,
                tenant="acme",
                data=data,
            )
            self._producer.produce(ROUTING_WORK.name, key=self.pool.encode(), value=value)
        assert self._producer.flush(WAIT_SECONDS) == 0

    def send_again(self, ticket_id: str, partition: int) -> None:
        """As `services dlq redrive` does."""
        (value,) = (each.value for each in self.logs.work(partition) if ticket_id.encode() in (each.value or b""))
        self._producer.produce(
            RETRIED, key=self.pool.encode(), value=value, partition=partition, headers=[(PLACE_HEADER, b"0")]
        )
        assert self._producer.flush(WAIT_SECONDS) == 0

    def said(self) -> list[Said]:
        return [each for each in self.logs.said() if each.data.pool == self.pool]

    def wait_for_assignments(self, number: int) -> list[Said]:
        until_seconds = CLOCK.monotonic_seconds() + WAIT_SECONDS
        while CLOCK.monotonic_seconds() < until_seconds:
            said = self.said()
            if sum(isinstance(each.data, AssignmentMade) for each in said) >= number:
                return said
            time.sleep(0.2)
        raise AssertionError(f"fewer than {number} assignments within {WAIT_SECONDS:g} s")


def make_topics(bootstrap: str) -> None:
    topics = [
        ROUTING_WORK,
        ROUTING_TURNS,
        TICKET_ASSIGNMENTS,
        CHANGELOGS["router", "pools"],
        DEAD_LETTERS["router"],
        RETRIES["router.pools"],
    ]
    new = [NewTopic(topic.name, PARTITIONS, 1) for topic in topics]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics(new, request_timeout=20).values():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


@pytest.fixture
def desk(local_kafka: str) -> Iterator[Desk]:
    make_topics(local_kafka)
    made = Desk(local_kafka)
    topology = router_topology(made.settings)
    handlers = dict(topology.handlers)

    def on_offered(state: State | None, event: Event, context: Context) -> Decision[State]:
        if event.data.ticket_id.endswith(POISON) and event.topic == ROUTING_WORK.name:
            raise ValueError("an offer that nobody expected")
        return topology.handlers[OfferMade](state, event, context)

    handlers[OfferMade] = on_offered
    processor = Processor(replace(topology, name=f"router.pools-{made.pool}", handlers=handlers), made.settings)
    processor.start()
    try:
        yield made
    finally:
        processor.request_stop()
        assert processor.join(10)


def test_every_decision_of_a_real_router_is_made_again_from_its_topics(desk: Desk) -> None:
    chance = random.Random(11)
    rules: dict[str, Any] = {
        "skill_tiers": [{"skills": ["network"], "after_seconds": 1}],
        "groups": [{"teams": ["first"]}],
        "idle_factor": 0.3,
        "fairness_factor": 0.1,
    }
    desk.tell(ruled(pool=desk.pool, **rules))
    desk.tell(*(rostered(f"tech-{each}", "scanner", pool=desk.pool, capacity=3) for each in range(8)))
    # Nobody has the skill, which the work may do without after a second: a timer gives it to somebody.
    desk.tell(offer(f"{desk.pool}-net", pool=desk.pool, skills=["network"], queued_at=CLOCK.now()))
    assert desk.wait_for_assignments(1)[-1].data.position.startswith("timer/")
    for number in range(OFFERS):
        skills = chance.choice(([], ["scanner"], ["scanner", "network"]))
        desk.tell(offer(f"{desk.pool}-{number}", pool=desk.pool, skills=skills, queued_at=CLOCK.now()))
        if number >= 20 and number % 2:
            desk.tell(withdrawal(f"{desk.pool}-{number - 20}", pool=desk.pool))
        if number % 15 == 0:
            presence = chance.choice((Presence.AWAY, Presence.AVAILABLE))
            desk.tell(present(f"tech-{number % 8}", presence, pool=desk.pool))
    desk.tell(*(withdrawal(f"{desk.pool}-{number}", pool=desk.pool) for number in range(OFFERS // 2)))
    said = desk.wait_for_assignments(OFFERS // 2)
    partition = partition_in(said[0].data.position)
    work, turns = list(desk.logs.work(partition)), list(desk.logs.turns(partition))
    made = [each.data for each in said if isinstance(each.data, AssignmentMade)]
    for data in made:
        told = Told(desk.pool, {ROUTING_WORK.name: work})
        found = why(data, turns, told, partition, rules_of(desk.settings))
        assert found.equal, (data, found.replayed)


def test_a_decision_on_what_was_sent_again_is_made_again_too(desk: Desk) -> None:
    poison = f"{desk.pool}-{POISON}"
    desk.tell(rostered("an", pool=desk.pool, capacity=5), offer(poison, pool=desk.pool))
    desk.tell(offer(f"{desk.pool}-1", pool=desk.pool))
    partition = partition_in(desk.wait_for_assignments(1)[0].data.position)
    desk.send_again(poison, partition)
    desk.wait_for_assignments(2)
    desk.tell(offer(f"{desk.pool}-2", pool=desk.pool))
    desk.wait_for_assignments(3)
    found = answer(desk.logs, rules_of(desk.settings), poison, "acme", None)
    assert found.position.startswith(f"{RETRIED}/{partition}/")
    assert found.equal, found
    # Who holds the one that failed is fuller for it.
    after = answer(desk.logs, rules_of(desk.settings), f"{desk.pool}-2", "acme", None)
    assert after.equal, after
    assert [each.load for each in after.candidates] == [2]


def test_a_log_that_is_too_long_for_a_request_is_not_read(desk: Desk) -> None:
    desk.tell(rostered("a", pool=desk.pool), rostered("b", pool=desk.pool))
    with pytest.raises(LogTooLongError, match=r"routing\.work"):
        KafkaLogs(desk.settings, 1).work()
