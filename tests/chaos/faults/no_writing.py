"""Files can't grow any more: RLIMIT_FSIZE, as a full disk behaves."""

from __future__ import annotations

import resource
from typing import ClassVar

from tests.chaos.bed import PARTITIONS, Bed
from tests.chaos.fault import Fault

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
NOTHING = (0, resource.RLIM_INFINITY)


class WorkerCannotWrite(Fault):
    """A worker can't write its log. Its state is in Kafka, so it must not mind."""

    name = "worker_cannot_write"
    hold_seconds: ClassVar[float] = 5.0
    goal_seconds: ClassVar[float | None] = 12.0

    def inject(self, bed: Bed) -> None:
        self._worker = bed.workers[self.some_worker(bed)]
        resource.prlimit(self._worker.process.pid, resource.RLIMIT_FSIZE, NOTHING)
        # Something to write about: a rebalance.
        bed.start_worker("2")
        bed.wait_running()
        bed.stop_worker("2")
        bed.workers.pop("2")

    def heal(self, bed: Bed) -> None:
        del bed
        if self._worker.alive:
            resource.prlimit(self._worker.process.pid, resource.RLIMIT_FSIZE, UNLIMITED)

    def check(self, bed: Bed) -> list[str]:
        del bed
        return [] if self._worker.alive else ["a worker that could not write its log ended"]


class NodeCannotWrite(Fault):
    """A node of Kafka can't append: it gives up, and comes back on a disk with room."""

    name = "node_cannot_write"
    hold_seconds: ClassVar[float] = 8.0

    def inject(self, bed: Bed) -> None:
        self._node = bed.cluster.leader(f"{bed.prefix}.commands", self.chance.randrange(PARTITIONS))
        running = bed.cluster.kafka.nodes[self._node].running
        assert running is not None
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, NOTHING)

    def heal(self, bed: Bed) -> None:
        bed.cluster.kafka.kill_node(self._node)
        bed.cluster.bring_back(self._node)
