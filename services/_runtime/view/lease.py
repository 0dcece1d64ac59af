"""One instance at a time for work that several could do: a key in Redis that runs out.

It saves doing the work twice. It does not make it safe to do once only, since a paused holder may wake up beside the
next one; what stands under a lease must bear that.
"""

from __future__ import annotations

from typing import Final

from services._runtime.clock import Clock
from services._runtime.redis_client import RedisClient

LEASE_SECONDS: Final = 6
RENEW_SECONDS: Final = 1.5


class Lease:
    """`holder` is the instance's name, so that one that was restarted goes on at once."""

    def __init__(self, redis: RedisClient, key: str, holder: str, clock: Clock) -> None:
        self._redis = redis
        self._key = key
        self._holder = holder
        self._clock = clock
        self._held_since_seconds: float | None = None

    async def hold(self) -> bool:
        """Whether it is ours now; takes it when it is free and renews it when it is ours. Cheap to call often.

        Raises:
            RedisUnavailable: no answer; it is not ours then.
        """
        now_seconds = self._clock.monotonic_seconds()
        if self._held_since_seconds is not None and now_seconds - self._held_since_seconds < RENEW_SECONDS:
            return True
        self._held_since_seconds = None
        holder = await self._redis.put_if_absent(self._key, self._holder, ttl_seconds=LEASE_SECONDS)
        if holder == self._holder:
            await self._redis.put(self._key, self._holder, ttl_seconds=LEASE_SECONDS)
        if holder in (None, self._holder):
            self._held_since_seconds = now_seconds
        return self._held_since_seconds is not None

    async def release(self) -> None:
        """Let the next one have it, if it is ours."""
        if self._held_since_seconds is not None:
            self._held_since_seconds = None
            await self._redis.delete(self._key)
