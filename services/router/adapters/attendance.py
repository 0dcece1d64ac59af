"""Presence by heartbeats: signs of life lie in Redis, what follows from them is stated on `routing.work`.

Redis holds when each watched person was last heard of, and what the router was told last. Losing it tells nobody gone:
who is not in it is not watched, until they give a sign of life again. Whoever falls silent for longer than the time-out
while somebody watched all along is stated as offline, once; their next sign of life says how they are there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from schemas.directory import TechnicianDefined
from schemas.routing_work import PresenceChanged
from schemas.vocabulary import Presence
from services._runtime.clock import Clock
from services._runtime.directory.directory import Directory
from services._runtime.logs import get_logger
from services._runtime.metrics import ROUTER_HEARTBEATS, ROUTER_PRESENCE_TOLD
from services._runtime.redis_client import RedisClient, shared_key
from services._runtime.unavailable import RedisUnavailable, Unavailable
from services._runtime.view.lease import Lease
from services._runtime.web.audited import Action
from services.router.adapters.directory_writer import KafkaDirectory
from services.router.domain.heartbeats import is_gone

BEATS: Final = shared_key("presence", "beats")
"""Sorted set: watched people by the second of their last sign of life."""
TOLD: Final = shared_key("presence", "told")
"""Hash: what the router was told of a watched person last."""
LEASE: Final = shared_key("presence", "lease")
LOOK_SECONDS: Final = 1.0
GONE_EACH_LOOK_MAX: Final = 500
"""A whole site that loses its line is told within seconds, but not in one breath."""

log = get_logger(__name__)


class _Watched(NamedTuple):
    """A watched person, as Redis names them."""

    tenant: str
    technician_id: str

    @property
    def member(self) -> str:
        return f"{self.tenant}:{self.technician_id}"


def _watched(member: str) -> _Watched:
    tenant, _, technician_id = member.partition(":")
    return _Watched(tenant, technician_id)


class HeartbeatBook:
    """The signs of life. Every method raises `Unavailable`."""

    def __init__(self, redis: RedisClient, writer: KafkaDirectory, clock: Clock) -> None:
        self._redis = redis
        self._writer = writer
        self._clock = clock

    async def beat(self, tenant: str, technician_id: str, pool: str, presence: Presence) -> bool:
        """See `Attendance`. What Redis does not know is told again, which the router knows how to take."""
        who = _Watched(tenant, technician_id)
        if presence is Presence.OFFLINE:
            # They say good-bye: from here on their silence means nothing.
            known = await self._forget(who)
        else:
            known = await self._note(who)
        is_news = known != f"{pool}:{presence.value}"
        if is_news:
            news = PresenceChanged.new(technician_id=technician_id, pool=pool, presence=presence)
            await self._writer.tell_presence(tenant, news)
            ROUTER_PRESENCE_TOLD.labels(presence.value, "heartbeat").inc()
            if presence is not Presence.OFFLINE:
                await self._remember(who, f"{pool}:{presence.value}")
        ROUTER_HEARTBEATS.labels("news" if is_news else "known").inc()
        return is_news

    async def declare(self, technician_id: str, pool: str, presence: Presence, action: Action) -> None:
        """See `Attendance`."""
        tenant = action.principal.tenant
        who = _Watched(tenant, technician_id)
        news = PresenceChanged.new(technician_id=technician_id, pool=pool, presence=presence)
        await self._writer.tell_presence(tenant, news, action)
        ROUTER_PRESENCE_TOLD.labels(presence.value, "declared").inc()
        if presence is Presence.OFFLINE:
            await self._forget(who)
        else:
            await self._remember(who, f"{pool}:{presence.value}")

    async def silent(self, before: datetime) -> list[tuple[str, str, datetime]]:
        """Who was last heard of before `before`: tenant, technician, when. At most `GONE_EACH_LOOK_MAX`."""
        async with self._redis.commands() as commands:
            found: Any = await commands.zrange(
                BEATS, "-inf", f"({before.timestamp()}", byscore=True, offset=0, num=GONE_EACH_LOOK_MAX, withscores=True
            )
        return [(*_watched(member), datetime.fromtimestamp(float(score), UTC)) for member, score in found]

    async def tell_gone(self, tenant: str, technician_id: str, pool: str | None) -> None:
        """State that someone is gone, and watch them no more until they are heard of again.

        `pool` None: they have left the directory meanwhile, and nobody need be told.
        """
        if pool is not None:
            news = PresenceChanged.new(technician_id=technician_id, pool=pool, presence=Presence.OFFLINE)
            await self._writer.tell_presence(tenant, news)
            ROUTER_PRESENCE_TOLD.labels(Presence.OFFLINE.value, "silence").inc()
        await self._forget(_Watched(tenant, technician_id))

    async def run_id(self) -> str:
        """Which Redis answers: another id means that it was started again, perhaps from an older copy."""
        async with self._redis.commands() as commands:
            about: Any = await commands.info("server")
        return str(about.get("run_id", ""))

    async def _note(self, who: _Watched) -> str | None:
        async with self._redis.commands() as commands, commands.pipeline(transaction=True) as pipeline:
            pipeline.zadd(BEATS, {who.member: self._clock.now().timestamp()})
            pipeline.hget(TOLD, who.member)
            answers: Sequence[Any] = await pipeline.execute()
        known: str | None = answers[1]
        return known

    async def _remember(self, who: _Watched, told: str) -> None:
        async with self._redis.commands() as commands:
            await commands.hset(TOLD, who.member, told)

    async def _forget(self, who: _Watched) -> str | None:
        async with self._redis.commands() as commands, commands.pipeline(transaction=True) as pipeline:
            pipeline.hget(TOLD, who.member)
            pipeline.zrem(BEATS, who.member)
            pipeline.hdel(TOLD, who.member)
            answers: Sequence[Any] = await pipeline.execute()
        known: str | None = answers[0]
        return known


class SilenceWatch:
    """Looks once a second who has fallen silent; one instance at a time, as long as its lease lasts."""

    def __init__(
        self, book: HeartbeatBook, directory: Directory, lease: Lease, clock: Clock, *, timeout: timedelta
    ) -> None:
        self._book = book
        self._directory = directory
        self._lease = lease
        self._clock = clock
        self._timeout = timeout
        self._watched_since: datetime | None = None
        self._run_id = ""
        self.status = "starting"

    async def run(self) -> None:
        """Keep on until cancelled."""
        while True:
            try:
                self.status = await self.look()
            except Unavailable as gone:
                # Signs of life may have been lost with it.
                self._watched_since = None if isinstance(gone, RedisUnavailable) else self._watched_since
                self.status = f"waiting: {gone.part} does not answer"
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> str:
        """One look: state who is gone; returns how it stands. Raises `Unavailable`; the rest follows with the next."""
        if not await self._lease.hold():
            self._watched_since = None
            return "standby: another instance watches"
        if not self._directory.caught_up:
            return "waiting for the directory"
        now = self._clock.now()
        run_id = await self._book.run_id()
        if self._watched_since is None or run_id != self._run_id:
            self._watched_since, self._run_id = now, run_id
        for tenant, technician_id, last_beat_at in await self._book.silent(now - self._timeout):
            if is_gone(last_beat_at, self._watched_since, now, self._timeout):
                known = self._directory.get(TechnicianDefined, technician_id)
                await self._book.tell_gone(tenant, technician_id, known.pool if known is not None else None)
                log.info("technician_fell_silent", technician=technician_id)
        return "watching"
