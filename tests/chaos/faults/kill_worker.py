"""A worker dies at once: kill -9."""

from __future__ import annotations

from typing import ClassVar

from tests.chaos.bed import Bed
from tests.chaos.fault import Fault


class KillWorker(Fault):
    """SIGKILL; the others take over, and later a new process takes the slot."""

    name = "kill_9"
    hold_seconds: ClassVar[float] = 12.0
    goal_seconds: ClassVar[float | None] = 10.0

    def inject(self, bed: Bed) -> None:
        self._victim = self.some_worker(bed)
        bed.workers[self._victim].kill()

    def heal(self, bed: Bed) -> None:
        bed.start_worker(self._victim)
