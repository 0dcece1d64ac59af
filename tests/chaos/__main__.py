"""The long form: every fault alone, then random sequences, on three brokers.

    python -m tests.chaos [--seed SEED] [--only NAME,…] [--rounds N] [--sequences N]

Prints the seed first: the same seed draws the same victims, times and sequences. Writes `build/chaos/report.json` after
each run, so that a run that is cut short leaves what it found. Exits with 1 when an invariant or a goal was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
from collections.abc import Callable, Sequence

from deploy.local import jars
from deploy.local.errors import StackError
from deploy.local.folders import STACKS
from deploy.local.register import claim
from deploy.local.waiting import Stopwatch
from tests.chaos import report
from tests.chaos.catalog import FAULTS
from tests.chaos.cluster import Cluster
from tests.chaos.product import ProductBed, running_product
from tests.chaos.product_faults import PRODUCT_FAULTS
from tests.chaos.run import SEQUENCE, Outcome, run_alone, run_sequence

Note = Callable[[Outcome, Stopwatch], None]
FOLDER = STACKS / "chaos"
SHOWN = 5


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", default="", help="what chance is drawn from; a new one is made and printed if absent")
    parser.add_argument("--only", default="", metavar="NAME,…", help="these faults, not all")
    parser.add_argument("--sequences", type=int, default=4, help="how many random sequences to run")
    parser.add_argument("--rounds", type=int, default=1, help="how often to run each fault alone")
    parser.add_argument("--list", action="store_true", help="list the faults and end")
    return parser


def _show(outcome: Outcome, seconds: float) -> None:
    account = outcome.account
    took = "" if account.recovery_seconds is None else f", longest silence {account.recovery_seconds:.1f} s"
    word = "ok" if outcome.passed else "BROKEN"
    print(f"{word:>6} {' > '.join(outcome.faults)}: {account.events} events in {seconds:.0f} s{took}", flush=True)
    for kind, found in account.broken.items():
        print(f"       {kind}: {len(found)}, as {'; '.join(found[:SHOWN])}", flush=True)
    for complaint in (*outcome.complaints, *outcome.slow):
        print(f"       {complaint}", flush=True)


async def _suffer(bed: ProductBed, only: Sequence[str], note: Note) -> None:
    for name, trouble in PRODUCT_FAULTS.items():
        if not only or name in only:
            watch = Stopwatch()
            note(await bed.suffer(name, trouble), watch)


def _run(seed: str, only: Sequence[str], rounds: int, sequences: int) -> list[Outcome]:
    outcomes: list[Outcome] = []

    def note(outcome: Outcome, watch: Stopwatch) -> None:
        outcomes.append(outcome)
        _show(outcome, watch.seconds())
        report.write(seed, outcomes)

    if not only or any(each in only for each in (*(kind.name for kind in FAULTS), SEQUENCE)):
        _run_small(seed, only, rounds, sequences, note)
    if not only or any(each in only for each in PRODUCT_FAULTS):
        print("starting the product: three brokers, two instances of each service", flush=True)
        with running_product() as bed:
            asyncio.run(_suffer(bed, only, note))
    return outcomes


def _run_small(seed: str, only: Sequence[str], rounds: int, sequences: int, note: Note) -> None:
    cluster = Cluster.start(FOLDER / "cluster", claim(FOLDER, detached=False))
    try:
        for number in range(rounds):
            for kind in FAULTS:
                if not only or kind.name in only:
                    watch = Stopwatch()
                    note(run_alone(cluster, kind, f"{seed}/{number}", FOLDER / "workers"), watch)
        for number in range(sequences if not only or SEQUENCE in only else 0):
            watch = Stopwatch()
            note(run_sequence(cluster, seed, number, FOLDER / "workers"), watch)
    finally:
        cluster.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the long form; return the exit code."""
    parsed = _parser().parse_args(arguments)
    if parsed.list:
        print("\n".join([*(kind.name for kind in FAULTS), SEQUENCE, *PRODUCT_FAULTS]))
        return 0
    seed = parsed.seed or secrets.token_hex(4)
    print(f"seed {seed}: repeat with `python -m tests.chaos --seed {seed}`", flush=True)
    jars.ensure()
    try:
        outcomes = _run(seed, [name for name in parsed.only.split(",") if name], parsed.rounds, parsed.sequences)
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    events = sum(outcome.account.events for outcome in outcomes)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    print(f"{len(outcomes)} runs, {events} events, {len(failed)} broken; seed {seed}; {report.PATH}")
    return 1 if failed or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
