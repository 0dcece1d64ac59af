"""A node of Kafka stands still, is taken for dead, and wakes up: SIGSTOP, SIGCONT."""

from __future__ import annotations

import signal
from typing import ClassVar

from tests.chaos.bed import PARTITIONS, Bed
from tests.chaos.fault import Fault


class PauseNode(Fault):
    """Longer than the broker's session of 3 s, so that another leads when it wakes up and thinks that it does."""

    name = "pause_node"
    hold_seconds: ClassVar[float] = 8.0

    def inject(self, bed: Bed) -> None:
        self._node = bed.cluster.leader(f"{bed.prefix}.commands", self.chance.randrange(PARTITIONS))
        bed.cluster.signal(self._node, signal.SIGSTOP)

    def heal(self, bed: Bed) -> None:
        bed.cluster.signal(self._node, signal.SIGCONT)
        bed.cluster.wait_in_sync()
