"""Changes into Redis, together with the positions they were read up to."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Any, Final

import msgspec

from services._runtime.metrics import READ_MODEL_BATCH_SECONDS
from services._runtime.redis_client import RedisClient
from services._runtime.view.slices import Place, Slice, name_of

_SLICES: Final = resources.files(__package__).joinpath("slices.lua").read_text("utf-8")
_encode: Final = msgspec.msgpack.Encoder().encode
FRESH_SECONDS: Final = 15


class Projector:
    """Writes the view. Several may at once: each change is applied once, by whoever is first.

    One Redis holds the whole view (with Sentinel or not): the script makes its keys itself, which a cluster refuses.

    Args:
        redis: where the view is.
        script: Lua that defines `apply(prefix, change)`.
        positions_key: the hash that holds how far each partition was applied.
        fresh_key: set while the view has lately caught up.
        options: numbers that the script finds in `options`, by position.
    """

    def __init__(
        self, redis: RedisClient, *, script: str, positions_key: str, fresh_key: str, options: Sequence[int] = ()
    ) -> None:
        self._redis = redis
        self._text = script + _SLICES
        self._positions_key = positions_key
        self._fresh_key = fresh_key
        self._options = _encode(list(options))
        self._script: Any = None

    async def positions(self) -> dict[Place, int]:
        """The next offset of each partition that was applied.

        Raises:
            RedisUnavailable: no answer.
        """
        async with self._redis.commands() as commands:
            stored: Any = await commands.hgetall(self._positions_key)
        return {_place(name): int(offset) for name, offset in stored.items()}

    async def apply(self, slices: Sequence[Slice]) -> bool:
        """Apply what is new in `slices`. False: Redis knows less than the reader thought, who must read again.

        Raises:
            RedisUnavailable: no answer; it may or may not be applied, which reading again settles.
        """
        async with self._redis.commands() as commands:
            if self._script is None:
                self._script = commands.register_script(self._text)
            with READ_MODEL_BATCH_SECONDS.time():
                behind = await self._script(keys=[self._positions_key], args=[_encode(slices), self._options])
        return not behind

    async def forget(self, place: Place) -> None:
        """Drop the position of a partition, whose topic was made anew."""
        async with self._redis.commands() as commands:
            await commands.hdel(self._positions_key, name_of(place))

    async def state_fresh(self) -> None:
        """Note that the view has caught up with the topics, for the next seconds."""
        await self._redis.put(self._fresh_key, "1", ttl_seconds=FRESH_SECONDS)


def _place(name: str) -> Place:
    topic, _, partition = name.rpartition("/")
    return topic, int(partition)
