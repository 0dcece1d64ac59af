"""The read model's loop with a reader and a store that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

from services._runtime.clock import ManualClock
from services._runtime.kafka.follower import Batch
from services._runtime.view.following import ReadModel


class Swallowing:
    """A follower that takes the first cancellation for somebody else's, as aiokafka does while it closes."""

    def __init__(self) -> None:
        self.swallowed = 0

    async def batches(self, _positions: object) -> AsyncGenerator[Batch]:
        while True:
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                self.swallowed += 1
            yield Batch()


class Store:
    """A projector that has nothing and takes everything."""

    async def positions(self) -> dict[Any, int]:
        return {}


class Held:
    """A lease that is always ours."""

    async def hold(self) -> bool:
        return True

    async def release(self) -> None:
        return None


def test_a_cancellation_that_the_client_swallowed_ends_the_loop_all_the_same() -> None:
    async def scenario() -> None:
        follower = Swallowing()
        clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
        model = ReadModel(follower, lambda _: None, Store(), Held(), clock)  # type: ignore[arg-type]
        task = asyncio.create_task(model.run())
        while model.status != "projecting":  # noqa: ASYNC110 - the loop's own word
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        _, pending = await asyncio.wait([task], timeout=2)
        assert follower.swallowed == 1
        assert not pending
        assert task.cancelled()

    asyncio.run(scenario())
