"""The short form of `make simulate`: some seeds, that a seed repeats exactly, and that a broken rule is noticed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from services._runtime.engine.batch import Batch
from services._runtime.engine.engine import Engine
from tests.simulation import scenario
from tests.simulation.machine import Fault, Machine

SEEDS = range(1, 21)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_breaks_no_promise(seed: int) -> None:
    done = scenario.run(seed)
    assert done.broken == ()
    assert done.faults > 0


def test_a_seed_repeats_exactly() -> None:
    first, second = scenario.run(1), scenario.run(1)
    assert (first.events, first.steps, first.faults) == (second.events, second.steps, second.faults)


def broken_by_some_seed() -> bool:
    return any(scenario.run(seed).broken for seed in range(1, 6))


def test_a_changelog_that_is_not_written_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "changelog", lambda *_: iter(()))
    assert broken_by_some_seed()


def test_outputs_that_are_written_before_the_commit_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Machine.run

    def leaky(machine: Machine, partition: int, most: int, now: Any, fault: Fault) -> Sequence[Any]:
        if fault in {Fault.ABORTED, Fault.CRASH_BEFORE_COMMIT}:
            batch: Batch[Any] = machine.engine.begin(now)
            machine.engine.process(batch, machine._records(partition, most))
            machine._log.append(batch.outputs)
            machine.engine.abort(batch)
        return run(machine, partition, most, now, fault)

    monkeypatch.setattr(Machine, "run", leaky)
    assert broken_by_some_seed()


def test_an_abort_that_keeps_its_changes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "abort", Engine.commit)
    assert broken_by_some_seed()
