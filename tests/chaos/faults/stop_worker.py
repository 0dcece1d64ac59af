"""A worker is asked to leave: SIGTERM."""

from __future__ import annotations

from typing import ClassVar

from tests.chaos.bed import Bed
from tests.chaos.fault import Fault


class StopWorker(Fault):
    """SIGTERM; its partitions move at once, because it leaves the group in order."""

    name = "sigterm"
    hold_seconds: ClassVar[float] = 4.0
    goal_seconds: ClassVar[float | None] = 3.0

    def inject(self, bed: Bed) -> None:
        self._victim = self.some_worker(bed)
        bed.stop_worker(self._victim)

    def heal(self, bed: Bed) -> None:
        bed.start_worker(self._victim)
