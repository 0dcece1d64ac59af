"""Timers: a million pending, a hundred thousand due within a second, a thousand a second; and restoring all of it.

Lateness is counted by an independent read_committed reader, from the instant at which a timer was due until its event
was read. Both are wall-clock time of one machine.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from benchmarks.engines.catalog import REMINDERS
from benchmarks.engines.order import Order
from benchmarks.engines.progress import memory_bytes
from benchmarks.engines.reminders import wanting
from benchmarks.engines.running import order_for, require_alive, started, statuses, watched
from benchmarks.hop import Reader
from benchmarks.topics import make_topics
from benchmarks.work import fill
from deploy.local import processes
from deploy.local.processes import Running
from deploy.local.waiting import until

YEAR_SECONDS: Final = 365 * 86_400.0
LEAD_SECONDS: Final = 3.0
PER_SECOND_TO_PREPARE: Final = 12_000
"""How many timers a second can be set on the way to their due time: written, read, decided, committed."""
SETTLE_SECONDS: Final = 60.0
RESTORE_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.02


class _Event(msgspec.Struct):
    id: str
    time: datetime


_decode = msgspec.json.Decoder(_Event).decode


@dataclass
class _Fired:
    """The timers that were seen to fire: how often each, and how late each was when first seen, in seconds."""

    times: Counter[str] = field(default_factory=Counter)
    late_seconds: list[float] = field(default_factory=list)
    last_at: float = 0.0

    def take(self, value: bytes, at: float) -> None:
        event = _decode(value)
        self.times[event.id] += 1
        self.last_at = at
        if self.times[event.id] == 1:
            self.late_seconds.append(at - event.time.timestamp())


@dataclass(frozen=True)
class Burst:
    """Timers that were all due within one stretch of time.

    `seconds_to_last` counts from the first due instant until the last was read; `late_seconds` has each timer's.
    """

    due: int
    fired: int
    doubled: int
    early: int
    seconds_to_last: float
    late_seconds: Sequence[float]


@dataclass(frozen=True)
class Restored:
    """One start of a process that owns all partitions.

    `restore_seconds` are from the assignment until all partitions run, `start_seconds` from the start of the process.
    """

    restore_seconds: float
    start_seconds: float
    resident_bytes: int


class TimerBed:
    """A processor with timers on a broker. Timers are set in the order of the calls; each ticket has one."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        make_topics(bootstrap, "reminder-commands")
        self._order = order_for(REMINDERS, bootstrap, "reminder-commands")
        self._tickets = 0

    @property
    def order(self) -> Order:
        """Return what the processor is started with."""
        return self._order

    def set_pending(self, running: Running, timers: int) -> float:
        """Set so many timers that are due in a year; return how many a second were set once it had begun."""
        due_at = time.time() + YEAR_SECONDS
        self._set([due_at] * timers)
        samples = watched(self._order, self._tickets, [running])
        first = next(sample for sample in samples if sample.committed)
        last = samples[-1]
        taken = last.at_seconds - first.at_seconds
        return (last.committed - first.committed) / taken if taken else 0.0

    def let_come_due(self, running: Running, timers: int, within_seconds: float) -> Burst:
        """Set timers that come due evenly within so many seconds from a moment on, and watch them fire."""
        fired = _Fired()
        with Reader(self._bootstrap, self._order.events, fired.take, time.time):
            begin = time.time() + LEAD_SECONDS + timers / PER_SECOND_TO_PREPARE
            self._set([begin + within_seconds * number / timers for number in range(timers)])
            deadline = begin + within_seconds + SETTLE_SECONDS
            until(
                lambda: len(fired.times) >= timers or not running.is_alive(),
                max(0.0, deadline - time.time()),
                f"{timers} timers",
            )
            require_alive(running)
        return Burst(
            due=timers,
            fired=len(fired.times),
            doubled=sum(fired.times.values()) - len(fired.times),
            early=sum(late < 0 for late in fired.late_seconds),
            seconds_to_last=round(fired.last_at - begin, 2),
            late_seconds=fired.late_seconds,
        )

    def restore(self) -> Restored:
        """Start the processor again on what is in the changelog, and stop it once it runs."""
        return restored(self._order.group, REMINDERS.command(self._order))

    def _set(self, dues: Sequence[float]) -> None:
        fill(self._bootstrap, self._order.commands, wanting(self._tickets, dues))
        self._tickets += len(dues)


def restored(group: str, command: list[str]) -> Restored:
    """Start the process of a group again on what is in its changelog, and stop it once it runs."""
    began = time.monotonic()
    with started(group, command) as running:
        until(lambda: _running_at(group) is not None, RESTORE_SECONDS, "a restore", poll_seconds=LOOK_SECONDS)
        assigned = next(at for at, status in statuses(group) if status.startswith(("restoring", "running")))
        runs = _running_at(group) or 0.0
        resident = memory_bytes(running.pid)
        processes.stop([running])
    return Restored(round(runs - assigned, 2), round(runs - began, 2), resident)


def _running_at(group: str) -> float | None:
    return next((at for at, status in statuses(group) if status.startswith("running")), None)
