"""Every worker is replaced, one after the other, as a deployment does it."""

from __future__ import annotations

from typing import ClassVar

from tests.chaos.bed import PARTITIONS, Bed
from tests.chaos.fault import Fault

AGAIN_MAX = 2_000
"""Changelog records that a worker may read anew when partitions that it held come back: the tail, not the whole."""


class RollingRestart(Fault):
    """Each stops in order and starts again. Whoever stays reads only the tail of what it held already."""

    name = "rolling_restart"
    hold_seconds: ClassVar[float] = 1.0
    goal_seconds: ClassVar[float | None] = 3.0

    def inject(self, bed: Bed) -> None:
        self._read_anew: dict[str, int] = {}
        for instance in sorted(bed.workers):
            bed.stop_worker(instance)
            bed.wait_running()
            before = {name: each.restored for name, each in bed.workers.items() if name != instance}
            bed.start_worker(instance)
            bed.wait_running()
            # All of these held every partition before the new one came, and hold fewer now.
            for name, restored in before.items():
                self._read_anew[name] = bed.workers[name].restored - restored

    def check(self, bed: Bed) -> list[str]:
        whole = bed.load.sent // PARTITIONS
        allowed = min(AGAIN_MAX, whole)
        return [
            f"worker {name} read {records} changelog records of what it held already"
            for name, records in self._read_anew.items()
            if records > allowed
        ]
