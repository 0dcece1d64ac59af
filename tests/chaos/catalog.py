"""All faults of the tally bed, in the order of a full run."""

from __future__ import annotations

from typing import Final

from tests.chaos.fault import Fault
from tests.chaos.faults.backlog import Backlog
from tests.chaos.faults.cut_network import CutNodeFromPeers, CutWorkerFromNode
from tests.chaos.faults.kill_node import (
    KillController,
    KillGroupCoordinator,
    KillPartitionLeader,
    KillTransactionCoordinator,
)
from tests.chaos.faults.kill_worker import KillWorker
from tests.chaos.faults.lose_commit_answer import LoseCommitAnswer
from tests.chaos.faults.no_writing import NodeCannotWrite, WorkerCannotWrite
from tests.chaos.faults.pause_node import PauseGroupCoordinator, PausePartitionLeader
from tests.chaos.faults.poison import OutputTooLarge, PoisonRecord, TimerRaises, Undecodable
from tests.chaos.faults.rebalance_storm import RebalanceStorm
from tests.chaos.faults.repeated_input import DuplicatedInput, ReplayedInput
from tests.chaos.faults.rolling_restart import RollingRestart
from tests.chaos.faults.stop_worker import StopWorker
from tests.chaos.faults.wrong_clock import ClockAhead, ClockBehind
from tests.chaos.faults.zombie import Zombie

FAULTS: Final[tuple[type[Fault], ...]] = (
    KillWorker,
    StopWorker,
    Zombie,
    RollingRestart,
    RebalanceStorm,
    KillPartitionLeader,
    KillTransactionCoordinator,
    KillGroupCoordinator,
    KillController,
    PausePartitionLeader,
    PauseGroupCoordinator,
    CutWorkerFromNode,
    CutNodeFromPeers,
    LoseCommitAnswer,
    WorkerCannotWrite,
    NodeCannotWrite,
    PoisonRecord,
    Undecodable,
    OutputTooLarge,
    TimerRaises,
    Backlog,
    DuplicatedInput,
    ReplayedInput,
    ClockAhead,
    ClockBehind,
)
COMBINING: Final = tuple(each for each in FAULTS if each.combines)
