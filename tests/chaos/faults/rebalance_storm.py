"""Instances join and leave faster than the group can settle."""

from __future__ import annotations

from typing import ClassVar

from tests.chaos.bed import Bed
from tests.chaos.fault import Fault

ROUNDS = 4
PAUSE_SECONDS = 1.5


class RebalanceStorm(Fault):
    """A third and a fourth worker come and go, some of them killed, while the partitions still move."""

    name = "rebalance_storm"
    hold_seconds: ClassVar[float] = 1.0

    def inject(self, bed: Bed) -> None:
        for number in range(ROUNDS):
            instance = str(2 + number % 2)
            bed.start_worker(instance)
            bed.hold(self.chance.uniform(0.5, 2 * PAUSE_SECONDS))
            if self.chance.random() < 0.3:
                bed.workers[instance].kill()
            bed.stop_worker(instance)
            bed.hold(self.chance.uniform(0.0, PAUSE_SECONDS))

    def heal(self, bed: Bed) -> None:
        for instance in ("2", "3"):
            if (worker := bed.workers.pop(instance, None)) is not None:
                worker.end()
