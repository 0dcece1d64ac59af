"""How many clocks run, stand and are overdue, for Prometheus: counted by the view, which is right after any restart.

Only the instance that keeps the view shows them, so a sum over all instances counts each clock once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from services._runtime.figures import Figure, Shown
from services._runtime.metrics import SLA_CLOCKS
from services._runtime.unavailable import RedisUnavailable
from services.sla_monitor.adapters.clocks_view.queries import ClocksView

EVERY_SECONDS: Final = 5.0


class ClockGauges:
    """Shows the counts as long as `keeping` says that this instance keeps the view; nothing rather than half of it."""

    def __init__(self, view: ClocksView, keeping: Callable[[], bool]) -> None:
        self._view = view
        self._keeping = keeping
        self._shown = Shown()
        self.status = "starting"

    async def run(self) -> None:
        """Keep on until cancelled."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(EVERY_SECONDS)
        finally:
            self._shown.show(())

    async def look(self) -> None:
        """Count once."""
        self._shown.show(await self._figures())

    async def _figures(self) -> Sequence[Figure]:
        if not self._keeping():
            self.status = "standby: another instance counts"
            return ()
        try:
            counts = await self._view.counts()
        except RedisUnavailable:
            self.status = "waits for Redis"
            return ()
        self.status = "counting" if counts is not None else "waits for the view"
        return [Figure(SLA_CLOCKS, (lane,), count) for lane, count in (counts or {}).items()]
