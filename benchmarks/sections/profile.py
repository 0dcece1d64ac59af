"""Where the time of our hot path goes: py-spy samples a run of ours and one of the bare loop, on the same input.

The evidence behind what the page says of limits. It slows both down, so its speeds are no measurement.
"""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from benchmarks.engines.catalog import AFTERCARE, BARE_LOOP, PEERS_PYTHON, Engine
from benchmarks.engines.running import RUNS, order_for, started, watched
from benchmarks.section import Bench, Section
from benchmarks.topics import make_topics
from benchmarks.work import commands, fill
from deploy.local.errors import StackError
from deploy.local.waiting import until

COMMANDS: Final = "profile-commands"
END_SECONDS: Final = 30.0
EVENTS: Final = (600_000, 60_000)
SAMPLES_PER_SECOND: Final = 200
ROOMS: Final = ("services/", "schemas/", "benchmarks/")
TOP: Final = (25, 12)
_FRAME: Final = re.compile(r"(?P<name>.+) \((?P<file>.+?)(?::\d+)?\)")


def _run(bench: Bench) -> dict[str, Any]:
    events = EVENTS[int(bench.quick)]
    found = {}
    with bench.broker("profile") as bootstrap:
        make_topics(bootstrap, COMMANDS)
        fill(bootstrap, COMMANDS, commands(events))
        for engine, top in zip((AFTERCARE, BARE_LOOP), TOP, strict=True):
            stacks = _sampled(engine, bootstrap, events)
            functions = shares(stacks)[:top]
            found[engine.name] = {"samples": sum(count for _, count in stacks), "functions": functions}
            _show(bench, engine, functions)
    return {"profile": found}


def _sampled(engine: Engine, bootstrap: str, events: int) -> list[tuple[list[str], int]]:
    """Run an engine under py-spy and return the stacks that were seen, with how often.

    Raises:
        StackError: py-spy is not there.
    """
    spy = PEERS_PYTHON.with_name("py-spy")
    if not spy.is_file():
        raise StackError("py-spy is missing: make bench installs it")
    written = RUNS / f"profile-{engine.name}.txt"
    options = ["--rate", str(SAMPLES_PER_SECOND), "--format", "raw", "--nonblocking", "--output", str(written)]
    order = order_for(replace(engine, name=f"profiled-{engine.name}"), bootstrap, COMMANDS)
    with started(order.group, [str(spy), "record", *options, "--", *engine.command(order)]) as running:
        try:
            watched(order, events, [running])
        finally:
            # py-spy writes what it has seen once the process that it started has ended.
            for child in _children(running.pid):
                os.kill(child, signal.SIGTERM)
            until(lambda: not running.is_alive(), END_SECONDS, "py-spy to write its samples")
    return stacks_of(written)


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def stacks_of(path: Path) -> list[tuple[list[str], int]]:
    """Return the stacks of a file in py-spy's raw format, outermost frame first."""
    lines = (line.rpartition(" ") for line in path.read_text("utf-8").splitlines())
    return [(stack.split(";"), int(count)) for stack, _, count in lines if count.isdecimal()]


def shares(stacks: Iterable[tuple[Sequence[str], int]]) -> list[dict[str, Any]]:
    """Return each function of this repository with its share of the samples in which one of ours was running.

    Importing is left out: a service does it once. `share` has what the function calls, `own_share` only its own lines
    and the C calls in them; greatest share first.
    """
    inside: Counter[str] = Counter()
    own: Counter[str] = Counter()
    total = 0
    for frames, count in stacks:
        names = [name for frame in frames if (name := _ours(frame))]
        if not names or any("importlib._bootstrap" in frame for frame in frames):
            continue
        total += count
        own[names[-1]] += count
        for name in set(names):
            inside[name] += count
    return [
        {"where": name, "share": round(count / total, 4), "own_share": round(own[name] / total, 4)}
        for name, count in inside.most_common()
    ]


def _ours(frame: str) -> str | None:
    found = _FRAME.fullmatch(frame)
    if found is None or found["name"] == "<module>" or not found["file"].startswith(ROOMS):
        return None
    return f"{found['name']} ({found['file']})"


def _show(bench: Bench, engine: Engine, functions: Sequence[dict[str, Any]]) -> None:
    table = Table("function", "with what it calls", "itself", title=engine.label)
    for each in functions:
        table.add_row(each["where"], f"{each['share']:.1%}", f"{each['own_share']:.1%}")
    bench.console.print(table)


SECTION: Final = Section("profile", _run)
