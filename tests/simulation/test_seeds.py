"""The short form of `make simulate`: two hundred seeds, and that a seed repeats exactly, in another process too."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.simulation import scenario
from tests.simulation.faults import Kind
from tests.simulation.sights import Sight

ROOT: Final = Path(__file__).resolve().parents[2]
SEEDS_A_TEST: Final = 10
FIRST_SEEDS: Final = range(1, 201, SEEDS_A_TEST)
DIGEST: Final = "from tests.simulation.scenario import run; print(run(1).digest)"


@pytest.fixture(scope="module")
def seen() -> Counter[str]:
    """How often each sight came about in the seeds of this module."""
    return Counter()


@pytest.mark.parametrize("first", FIRST_SEEDS)
def test_ten_seeds_break_no_promise_and_meet_every_fault(first: int, seen: Counter[str]) -> None:
    met: Counter[str] = Counter()
    for seed in range(first, first + SEEDS_A_TEST):
        done = scenario.run(seed)
        assert done.broken == (), f'again: make simulate SEEDS=1 ARGS="--first {seed}"'
        met.update(done.faults)
        seen.update(done.sights)
        seen["seeds"] += 1
    assert set(met) == {kind.value for kind in Kind}


def test_whatever_has_to_come_about_to_prove_anything_did_so_in_these_seeds(seen: Counter[str]) -> None:
    if seen["seeds"] < len(FIRST_SEEDS) * SEEDS_A_TEST:
        pytest.skip("only some of the seeds were run")
    assert {sight.value for sight in Sight} - set(seen) == set()


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_seed_repeats_exactly_whatever_the_process_hashes_by(hash_seed: str) -> None:
    command = [sys.executable, "-c", DIGEST]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    again = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert again.stdout.strip() == scenario.run(1).digest


def test_another_seed_is_another_run() -> None:
    assert scenario.run(1).digest != scenario.run(2).digest
