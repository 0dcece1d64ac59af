"""What a measurement is: a module of `benchmarks/sections` with one `Section`, and the goals that it is held to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from benchmarks import topics
from deploy.local.folders import STACKS
from deploy.local.kafka import Kafka
from deploy.local.register import claim

Entries = Mapping[str, Any]
"""What a section adds to the top level of `build/bench/report.json`: JSON, keys that no other section uses."""


@dataclass(frozen=True)
class Goal:
    """A figure of the report that is to be `at_least` or `at_most` so much; `path` leads to it, key by key."""

    what: str
    path: tuple[str, ...]
    at_least: float | None = None
    at_most: float | None = None

    @property
    def wanted(self) -> str:
        """The bound, as people write it."""
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"

    def is_met_by(self, value: float) -> bool:
        """Tell whether `value` is within the bound."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


@dataclass(frozen=True)
class Bench:
    """What a section runs on. `quick` asks for a short form that shows that it runs; its figures prove nothing."""

    console: Console
    quick: bool
    failures: list[tuple[str, Exception]] = field(default_factory=list)

    def note_failure(self, what: str, error: Exception) -> None:
        """Report a part of the section that could not be measured, while the rest of it goes on."""
        self.failures.append((what, error))
        self.console.print(f"{what}: {error}", soft_wrap=True, markup=False)

    @contextmanager
    def broker(self, name: str) -> Iterator[str]:
        """Start a Kafka node of its own and yield `host:port`; it ends with the block.

        Raises:
            StackError: it did not start.
        """
        folder = STACKS / f"bench-{name}"
        kafka = Kafka(folder / "kafka", started=claim(folder, detached=False).add)
        try:
            kafka.start()
            kafka.wait_ready()
            yield kafka.bootstrap
        finally:
            kafka.stop()
            topics.forget(kafka.bootstrap)


@dataclass(frozen=True)
class Section:
    """One measurement: `python -m benchmarks --only <name>`.

    `run` starts what it needs, shows its tables on the console, stops what it started and returns its entries of the
    report. What it raises is reported, and the other sections go on.
    """

    name: str
    run: Callable[[Bench], Entries]
    goals: tuple[Goal, ...] = ()
