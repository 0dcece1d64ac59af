"""Changes into Redis, together with the positions they were read up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import msgspec

from services._runtime.metrics import READ_MODEL_BATCH_SECONDS
from services._runtime.redis_client import RedisClient
from services.intake.adapters import keys
from services.intake.adapters.read_model.slices import Place, Slice, name_of

_SCRIPT: Final = resources.files(__package__).joinpath("apply.lua").read_text("utf-8")
_encode: Final = msgspec.msgpack.Encoder().encode
FRESH_SECONDS: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much the view keeps.

    Seconds of ended tickets and of thread places, entries of a timeline, ended tickets listed for each status.
    """

    keep_seconds: int
    thread_seconds: int
    timeline_entries: int
    final_index_tickets: int


class Projector:
    """Writes the view. Several may at once: each change is applied once, by whoever is first.

    One Redis holds the whole view (with Sentinel or not): the script makes its keys itself, which a cluster refuses.
    """

    def __init__(self, redis: RedisClient, bounds: Bounds) -> None:
        self._redis = redis
        self._bounds = _encode(
            [bounds.keep_seconds, bounds.thread_seconds, bounds.timeline_entries, bounds.final_index_tickets]
        )
        self._script: Any = None

    async def positions(self) -> dict[Place, int]:
        """The next offset of each partition that was applied.

        Raises:
            RedisUnavailable: no answer.
        """
        async with self._redis.commands() as commands:
            stored: Any = await commands.hgetall(keys.POSITIONS)
        return {_place(name): int(offset) for name, offset in stored.items()}

    async def apply(self, slices: Sequence[Slice]) -> bool:
        """Apply what is new in `slices`. False: Redis knows less than the reader thought, who must read again.

        Raises:
            RedisUnavailable: no answer; it may or may not be applied, which reading again settles.
        """
        async with self._redis.commands() as commands:
            if self._script is None:
                self._script = commands.register_script(_SCRIPT)
            with READ_MODEL_BATCH_SECONDS.time():
                behind = await self._script(keys=[keys.POSITIONS], args=[_encode(slices), self._bounds])
        return not behind

    async def forget(self, place: Place) -> None:
        """Drop the position of a partition, whose topic was made anew."""
        async with self._redis.commands() as commands:
            await commands.hdel(keys.POSITIONS, name_of(place))

    async def state_fresh(self) -> None:
        """Note that the view has caught up with the topics, for the next seconds."""
        await self._redis.put(keys.FRESH, "1", ttl_seconds=FRESH_SECONDS)


def _place(name: str) -> Place:
    topic, _, partition = name.rpartition("/")
    return topic, int(partition)
