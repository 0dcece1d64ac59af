"""The long form: every fault alone, then random sequences, on three brokers.

    python -m tests.chaos [--seed SEED] [--only NAME,…] [--rounds N] [--sequences N] [--minutes N]

Prints the seed and how long it may take first: the same seed draws the same victims, times and sequences. Writes
`build/chaos/report.json` after each run, so that a run that is cut short leaves what it found. Exits with 1 when an
invariant or a goal was missed, and when there was no time for all that was asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from deploy.local import jars
from deploy.local.errors import StackError
from deploy.local.folders import STACKS
from deploy.local.register import claim
from deploy.local.waiting import Countdown, Stopwatch
from tests.chaos import report
from tests.chaos.account import Account
from tests.chaos.catalog import FAULTS
from tests.chaos.cluster import Cluster
from tests.chaos.product import ProductBed, running_product
from tests.chaos.product_faults import PRODUCT_FAULTS, ProductFault
from tests.chaos.run import SEQUENCE, Outcome, run_alone, run_sequence

FOLDER = STACKS / "chaos"
WORKERS = FOLDER / "workers"
SHOWN = 5
EVENTS_MIN = 100_000
"""A whole run must have counted so many, or it has shown too little."""
RUN_SECONDS = 35.0
"""What a run takes on two cores, as a rule."""
RUN_MINUTES_MAX = 6
"""The bounded waits of a run, one after the other."""

SmallRun = Callable[[Cluster], Outcome]


@dataclass
class Course:
    """All runs of one call: what is asked for, until when another may begin, and what came of those that were."""

    seed: str
    only: frozenset[str]
    rounds: int
    sequences: int
    minutes: float
    outcomes: list[Outcome] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._left = Countdown(self.minutes * 60)

    def small(self) -> list[tuple[str, SmallRun]]:
        """Return the runs on the tally bed, in order."""
        alone: list[tuple[str, SmallRun]] = [
            (kind.name, partial(run_alone, kind=kind, seed=f"{self.seed}/{number}", folder=WORKERS))
            for number in range(self.rounds)
            for kind in FAULTS
        ]
        rows: list[tuple[str, SmallRun]] = [
            (SEQUENCE, partial(run_sequence, seed=self.seed, number=number, folder=WORKERS))
            for number in range(self.sequences)
        ]
        return [each for each in (*alone, *rows) if self._wants(each[0])]

    def product(self) -> list[tuple[str, ProductFault]]:
        """Return the faults of the whole product, in order."""
        return [each for each in PRODUCT_FAULTS.items() if self._wants(each[0])]

    def may_begin(self, name: str) -> bool:
        """Tell whether there is time for one more run; if not, note that it was left out."""
        if self._left.is_over():
            self.skipped.append(name)
        return not self._left.is_over()

    def note(self, outcome: Outcome, watch: Stopwatch) -> None:
        """Enter what came of a run, show it and write it down."""
        self.outcomes.append(outcome)
        _show(outcome, watch.seconds())
        report.write(self.seed, self.outcomes)

    def announce(self) -> None:
        """Say what is to come."""
        runs = len(self.small()) + len(self.product())
        print(f"seed {self.seed}: repeat with `python -m tests.chaos --seed {self.seed}`")
        print(
            f"{runs} runs, about {max(1, round(runs * RUN_SECONDS / 60))} minutes; none begins after {self.minutes:g}, "
            f"and one takes {RUN_MINUTES_MAX} at most",
            flush=True,
        )

    def conclude(self) -> bool:
        """Show the whole, and tell whether all is well."""
        whole = report.report_of(self.outcomes)
        broken = sum(not outcome.passed for outcome in self.outcomes)
        print(f"\n{report.table_of(whole)}\n")
        print(f"{len(self.outcomes)} runs, {whole['events']} events, {broken} broken; seed {self.seed}; {report.PATH}")
        if self.skipped:
            print(f"no time was left for {', '.join(self.skipped)}")
        too_few = not self.only and whole["events"] < EVENTS_MIN
        if too_few:
            print(f"a whole run must count {EVENTS_MIN} events")
        return bool(self.outcomes) and not (broken or self.skipped or too_few)

    def _wants(self, name: str) -> bool:
        return not self.only or name in self.only


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", default="", help="what chance is drawn from; a new one is made and printed if absent")
    parser.add_argument("--only", default="", metavar="NAME,…", help="these faults, not all")
    parser.add_argument("--sequences", type=int, default=4, help="how many random sequences to run")
    parser.add_argument("--rounds", type=int, default=1, help="how often to run each fault of the small bed alone")
    parser.add_argument("--minutes", type=float, default=35.0, help="after so long no further run begins")
    parser.add_argument("--list", action="store_true", help="list the faults and end")
    return parser


def _show(outcome: Outcome, seconds: float) -> None:
    account = outcome.account
    took = "" if account.recovery_seconds is None else f", longest silence {account.recovery_seconds:.1f} s"
    where = f" ({outcome.silent})" if outcome.silent else ""
    word = "ok" if outcome.passed else "BROKEN"
    print(
        f"{word:>6} {' > '.join(outcome.faults)}: {account.events} events in {seconds:.0f} s{took}{where}", flush=True
    )
    for kind, found in account.broken.items():
        print(f"       {kind}: {len(found)}, as {'; '.join(found[:SHOWN])}", flush=True)
    for complaint in (*outcome.complaints, *outcome.slow):
        print(f"       {complaint}", flush=True)


def _run_small(course: Course) -> None:
    cluster = Cluster.start(FOLDER / "cluster", claim(FOLDER, detached=False))
    try:
        for name, run in course.small():
            watch = Stopwatch()
            if course.may_begin(name):
                course.note(_outcome_of(name, partial(run, cluster)), watch)
    finally:
        cluster.stop()


async def _suffer(bed: ProductBed, course: Course) -> None:
    for name, trouble in course.product():
        watch = Stopwatch()
        if course.may_begin(name):
            course.note(await bed.suffer(name, trouble), watch)


def _outcome_of(name: str, run: Callable[[], Outcome]) -> Outcome:
    """Run once; what can't be brought to its end is broken, and the others still run."""
    try:
        return run()
    except StackError as error:
        return Outcome(name, (name,), Account(), (str(error),))


def _run(course: Course) -> None:
    if course.small():
        _run_small(course)
    if course.product():
        print("starting the product: three brokers, two instances of each service", flush=True)
        with running_product() as bed:
            asyncio.run(_suffer(bed, course))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the long form; return the exit code."""
    parsed = _parser().parse_args(arguments)
    if parsed.list:
        print("\n".join([*(kind.name for kind in FAULTS), SEQUENCE, *PRODUCT_FAULTS]))
        return 0
    only = frozenset(name for name in parsed.only.split(",") if name)
    seed = parsed.seed or secrets.token_hex(4)
    course = Course(seed, only, parsed.rounds, parsed.sequences, parsed.minutes)
    course.announce()
    jars.ensure()
    try:
        _run(course)
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        course.conclude()
        return 1
    return 0 if course.conclude() else 1


if __name__ == "__main__":
    sys.exit(main())
