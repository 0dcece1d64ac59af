"""`python -m tests.simulation --seeds N [--first S]`: simulate N seeds, report in build/simulate/report.json."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.simulation.scenario import Run, run

REPORT = Path(__file__).resolve().parents[2] / "build" / "simulate" / "report.json"
LINES_A_SEED = 10


def main() -> int:
    """Run the seeds; 1 if any promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    arguments = parser.parse_args()
    runs = [_told(run(seed)) for seed in range(arguments.first, arguments.first + arguments.seeds)]
    failed = [each.seed for each in runs if each.broken]
    speedup = sum(each.simulated_seconds for each in runs) / sum(each.seconds for each in runs)
    report = {
        "seeds": len(runs),
        "failed": failed,
        "speedup": round(speedup),
        "events": sum(each.events for each in runs),
        "steps": sum(each.steps for each in runs),
        "faults": sum(each.faults for each in runs),
    }
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report))
    return 1 if failed else 0


def _told(done: Run) -> Run:
    if done.broken:
        print(f"seed {done.seed} broke {len(done.broken)} promises; again: python -m tests.simulation", end=" ")
        print(f"--first {done.seed} --seeds 1")
        for line in done.broken[:LINES_A_SEED]:
            print(f"  {line[:500]}")
    return done


if __name__ == "__main__":
    sys.exit(main())
