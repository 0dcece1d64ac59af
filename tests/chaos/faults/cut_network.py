"""The network is cut: between a worker and a node, or between a node and its peers."""

from __future__ import annotations

from typing import ClassVar

from tests.chaos.bed import Bed
from tests.chaos.cluster import NODES
from tests.chaos.fault import Fault
from tests.chaos.proxy import around_node, between_client_and_node


class CutWorkerFromNode(Fault):
    """One worker can't reach the coordinator of its group, everybody else can."""

    name = "cut_worker_from_node"
    hold_seconds: ClassVar[float] = 10.0

    def inject(self, bed: Bed) -> None:
        node = bed.cluster.group_coordinator(bed.tally.name)
        bed.cluster.network.cut(self.name, between_client_and_node(node, self.some_worker(bed)))

    def heal(self, bed: Bed) -> None:
        bed.cluster.network.heal(self.name)


class CutNodeFromPeers(Fault):
    """A node loses its peers, both ways, while clients still reach it and may believe that it leads."""

    name = "cut_node_from_peers"
    hold_seconds: ClassVar[float] = 10.0

    def inject(self, bed: Bed) -> None:
        bed.cluster.network.cut(self.name, around_node(self.chance.randint(1, NODES)))

    def heal(self, bed: Bed) -> None:
        bed.cluster.network.heal(self.name)
        bed.cluster.wait_in_sync()
