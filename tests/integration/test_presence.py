"""Presence by heartbeats on a real Redis: what is told to the router, and what losing Redis does not tell it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from schemas.directory import TechnicianDefined
from schemas.topics import DIRECTORY, ROUTING_WORK
from schemas.vocabulary import Language, Level, Presence
from services._runtime.clock import ManualClock
from services._runtime.directory.directory import Directory
from services._runtime.directory.file import DirectoryFile, records_of
from services._runtime.redis_client import RedisClient
from services._runtime.unavailable import KafkaUnavailable
from services._runtime.view.lease import Lease
from services.router.adapters import attendance
from services.router.adapters.attendance import HeartbeatBook, SilenceWatch
from services.router.adapters.directory_writer import KafkaDirectory
from tests.kafka_stand_in import KafkaStandIn
from tests.served import empty_database

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TIMEOUT = timedelta(seconds=60)
DATABASE = 8


class Desk:
    """A book of heartbeats, and someone who watches for silence."""

    def __init__(self, redis: RedisClient) -> None:
        self.redis = redis
        self.clock = ManualClock(NOW)
        self.kafka = KafkaStandIn()
        self.directory = Directory()
        for record in records_of(DirectoryFile("acme", (_technician("li.na"), _technician("wang.wei"))), {}, NOW):
            if record.topic == DIRECTORY["technicians"].name:
                self.directory.apply(record.topic, record.key, record.value)
        self.directory.expect({})
        self.book = HeartbeatBook(redis, KafkaDirectory(self.kafka, self.directory, self.clock), self.clock)
        self.watch = self.watcher("0")

    def watcher(self, instance: str) -> SilenceWatch:
        lease = Lease(self.redis, attendance.LEASE, instance, self.clock)
        return SilenceWatch(self.book, self.directory, lease, self.clock, timeout=TIMEOUT)

    async def beat(self, technician_id: str = "li.na", presence: Presence = Presence.AVAILABLE) -> bool:
        return await self.book.beat("acme", technician_id, "north", presence)

    async def wait(self, seconds: float) -> None:
        """Look before and after so much time has gone by."""
        await self.watch.look()
        self.clock.advance(timedelta(seconds=seconds))
        await self.watch.look()

    def told(self) -> list[tuple[str, Presence]]:
        return [(each.technician_id, each.presence) for each in self.kafka.on(ROUTING_WORK)]


def _technician(technician_id: str) -> TechnicianDefined:
    return TechnicianDefined.new(
        technician_id=technician_id,
        name="n",
        email="e",
        pool="north",
        team="field",
        skills=[],
        languages=[Language.EN],
        level=Level.L1,
        capacity=1,
    )


@pytest.fixture
def at_desk(local_redis: str) -> Callable[[Callable[[Desk], Awaitable[None]]], None]:
    def run(scenario: Callable[[Desk], Awaitable[None]]) -> None:
        async def scene() -> None:
            redis = RedisClient(empty_database(local_redis, DATABASE))
            try:
                await scenario(Desk(redis))
            finally:
                await redis.stop()

        asyncio.run(scene())

    return run


AtDesk = Callable[[Callable[[Desk], Awaitable[None]]], None]


def test_a_sign_of_life_is_an_event_only_when_it_says_something_new(at_desk: AtDesk) -> None:
    async def scene(desk: Desk) -> None:
        assert await desk.beat() is True
        assert await desk.beat() is False
        assert await desk.beat(presence=Presence.BUSY) is True
        assert desk.told() == [("li.na", Presence.AVAILABLE), ("li.na", Presence.BUSY)]

    at_desk(scene)


def test_who_falls_silent_is_told_offline_once_and_comes_back_with_the_next_sign(at_desk: AtDesk) -> None:
    async def scene(desk: Desk) -> None:
        await desk.beat()
        await desk.beat("wang.wei")
        await desk.wait(50)
        await desk.beat("wang.wei")
        await desk.wait(11)
        await desk.wait(11)
        assert desk.told()[2:] == [("li.na", Presence.OFFLINE)]
        await desk.beat()
        assert desk.told()[-1] == ("li.na", Presence.AVAILABLE)

    at_desk(scene)


def test_a_redis_that_was_emptied_tells_nobody_gone(at_desk: AtDesk) -> None:
    async def scene(desk: Desk) -> None:
        await desk.beat()
        await desk.wait(10)
        async with desk.redis.commands() as commands:
            await commands.flushall()
        await desk.wait(500)
        assert desk.told() == [("li.na", Presence.AVAILABLE)]
        # What it has forgotten is told again: the router takes what it knows.
        assert await desk.beat() is True

    at_desk(scene)


def test_silence_from_before_somebody_watched_is_held_against_nobody(at_desk: AtDesk) -> None:
    async def scene(desk: Desk) -> None:
        await desk.beat()
        desk.clock.advance(timedelta(hours=2))
        await desk.watch.look()
        assert len(desk.told()) == 1
        await desk.wait(59)
        assert len(desk.told()) == 1
        await desk.wait(2)
        assert desk.told()[-1] == ("li.na", Presence.OFFLINE)

    at_desk(scene)


def test_a_redis_from_an_older_copy_gives_everyone_time_to_be_heard_of(at_desk: AtDesk) -> None:
    async def scene(desk: Desk) -> None:
        await desk.beat()
        await desk.watch.look()
        desk.clock.advance(timedelta(seconds=100))
        # Started again, it would answer under another id, and hold what it held when it was last written down.
        desk.watch._run_id = "another"
        await desk.watch.look()
        assert len(desk.told()) == 1
        await desk.wait(61)
        assert desk.told()[-1] == ("li.na", Presence.OFFLINE)

    at_desk(scene)


def test_who_says_goodbye_is_not_watched_any_more(at_desk: AtDesk) -> None:
    async def scene(desk: Desk) -> None:
        await desk.beat()
        await desk.beat(presence=Presence.OFFLINE)
        await desk.wait(500)
        assert desk.told() == [("li.na", Presence.AVAILABLE), ("li.na", Presence.OFFLINE)]

    at_desk(scene)


def test_one_instance_watches_and_the_others_stand_by(at_desk: AtDesk) -> None:
    async def scene(desk: Desk) -> None:
        await desk.watch.look()
        assert "standby" in await desk.watcher("1").look()

    at_desk(scene)


def test_what_kafka_did_not_take_is_told_at_the_next_look(at_desk: AtDesk) -> None:
    async def scene(desk: Desk) -> None:
        await desk.beat()
        await desk.watch.look()
        desk.clock.advance(timedelta(seconds=61))
        desk.kafka.gone = True
        with pytest.raises(KafkaUnavailable):
            await desk.watch.look()
        desk.kafka.gone = False
        await desk.watch.look()
        assert desk.told()[-1] == ("li.na", Presence.OFFLINE)

    at_desk(scene)
