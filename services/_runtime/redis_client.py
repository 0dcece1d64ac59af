"""Redis for what can be rebuilt: bounded waits, keys that begin with their tenant, one error when it is gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from services._runtime.metrics import REDIS_ERRORS
from services._runtime.unavailable import RedisUnavailable

TIMEOUT_SECONDS: Final = 1.0
CALL_SECONDS: Final = 2.0
BLOCK_SECONDS: Final = 5.0
CONNECTIONS_MAX: Final = 64
_PREFIX: Final = "aftercare"


class RedisClient:
    """Asynchronous access to Redis; texts in, texts out. Use it on one event loop.

    Args:
        url: `redis://host:port/number`.
        timeout_seconds: the longest wait for a connection and for one answer. A call of this class's own may repeat
            once, and takes `CALL_SECONDS` at most.
    """

    def __init__(self, url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS_MAX,
            timeout=timeout_seconds,  # for a free connection
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            # One repetition at once, for a connection that the server has closed meanwhile. Longer waits are the
            # caller's to decide.
            retry=Retry(NoBackoff(), 1),
            health_check_interval=30,
            decode_responses=True,
        )
        self._redis = redis.Redis.from_pool(pool)

    @asynccontextmanager
    async def commands(self, within_seconds: float | None = BLOCK_SECONDS) -> AsyncIterator["redis.Redis"]:
        """The Redis commands, with what goes wrong turned into `RedisUnavailable`.

        Args:
            within_seconds: the longest that the whole block may take; None for reads that block on purpose.

        Raises:
            RedisUnavailable: no answer in time, or no connection.
            redis.exceptions.ResponseError: Redis refused a command as such, which is a mistake of ours.
        """
        try:
            async with asyncio.timeout(within_seconds):
                yield self._redis
        except (OutOfMemoryError, ReadOnlyError) as error:
            REDIS_ERRORS.labels("read_only").inc()
            raise RedisUnavailable(type(error).__name__) from error
        except ResponseError:
            REDIS_ERRORS.labels("refused").inc()
            raise
        except (RedisTimeoutError, TimeoutError) as error:
            REDIS_ERRORS.labels("timeout").inc()
            raise RedisUnavailable("no answer in time") from error
        except RedisError as error:
            REDIS_ERRORS.labels("connection").inc()
            raise RedisUnavailable(type(error).__name__) from error

    async def get(self, key: str) -> str | None:
        """The text at `key`, None where there is none."""
        async with self.commands(CALL_SECONDS) as commands:
            return _text(await commands.get(key))

    async def put(self, key: str, value: str, *, ttl_seconds: int) -> None:
        """Set `key` for `ttl_seconds`. Nothing of ours stays in Redis without an end."""
        async with self.commands(CALL_SECONDS) as commands:
            await commands.set(key, value, ex=ttl_seconds)

    async def put_if_absent(self, key: str, value: str, *, ttl_seconds: int) -> str | None:
        """Set `key` unless it is set. Returns None when this call set it, else the value that was there."""
        async with self.commands(CALL_SECONDS) as commands:
            return _text(await commands.set(key, value, ex=ttl_seconds, nx=True, get=True))

    async def delete(self, *keys: str) -> int:
        """Remove keys; returns how many there were."""
        async with self.commands(CALL_SECONDS) as commands:
            return int(await commands.delete(*keys)) if keys else 0

    async def count_within(self, key: str, *, window_seconds: int) -> int:
        """Count a call in a fixed window that begins with the first one; returns how many there were in it."""
        async with self.commands(CALL_SECONDS) as commands, commands.pipeline(transaction=True) as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, window_seconds, nx=True)
            count, _ = await pipeline.execute()
            return int(count)

    async def answers(self) -> bool:
        """Whether Redis answers now."""
        try:
            async with self.commands(CALL_SECONDS) as commands:
                return bool(await commands.ping())
        except RedisUnavailable:
            return False

    async def stop(self) -> None:
        """Close every connection."""
        await self._redis.aclose()


def tenant_key(tenant: str, *parts: str) -> str:
    """The key of something that belongs to a tenant: `aftercare:<tenant>:<part>:…`.

    Raises:
        ValueError: the tenant is empty or has a colon, which would let it reach another tenant's keys.
    """
    if not tenant or ":" in tenant:
        raise ValueError("a tenant's name has no colon and is not empty")
    return ":".join((_PREFIX, tenant, *parts))


def shared_key(*parts: str) -> str:
    """The key of something that belongs to no tenant, such as a follower's positions."""
    return ":".join((_PREFIX, "", *parts))


def _text(answer: object) -> str | None:
    """Narrow an answer to what `decode_responses` makes of it."""
    return answer if isinstance(answer, str) else None
