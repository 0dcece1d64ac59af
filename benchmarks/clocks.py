"""SLA clocks on a broker: a million open, a hundred thousand due in one second, two thousand a second; and restoring.

The process is the monitor's own topology (`engines/clocks.py`). A breach is timed by an independent read_committed
reader of `ticket.sla`, from the instant at which its target was due: what is breached is breached a microsecond later.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import msgspec

from benchmarks.burst import Burst, Fired, burst, dues_within
from benchmarks.engines.catalog import CLOCKS
from benchmarks.engines.clocks import LONG, SHORT, openings
from benchmarks.engines.running import order_for, watched
from benchmarks.timers import YEAR_SECONDS, Restored, restored
from benchmarks.topics import make_topics
from benchmarks.work import fill, ticket_id
from deploy.local.processes import Running
from schemas.ticket_sla import TargetBreached
from schemas.topics import TICKET_SLA

PER_SECOND_TO_PREPARE: Final = 2_500
"""How many tickets a second can be opened on the way to their due time: written, read, decided, committed."""
COMMANDS: Final = "clocks-commands"


class _Data(msgspec.Struct):
    ticket_id: str


class _Event(msgspec.Struct):
    type: str
    data: _Data


_decode = msgspec.json.Decoder(_Event).decode


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
        dues = dues_within(targets, within_seconds, PER_SECOND_TO_PREPARE)
        due_at = {ticket_id(number): due for number, due in enumerate(dues, self._tickets)}

        def breached(value: bytes) -> Fired | None:
            event = _decode(value)
            ticket = event.data.ticket_id
            if event.type != TargetBreached.type_name or ticket not in due_at:
                return None
            return ticket, due_at[ticket]

        place = self._bootstrap, TICKET_SLA.name
        return burst(place, running, dues, lambda: self._open(SHORT, dues), breached)

    def restore(self) -> Restored:
        """Start the process again on what is in the changelog, and stop it once it runs."""
        return restored(self.order.group, CLOCKS.command(self.order))

    def _open(self, priority: str, dues: Sequence[float]) -> None:
        fill(self._bootstrap, self.order.commands, openings(self._tickets, priority, dues))
        self._tickets += len(dues)
