"""Timers: a million pending, a hundred thousand due within a second, a thousand a second; and restoring all of it.

`burst.py` says how lateness is counted.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from benchmarks.burst import Burst, Fired, burst, dues_within
from benchmarks.engines.catalog import REMINDERS
from benchmarks.engines.order import Order
from benchmarks.engines.progress import memory_bytes
from benchmarks.engines.reminders import wanting
from benchmarks.engines.running import order_for, started, statuses, watched
from benchmarks.topics import make_topics
from benchmarks.work import fill
from deploy.local import processes
from deploy.local.processes import Running
from deploy.local.waiting import until

YEAR_SECONDS: Final = 365 * 86_400.0
PER_SECOND_TO_PREPARE: Final = 12_000
"""How many timers a second can be set on the way to their due time: written, read, decided, committed."""
RESTORE_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.02


class _Event(msgspec.Struct):
    id: str
    time: datetime


_decode = msgspec.json.Decoder(_Event).decode


def _fired(value: bytes) -> Fired:
    event = _decode(value)
    return event.id, event.time.timestamp()


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
        dues = dues_within(timers, within_seconds, PER_SECOND_TO_PREPARE)
        return burst((self._bootstrap, self._order.events), running, dues, lambda: self._set(dues), _fired)

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
