"""A few of the faults of `make chaos` on three brokers, as short as they can be; the account must be clean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import jars
from deploy.local.register import Register
from tests.chaos.cluster import Cluster
from tests.chaos.fault import Fault
from tests.chaos.faults.backlog import Backlog
from tests.chaos.faults.cut_network import CutNodeFromPeers
from tests.chaos.faults.kill_node import KillTransactionCoordinator
from tests.chaos.faults.lose_commit_answer import LoseCommitAnswer
from tests.chaos.run import run_alone

pytestmark = [pytest.mark.integration, pytest.mark.chaos, pytest.mark.timeout(240)]

SEED = "short"


@pytest.fixture(scope="module")
def cluster(stack_register: Register, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    jars.ensure()
    started = Cluster.start(tmp_path_factory.mktemp("chaos"), stack_register)
    yield started
    started.stop()


@pytest.mark.parametrize(
    "kind", [KillTransactionCoordinator, CutNodeFromPeers, LoseCommitAnswer, Backlog], ids=lambda kind: kind.name
)
def test_after_a_fault_nothing_is_lost_doubled_disordered_early_or_missed(
    cluster: Cluster, kind: type[Fault], tmp_path: Path
) -> None:
    outcome = run_alone(cluster, kind, SEED, tmp_path)
    assert outcome.account.broken == {}
    assert outcome.complaints == ()
    assert outcome.account.events > 1_000
