"""A node of Kafka stands still, is taken for dead, and wakes up: SIGSTOP, SIGCONT."""

from __future__ import annotations

import signal
from typing import ClassVar

from tests.chaos.bed import PARTITIONS, Bed
from tests.chaos.fault import Fault


class _PauseNode(Fault):
    """Longer than the broker's session of 3 s, so that another leads when it wakes up and thinks that it does."""

    hold_seconds: ClassVar[float] = 8.0

    def inject(self, bed: Bed) -> None:
        self._node = self.node(bed)
        bed.cluster.signal(self._node, signal.SIGSTOP)

    def heal(self, bed: Bed) -> None:
        bed.cluster.signal(self._node, signal.SIGCONT)
        bed.cluster.wait_in_sync()

    def node(self, bed: Bed) -> int:
        """Return the node to pause."""
        raise NotImplementedError


class PausePartitionLeader(_PauseNode):
    """The leader of an input partition."""

    name = "pause_partition_leader"

    def node(self, bed: Bed) -> int:
        return bed.cluster.leader(f"{bed.prefix}.commands", self.chance.randrange(PARTITIONS))


class PauseGroupCoordinator(_PauseNode):
    """The coordinator of the workers' group, so that all of them join another one meanwhile."""

    name = "pause_group_coordinator"

    def node(self, bed: Bed) -> int:
        return bed.cluster.group_coordinator(bed.tally.name)
