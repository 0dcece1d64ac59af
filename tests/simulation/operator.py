"""The operator: looks at dead letters now and then, with the product's own tool, and settles them."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final

from schemas.dead_letters import Reason, Resolution
from schemas.topics import SERVICES
from services._runtime.clock import Clock
from services._runtime.processor import redrive
from services._runtime.settings import RuntimeSettings
from tests.simulation.broker.timeline import Timeline
from tests.simulation.chatter import SERVICE
from tests.simulation.faults import IN_TRANSACTION, Killed, Kind, Plan
from tests.simulation.world import World, settings_of

HOUR: Final = 3600.0
VISITS: Final = 10
VISITS_MAX: Final = 40
"""A line of a key may hold several records that fail, and shows but one of them at a time."""
INTERRUPTED: Final = 0.3
CALLS_MAX: Final = 8
SENT_AGAIN: Final = frozenset({Reason.PARKED, Reason.TIMER_RAISED})


class WorldClock:
    """The world's time, as a clock."""

    def __init__(self, time: Timeline) -> None:
        self._time = time
        self.now = lambda: time.now

    def monotonic_seconds(self) -> float:
        """See `Clock`."""
        return (self._time.now - self._time.start).total_seconds()


class Command:
    """A run of the operator's tool, as a process that may be killed at one of its calls (see `Process`)."""

    def __init__(self, time: Timeline, plan: Plan | None) -> None:
        self.member: Any = None
        self.engine: Any = None
        self.life = 0
        self._time = time
        self._plan = plan

    def point(self, name: str) -> None:
        """Die here, if this is the place; who is dead makes no further call."""
        if self.life or (self._plan is not None and self._plan.reached(name)):
            self.life = 1
            raise Killed

    def busy(self) -> None:
        """It goes on by itself."""

    def tell(self) -> None:
        """It looks by itself."""

    def idle(self, seconds: float) -> None:
        """Let time go by: what it waits for is the end of somebody's transaction."""
        self._time.wait(seconds, lambda: False)

    def committed(self) -> None:
        """No decision of a processor: the journal does not want it."""


class Operator:
    """Comes by every few hours, for as long as there was something to do.

    Discards what can never be processed, sends the rest again, oldest first.

    Some runs are killed half way: then the next visit settles what is left.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._clock: Clock = WorldClock(world.time)
        self._settings: RuntimeSettings = settings_of("0")
        self._visits = 0
        self._settled = 0
        for visit in range(1, VISITS + 1):
            world.after((visit - 0.5) * 3 * HOUR, visit * 3 * HOUR, self._come)

    def settle(self, service: str, plan: Plan | None = None) -> bool:
        """Settle what is open of a service; with a plan for the command's death. Tell whether it lived."""
        cluster = self._world.cluster
        # It may be that a process waits just now: what the operator calls is not its call.
        current, cluster.current = cluster.current, Command(self._world.time, plan)
        try:
            letters = redrive.open_letters(self._settings, service, self._clock)
            self._settled += len(letters)
            for again, chosen in groupby(letters, lambda letter: letter.data.reason in SENT_AGAIN):
                resolution = Resolution.REDRIVEN if again else Resolution.DISCARDED
                redrive.resolve(self._settings, service, list(chosen), self._clock, resolution)
        except Killed:
            cluster.transactions.fall_silent(f"{redrive.CLIENT_ID}-{service}")
            return False
        finally:
            cluster.current = current
        return True

    def _come(self) -> None:
        self._visits += 1
        before = self._settled
        for service in (*SERVICES, SERVICE):
            if not self.settle(service, self._fate()):
                self._world.meddled[Kind.INTERRUPTED] += 1
        # What was sent again may fail again: whoever goes home now would leave it lying.
        if VISITS <= self._visits < VISITS_MAX and self._settled > before:
            self._world.after(2.5 * HOUR, 3 * HOUR, self._come)

    def _fate(self) -> Plan | None:
        random = self._world.random
        if self._world.is_calm or random.random() >= INTERRUPTED:
            return None
        return Plan(Kind.INTERRUPTED, IN_TRANSACTION, random.randint(1, CALLS_MAX))
