"""SLA clocks on a broker: a million open, a hundred thousand due in one second, two thousand a second; and restoring.

The process runs both of the monitor's processors, as the service does (`engines/clocks.py`). A breach is timed by an
independent read_committed reader of `ticket.sla`, from the instant at which its target was due: what is breached is
breached a microsecond later. What the surges make of the breaches is read of `pool.sla`: each must be tallied once, and
each pool's surge told once.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from benchmarks.burst import Burst, Fired, burst, dues_within
from benchmarks.engines.catalog import CLOCKS
from benchmarks.engines.clocks import LONG, SHORT, openings, surges_group
from benchmarks.engines.running import order_for, threads, watched
from benchmarks.hop import Reader
from benchmarks.timers import YEAR_SECONDS, Restored, restored
from benchmarks.topics import make_topics
from benchmarks.work import fill, ticket_id
from deploy.local.processes import Running
from schemas.pool_sla import SurgeDetected, VerdictsTallied
from schemas.ticket_sla import TargetBreached
from schemas.topics import POOL_SLA, TICKET_SLA

PER_SECOND_TO_PREPARE: Final = 2_500
"""How many tickets a second can be opened on the way to their due time: written, read, decided, committed."""
COMMANDS: Final = "clocks-commands"
WORK: Final = ("clocks", "surges")


class _Data(msgspec.Struct):
    ticket_id: str = ""
    surge_id: str = ""
    breached: int = 0


class _Event(msgspec.Struct):
    type: str
    data: _Data


_decode = msgspec.json.Decoder(_Event).decode


@dataclass(frozen=True)
class Surged:
    """What became of the breaches: tallied for their pools, and surges told. None was told: `seconds_to_last` None."""

    tallied: int
    told: int
    doubled: int
    seconds_to_last: float | None

    def is_exact(self, breaches: int, pools: int) -> bool:
        """Tell whether each breach was tallied once and the surge of each pool told once."""
        return self.tallied == breaches and self.told == pools and not self.doubled


@dataclass
class Pools:
    """What `pool.sla` has told: how many breaches were tallied, and how often and when first each surge was told."""

    tallied: int = 0
    told: Counter[str] = field(default_factory=Counter)
    last_told_at: float = 0.0

    def surged(self, first_due_at: float) -> Surged:
        """Sum up, with times from the first due instant on."""
        doubled = self.told.total() - len(self.told)
        seconds = round(self.last_told_at - first_due_at, 2) if self.told else None
        return Surged(self.tallied, len(self.told), doubled, seconds)

    def take(self, value: bytes, at: float) -> None:
        """Take in an event that was read `at` seconds since 1970."""
        event = _decode(value)
        if event.type == VerdictsTallied.type_name:
            self.tallied += event.data.breached
        elif event.type == SurgeDetected.type_name:
            self.told[event.data.surge_id] += 1
            self.last_told_at = at


class ClockBed:
    """The monitor's processors on a broker; tickets are opened in the order of the calls."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self.order = order_for(CLOCKS, bootstrap, COMMANDS)
        self.surges = surges_group(self.order.group)
        own = (f"{self.surges}.changelog", f"{self.surges}.dlq")
        make_topics(bootstrap, COMMANDS, TICKET_SLA.name, POOL_SLA.name, *own)
        self._tickets = 0

    def open(self, running: Running, tickets: int) -> float:
        """Open so many tickets that are due in a year; return how many a second were taken once it had begun."""
        self._open(LONG, [time.time() + YEAR_SECONDS] * tickets)
        samples = watched(self.order, self._tickets, [running])
        first = next(sample for sample in samples if sample.committed)
        taken = samples[-1].at_seconds - first.at_seconds
        return (samples[-1].committed - first.committed) / taken if taken else 0.0

    def let_come_due(
        self, running: Running, targets: int, within_seconds: float, surges: int = 0
    ) -> tuple[Burst, Surged]:
        """Open tickets whose targets come due evenly within so many seconds from a moment on, and read the breaches.

        It is over once all are tallied and so many surges told.
        """
        dues = dues_within(targets, within_seconds, PER_SECOND_TO_PREPARE)
        due_at = {ticket_id(number): due for number, due in enumerate(dues, self._tickets)}

        def breached(value: bytes) -> Fired | None:
            event = _decode(value)
            ticket = event.data.ticket_id
            if event.type != TargetBreached.type_name or ticket not in due_at:
                return None
            return ticket, due_at[ticket]

        pools = Pools()
        with Reader(self._bootstrap, POOL_SLA.name, pools.take, time.time):
            found = burst(
                (self._bootstrap, TICKET_SLA.name),
                running,
                dues,
                lambda: self._open(SHORT, dues),
                breached,
                threads={WORK[name == self.surges]: thread for name, thread in threads(self.order.group).items()},
                is_settled=lambda: pools.tallied >= targets and len(pools.told) >= surges,
            )
        return found, pools.surged(dues[0])

    def restore(self) -> Restored:
        """Start the process again on what is in the changelog, and stop it once it runs."""
        return restored(self.order.group, CLOCKS.command(self.order))

    def _open(self, priority: str, dues: Sequence[float]) -> None:
        fill(self._bootstrap, self.order.commands, openings(self._tickets, priority, dues))
        self._tickets += len(dues)
