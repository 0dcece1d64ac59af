"""The operator: looks at dead letters now and then, with the product's own tool, and settles them."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from schemas.dead_letters import Reason, Resolution
from schemas.topics import SERVICES
from services._runtime.clock import Clock
from services._runtime.processor import redrive
from services._runtime.settings import RuntimeSettings
from tests.simulation.broker.timeline import Timeline
from tests.simulation.chatter import SERVICE
from tests.simulation.world import World, settings_of

HOUR: Final = 3600.0
VISITS: Final = 10
SENT_AGAIN: Final = frozenset({Reason.PARKED, Reason.TIMER_RAISED})


class WorldClock:
    """The world's time, as a clock."""

    def __init__(self, time: Timeline) -> None:
        self._time = time
        self.now = lambda: time.now

    def monotonic_seconds(self) -> float:
        """See `Clock`."""
        return (self._time.now - self._time.start).total_seconds()


class Operator:
    """Comes by every few hours; discards what can never be processed, sends the rest again, oldest first."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._clock: Clock = WorldClock(world.time)
        self._settings: RuntimeSettings = settings_of("0")
        for visit in range(1, VISITS + 1):
            world.after((visit - 0.5) * 3 * HOUR, visit * 3 * HOUR, self._come)

    def _come(self) -> None:
        # It may be that a process waits just now: what the operator calls is not its call.
        cluster = self._world.cluster
        current, cluster.current = cluster.current, None
        try:
            for service in (*SERVICES, SERVICE):
                self._settle(service)
        finally:
            cluster.current = current

    def _settle(self, service: str) -> None:
        letters = redrive.open_letters(self._settings, service, self._clock)
        for again, chosen in groupby(letters, lambda letter: letter.data.reason in SENT_AGAIN):
            resolution = Resolution.REDRIVEN if again else Resolution.DISCARDED
            redrive.resolve(self._settings, service, list(chosen), self._clock, resolution)
