"""Runs faults on a tally bed: one alone, or several in a row, and returns the account."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from deploy.local.folders import BUILD
from tests.chaos.account import UNCOUNTED, Account, silences
from tests.chaos.bed import Bed, now_ms
from tests.chaos.catalog import COMBINING
from tests.chaos.cluster import Cluster
from tests.chaos.fault import Fault

STEADY_SECONDS: Final = 3.0
AFTER_SECONDS: Final = 2.0
IN_A_ROW: Final = 3
SEQUENCE: Final = "random_sequence"
EVIDENCE: Final = BUILD / "chaos" / "evidence"


class Outcome(NamedTuple):
    """What came of one run: `faults` in the order in which they came.

    `complaints` are what the faults themselves found, `slow` the goals of time that were missed, `silent` which
    partition was silent for longest, where there is more than one topic of which it can be.
    """

    name: str
    faults: tuple[str, ...]
    account: Account
    complaints: tuple[str, ...] = ()
    slow: tuple[str, ...] = ()
    silent: str = ""

    @property
    def passed(self) -> bool:
        return not self.account.broken and not self.complaints and not self.slow


def run_alone(cluster: Cluster, kind: type[Fault], seed: str, folder: Path, **bed: float) -> Outcome:
    """Run one fault."""
    return run(cluster, kind.name, [kind(random.Random(f"{seed}/{kind.name}"))], folder, **bed)


def run_sequence(cluster: Cluster, seed: str, number: int, folder: Path, **bed: float) -> Outcome:
    """Run a few faults that chance picks, one after the other under the same load."""
    chance = random.Random(f"{seed}/{SEQUENCE}/{number}")
    kinds = chance.sample(COMBINING, IN_A_ROW)
    return run(cluster, SEQUENCE, [kind(chance) for kind in kinds], folder, **bed)


def run(cluster: Cluster, name: str, faults: Sequence[Fault], folder: Path, *, per_second: float = 400.0) -> Outcome:
    """Run faults on a bed of their own, let all settle, and return the account."""
    with Bed(cluster, name, folder, per_second=per_second) as bed:
        bed.load.start()
        bed.hold(STEADY_SECONDS)
        began_ms = now_ms()
        for fault in faults:
            fault.inject(bed)
            bed.hold(fault.hold_seconds)
            fault.heal(bed)
            bed.wait_running()
        bed.hold(AFTER_SECONDS)
        ended_ms = now_ms()
        account, written = bed.settle()
        account.recovery_seconds = max(silences(written.counts, began_ms, ended_ms).values(), default=None)
        complaints = [*bed.crashed(), *bed.held_up]
        complaints += [complaint for fault in faults for complaint in fault.check(bed)]
        if account.broken or bed.held_up:
            complaints += _evidence(bed, account)
        slow = _too_slow(faults[0], account) if len(faults) == 1 else []
    return Outcome(name, tuple(each.name for each in faults), account, tuple(complaints), tuple(slow))


def _evidence(bed: Bed, account: Account) -> list[str]:
    """Keep the brokers' data of a broken run, and tell a batch that is not there from one that readers pass over."""
    folder = EVIDENCE / bed.prefix
    bed.cluster.keep_data(bed.prefix, folder)
    uncounted = {each.removesuffix(UNCOUNTED) for each in account.lost if each.endswith(UNCOUNTED)}
    found = f"the brokers' data is kept in {folder}"
    if not uncounted:
        return [found]
    return [found, f"{len(bed.in_the_log(uncounted))} of {len(uncounted)} counts that nobody sees lie in the log"]


def _too_slow(fault: Fault, account: Account) -> list[str]:
    goal, took = fault.goal_seconds, account.recovery_seconds
    if goal is None or (took is not None and took <= goal):
        return []
    return [f"a partition was silent for {took} s, the goal is {goal:g} s"]
