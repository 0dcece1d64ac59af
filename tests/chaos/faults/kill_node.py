"""A node of Kafka is killed and comes back: whichever plays a certain part at that moment."""

from __future__ import annotations

from typing import ClassVar

from tests.chaos.bed import PARTITIONS, Bed
from tests.chaos.fault import Fault


class KillNode(Fault):
    """SIGKILL of one node; the two others go on, and later it catches up."""

    hold_seconds: ClassVar[float] = 6.0

    def inject(self, bed: Bed) -> None:
        self._node = self.node(bed)
        bed.cluster.kafka.kill_node(self._node)

    def heal(self, bed: Bed) -> None:
        bed.cluster.bring_back(self._node)

    def node(self, bed: Bed) -> int:
        """Return the node to kill."""
        raise NotImplementedError


class KillPartitionLeader(KillNode):
    """The leader of an input partition."""

    name = "kill_partition_leader"

    def node(self, bed: Bed) -> int:
        return bed.cluster.leader(f"{bed.prefix}.commands", self.chance.randrange(PARTITIONS))


class KillTransactionCoordinator(KillNode):
    """The coordinator of a worker's transactions."""

    name = "kill_transaction_coordinator"

    def node(self, bed: Bed) -> int:
        return bed.cluster.transaction_coordinator(bed.writer_of(self.some_worker(bed)))


class KillGroupCoordinator(KillNode):
    """The coordinator of the workers' group."""

    name = "kill_group_coordinator"

    def node(self, bed: Bed) -> int:
        return bed.cluster.group_coordinator(bed.tally.name)


class KillController(KillNode):
    """The active controller."""

    name = "kill_controller"

    def node(self, bed: Bed) -> int:
        return bed.cluster.controller()
