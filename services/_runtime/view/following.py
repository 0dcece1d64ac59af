"""The loop that keeps a view up with its topics."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from typing import Final

from services._runtime.cancelling import heed_cancellation
from services._runtime.clock import Clock
from services._runtime.kafka.follower import Batch, Follower
from services._runtime.logs import get_logger
from services._runtime.metrics import READ_MODEL_RESTARTS
from services._runtime.unavailable import RedisUnavailable
from services._runtime.view.lease import Lease
from services._runtime.view.projector import Projector
from services._runtime.view.slices import Place, Project, TopicRewoundError, slices_of

FRESH_LAG_RECORDS: Final = 1_000
"""With fewer records to go the view counts as caught up: at full load it is never at the very end."""
CHECK_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 1.0
PROJECTING: Final = "projecting"

log = get_logger(__name__)


class ReadModel:
    """Follows the topics and projects them, as long as its lease lasts; otherwise stands by."""

    def __init__(self, follower: Follower, project: Project, projector: Projector, lease: Lease, clock: Clock) -> None:
        self._follower = follower
        self._project = project
        self._projector = projector
        self._lease = lease
        self._clock = clock
        self.status = "starting"

    @property
    def projecting(self) -> bool:
        """Whether this instance keeps the view now."""
        return self.status == PROJECTING

    async def run(self) -> None:
        """Keep on until cancelled. No Redis, no Kafka and a lost view are waited out or read again."""
        try:
            while True:
                reason = await self._round()
                heed_cancellation()
                self.status = reason or "standby: another instance projects"
                if reason is not None:
                    READ_MODEL_RESTARTS.labels(reason).inc()
                    log.warning("read_model_restarts", reason=reason)
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            with contextlib.suppress(RedisUnavailable):
                await self._lease.release()

    async def _round(self) -> str | None:
        """Follow until something ends it; why, or None where another instance has the lease."""
        try:
            if not await self._lease.hold():
                return None
            return await self._follow()
        except RedisUnavailable:
            return "redis_unavailable"
        except TopicRewoundError as rewound:
            with contextlib.suppress(RedisUnavailable):
                await self._projector.forget(rewound.place)
            return "topic_rewound"
        except Exception:
            # A mistake of ours must not end the view for good.
            log.exception("read_model_failed")
            return "failed"

    async def _follow(self) -> str:
        reached = await self._projector.positions()
        checked_at_seconds = self._clock.monotonic_seconds()
        async with aclosing(self._follower.batches(reached)) as batches:
            async for batch in batches:
                heed_cancellation()
                self.status = PROJECTING
                if not await self._lease.hold():
                    return "lease_lost"
                if batch.records and not await self._projector.apply(slices_of(batch, reached, self._project)):
                    return "redis_behind"
                reached.update(batch.positions)
                if self._clock.monotonic_seconds() - checked_at_seconds >= CHECK_SECONDS:
                    checked_at_seconds = self._clock.monotonic_seconds()
                    if await self._is_behind(reached):
                        return "redis_behind"
                    await self._state_freshness(batch)
        return "follower_ended"

    async def _is_behind(self, reached: dict[Place, int]) -> bool:
        """Whether Redis has lost positions, which an idle reader would not notice otherwise."""
        stored = await self._projector.positions()
        return any(stored.get(place, -1) < offset for place, offset in reached.items())

    async def _state_freshness(self, batch: Batch) -> None:
        if batch.lag_records is not None and batch.lag_records < FRESH_LAG_RECORDS:
            await self._projector.state_fresh()
