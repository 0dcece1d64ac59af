"""What a fault is: a name, how it comes, how it goes."""

from __future__ import annotations

import random
from typing import ClassVar

from tests.chaos.bed import Bed


class Fault:
    """One kind of trouble for the tally bed, under a steady load. An instance is used once.

    `hold_seconds` is how long it lasts between `inject` and `heal`. `goal_seconds` bounds the longest silence of any
    partition, from `inject` to the end of the run; None where the fault itself keeps things silent. `combines` says
    whether random sequences may pick it: not where the account has to be told of it beforehand.
    """

    name: ClassVar[str]
    hold_seconds: ClassVar[float] = 3.0
    goal_seconds: ClassVar[float | None] = None
    combines: ClassVar[bool] = True

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def inject(self, bed: Bed) -> None:
        """Bring the trouble."""
        raise NotImplementedError

    def heal(self, bed: Bed) -> None:
        """End it, and bring back what it has taken; nothing where it leaves nothing behind."""
        del bed

    def check(self, bed: Bed) -> list[str]:
        """Return what the fault itself finds wrong once all has settled."""
        del bed
        return []

    def some_worker(self, bed: Bed) -> str:
        """Return one of the workers that are running."""
        return self.chance.choice(sorted(name for name, each in bed.workers.items() if each.alive))
