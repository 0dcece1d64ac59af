"""`python -m tests.simulation --seeds N [--first S]`: simulate N seeds, report in build/simulate/report.json."""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.simulation.scenario import Run, run
from tests.simulation.sights import Sight

REPORT = Path(__file__).resolve().parents[2] / "build" / "simulate" / "report.json"
LINES_A_SEED = 10
SEEDS_A_PORTION = 5
SEEDS_A_LINE = 1_000


def main() -> int:
    """Run the seeds; 1 if any promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1), help="how many at a time")
    arguments = parser.parse_args()
    began = perf_counter()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    runs: list[Run] = []
    for each in _run_all(seeds, arguments.processes):
        runs.append(_told(each))
        if len(runs) % SEEDS_A_LINE == 0:
            failed = sum(bool(run.broken) for run in runs)
            print(f"{len(runs):>10,} of {len(seeds):,} seeds, {failed} failed", flush=True)
    report = _report(runs, perf_counter() - began)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    for name, number in (*report["faults"].items(), *report["sights"].items()):
        print(f"{number:>10,}  {name}")
    print(json.dumps({name: value for name, value in report.items() if name not in {"faults", "sights"}}))
    return 1 if report["failed"] else 0


def _run_all(seeds: range, processes: int) -> Iterator[Run]:
    """Yield what came of each seed, in their order; a seed's run is the same in whichever process."""
    # What is imported by now stays: without this the collector looks at all of it after each world.
    if processes <= 1 or len(seeds) == 1:
        gc.freeze()
        yield from map(run, seeds)
        return
    with get_context("spawn").Pool(processes, gc.freeze) as pool:
        yield from pool.imap(run, seeds, SEEDS_A_PORTION)


def _report(runs: list[Run], seconds: float) -> dict[str, Any]:
    """`speedup` is simulated time against the time that all of it took here."""
    faults: Counter[str] = Counter()
    sights: Counter[str] = Counter(dict.fromkeys((sight.value for sight in Sight), 0))
    for each in runs:
        faults.update(each.faults)
        sights.update(each.sights)
    return {
        "seeds": len(runs),
        "failed": [each.seed for each in runs if each.broken],
        "speedup": round(sum(each.simulated_seconds for each in runs) / seconds),
        "seconds": round(seconds, 1),
        "events": sum(each.events for each in runs),
        "steps": sum(each.steps for each in runs),
        "faults": dict(sorted(faults.items())),
        "sights": dict(sights),
    }


def _told(done: Run) -> Run:
    if done.broken:
        again = f'make simulate SEEDS=1 ARGS="--first {done.seed}"'
        print(f"seed {done.seed} broke {len(done.broken)} promises; again: {again}", flush=True)
        for line in done.broken[:LINES_A_SEED]:
            print(f"  {line[:500]}", flush=True)
    return done


if __name__ == "__main__":
    sys.exit(main())
