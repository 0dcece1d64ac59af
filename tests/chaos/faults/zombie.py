"""A worker stands still for longer than its session, its partitions move, and it wakes up: SIGSTOP, SIGCONT."""

from __future__ import annotations

import signal
from typing import ClassVar

from tests.chaos.bed import Bed
from tests.chaos.fault import Fault


class Zombie(Fault):
    """Stopped for twice the session time-out of 6 s; what it then still wants to commit must be refused."""

    name = "zombie"
    hold_seconds: ClassVar[float] = 12.0

    def inject(self, bed: Bed) -> None:
        self._victim = bed.workers[self.some_worker(bed)]
        self._victim.signal(signal.SIGSTOP)

    def heal(self, bed: Bed) -> None:
        del bed
        self._victim.signal(signal.SIGCONT)
