"""Starts one engine on one input, watches it from outside until all is committed, stops it, and reads what it wrote."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Final

from benchmarks.engines.audit import Audit, audit
from benchmarks.engines.catalog import Engine
from benchmarks.engines.order import THREAD, Order
from benchmarks.engines.progress import Sample, Stretch, Watch, cpu_seconds, machine_seconds, second_half, whole
from benchmarks.topics import delete_topics, make_topics
from deploy.local import processes
from deploy.local.errors import StackError
from deploy.local.folders import BUILD, REPOSITORY, emptied, last_lines
from deploy.local.processes import Running

RUNS: Final = BUILD / "bench" / "runs"
LOOK_SECONDS: Final = 0.1
STALL_SECONDS: Final = 60.0
_STATUS: Final = re.compile(r"\d+\.\d{3}")
_numbers = count(1)


@dataclass(frozen=True)
class Speed:
    """One run of an engine: from the first commit to the last, its second half, and what was found written."""

    engine: str
    whole: Stretch
    warm: Stretch
    audit: Audit


def order_for(engine: Engine, bootstrap: str, commands: str) -> Order:
    """Return an order with names that no other run has, its output topics made."""
    group = f"{engine.name.replace('_', '-')}-{next(_numbers)}"
    order = Order(
        bootstrap=bootstrap,
        commands=commands,
        group=group,
        folder=str(emptied(RUNS / group)),
        variant=engine.variant,
        commit_seconds=engine.commit_seconds,
    )
    own = [] if engine.makes_topics else [engine.changelog(order), f"{group}.dlq"]
    make_topics(bootstrap, order.events, *own)
    return order


@contextmanager
def started(name: str, command: list[str]) -> Iterator[Running]:
    """Run a process for as long as the block; its log is `build/bench/runs/<name>.log`.

    Raises:
        StackError: it did not start, or does not end.
    """
    log = RUNS / f"{name}.log"
    log.unlink(missing_ok=True)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "PYTHONWARNINGS": "ignore"}
    running = processes.start(name, command, log=log, environment=environment, tied=True)
    try:
        yield running
    finally:
        processes.stop([running])


def require_alive(running: Running) -> None:
    """Raise StackError, with the end of its log, when a process has ended."""
    if not running.is_alive():
        raise StackError(f"{running.name} ended by itself\n{last_lines(RUNS / f'{running.name}.log')}")


def statuses(name: str) -> list[tuple[float, str]]:
    """Return what one of our processors said in its log, with seconds of the monotonic clock."""
    lines = (line.partition(" ") for line in (RUNS / f"{name}.log").read_text(errors="replace").splitlines())
    return [(float(at), status) for at, _, status in lines if _STATUS.fullmatch(at)]


def threads(name: str) -> dict[str, int]:
    """Return the threads that a process of ours works with, by the names of its processors."""
    lines = (line.partition(" ") for line in (RUNS / f"{name}.log").read_text(errors="replace").splitlines())
    told = [rest.partition(" ") for first, _, rest in lines if first == THREAD]
    return {processor: int(thread) for thread, _, processor in told}


def run(engine: Engine, bootstrap: str, commands: str, events: int) -> Speed:
    """Let an engine work through `events` and return its speed.

    Raises:
        StackError: it ended early or stopped making progress.
        TimeoutError: what it wrote could not be read.
    """
    order = order_for(engine, bootstrap, commands)
    with started(order.group, engine.command(order)) as running:
        samples = watched(order, events, [running])
    found = audit(bootstrap, order.events, engine.changelog(order), events)
    delete_topics(bootstrap, order.group)
    return Speed(engine.name, whole(samples), second_half(samples), found)


def watched(order: Order, events: int, running: Sequence[Running]) -> list[Sample]:
    """Look until the order's group has committed `events`; return the looks, with the CPU time of all of `running`.

    Raises:
        StackError: nothing was committed for a minute, or one of the processes ended.
    """
    samples = [Sample(time.monotonic(), 0, 0.0, machine_seconds())]
    progress_at = samples[0].at_seconds
    with closing(Watch(order.bootstrap, order.group, order.commands)) as watch:
        while samples[-1].committed < events:
            time.sleep(LOOK_SECONDS)
            for each in running:
                require_alive(each)
            committed, now = watch.committed(), time.monotonic()
            if committed > samples[-1].committed:
                progress_at = now
            elif now - progress_at > STALL_SECONDS:
                raise StackError(f"{committed} of {events} events after {STALL_SECONDS:g} s without progress")
            spent = sum(cpu_seconds(each.pid) for each in running)
            samples.append(Sample(now, committed, spent, machine_seconds()))
    return samples
