"""The one time and the one chance of a simulated world: what happens next, and when, follows from a seed."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from random import Random

from tests.simulation.sights import Sight


class Timeline:
    """Time that moves only by hand, with an agenda of what happens on the way.

    `seen` counts what came about in this world.

    An act on the agenda must not wait itself: acts also run while somebody waits.
    """

    def __init__(self, seed: int, start: datetime) -> None:
        self.random = Random(seed)
        self.start = start
        self.now = start
        self.seen: Counter[Sight] = Counter()
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, instant: datetime, act: Callable[[], None]) -> None:
        """Have something happen at an instant; one that has passed is now."""
        heapq.heappush(self._agenda, (max(instant, self.now), next(self._numbers), act))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Have something happen after a while."""
        self.at(self.now + timedelta(seconds=seconds), act)

    def next_at(self) -> datetime | None:
        """When the next act is, or None."""
        return self._agenda[0][0] if self._agenda else None

    def move_to(self, instant: datetime) -> None:
        """Let time go by up to `instant`, acts included, each at its own time."""
        while self._agenda and self._agenda[0][0] <= instant:
            at, _, act = heapq.heappop(self._agenda)
            self.now = max(self.now, at)
            act()
        self.now = max(self.now, instant)

    def wait(self, seconds: float, done: Callable[[], bool]) -> bool:
        """Let time go by until `done`, or until `seconds` are over; tell which. This is how a blocking call waits."""
        deadline = self.now + timedelta(seconds=seconds)
        while not done():
            upcoming = self.next_at()
            if upcoming is None or upcoming > deadline:
                self.move_to(deadline)
                return done()
            self.move_to(upcoming)
        return True
