"""SLA clocks on a broker: a million open, a hundred thousand due in one second, two thousand a second; and restoring.

The process is the monitor's own topology (`engines/clocks.py`). A breach is timed by an independent read_committed
reader of `ticket.sla`, from the instant at which its target was due: what is breached is breached a microsecond later.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from benchmarks.engines.catalog import CLOCKS
from benchmarks.engines.clocks import LONG, SHORT, openings
from benchmarks.engines.running import order_for, require_alive, watched
from benchmarks.hop import Reader
from benchmarks.timers import LEAD_SECONDS, SETTLE_SECONDS, YEAR_SECONDS, Burst, Restored, restored
from benchmarks.topics import make_topics
from benchmarks.work import fill
from deploy.local.processes import Running
from deploy.local.waiting import until
from schemas.ticket_sla import TargetBreached
from schemas.topics import TICKET_SLA

PER_SECOND_TO_PREPARE: Final = 2_500
"""How many tickets a second can be opened on the way to their due time: written, read, decided, committed."""
COMMANDS: Final = "clocks-commands"


class _Data(msgspec.Struct):
    ticket_id: str
    due_at: str | None


class _Event(msgspec.Struct):
    type: str
    data: _Data


_decode = msgspec.json.Decoder(_Event).decode


class _Breaches:
    """The breaches that were read: how often each ticket's, and how late each was when first read, in seconds."""

    def __init__(self, dues: dict[str, float]) -> None:
        self.times: Counter[str] = Counter()
        self.late_seconds: list[float] = []
        self.last_at = 0.0
        self._dues = dues

    def take(self, value: bytes, at: float) -> None:
        event = _decode(value)
        due_at = self._dues.get(event.data.ticket_id)
        if event.type != TargetBreached.type_name or due_at is None:
            return
        self.times[event.data.ticket_id] += 1
        self.last_at = at
        if self.times[event.data.ticket_id] == 1:
            self.late_seconds.append(at - due_at)


class ClockBed:
    """The monitor's topology on a broker; tickets are opened in the order of the calls."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        make_topics(bootstrap, COMMANDS, TICKET_SLA.name)
        self.order = order_for(CLOCKS, bootstrap, COMMANDS)
        self._tickets = 0

    def open(self, running: Running, tickets: int) -> float:
        """Open so many tickets that are due in a year; return how many a second were taken once it had begun."""
        self._open(LONG, [time.time() + YEAR_SECONDS] * tickets)
        samples = watched(self.order, self._tickets, [running])
        first = next(sample for sample in samples if sample.committed)
        taken = samples[-1].at_seconds - first.at_seconds
        return (samples[-1].committed - first.committed) / taken if taken else 0.0

    def let_come_due(self, running: Running, targets: int, within_seconds: float) -> Burst:
        """Open tickets whose targets come due evenly within so many seconds from a moment on, and read the breaches."""
        begin = time.time() + LEAD_SECONDS + targets / PER_SECOND_TO_PREPARE
        dues = [begin + within_seconds * number / targets for number in range(targets)]
        breaches = _Breaches(
            {key: due for (key, _), due in zip(openings(self._tickets, SHORT, dues), dues, strict=True)}
        )
        with Reader(self._bootstrap, TICKET_SLA.name, breaches.take, time.time):
            self._open(SHORT, dues)
            deadline = begin + within_seconds + SETTLE_SECONDS
            until(
                lambda: len(breaches.times) >= targets or not running.is_alive(),
                max(0.0, deadline - time.time()),
                f"{targets} breaches",
            )
            require_alive(running)
        return Burst(
            due=targets,
            fired=len(breaches.times),
            doubled=sum(breaches.times.values()) - len(breaches.times),
            early=sum(late < 0 for late in breaches.late_seconds),
            seconds_to_last=round(breaches.last_at - begin, 2),
            late_seconds=breaches.late_seconds,
        )

    def restore(self) -> Restored:
        """Start the process again on what is in the changelog, and stop it once it runs."""
        return restored(self.order.group, CLOCKS.command(self.order))

    def _open(self, priority: str, dues: Sequence[float]) -> None:
        fill(self._bootstrap, self.order.commands, openings(self._tickets, priority, dues))
        self._tickets += len(dues)
