"""Which clocks ran when, and in which statuses they stood: facts become cycles. No calendar and no verdict here.

A cycle is one run of one target. Rules are those of shared/sla-cases.md:

- `assignment` runs from the opening to the first assignment, `first_response` to the first agent reply, `resolution`
  to resolved or closed, which end everything else too; only `resolution` starts again when reopened, with the status
  `open`.
- `next_response` starts with a customer's message once the first response has stopped, unless one is waiting already
  or the ticket is resolved, and stops with the agent's reply.
- Each change of the priority in force that gives a running target another budget or other pausing statuses begins a
  new generation of its cycle; what has stopped keeps its last one. Whether a status pauses is decided by the priority
  in force at that time.
- Nothing happens to a ticket before its opening: facts stamped earlier count as happening right after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from services.sla_monitor.domain import facts as f
from services.sla_monitor.domain.facts import Fact, Past
from services.sla_monitor.domain.policy import Target, Targets, pause_on

REOPENED_STATUS: Final = "open"
_NOTHING_NAMED: Final[dict[str, Target]] = {}


class Stretch(NamedTuple):
    """An ended part of a cycle: running (`status` None), or paused in `status`."""

    from_us: int
    until_us: int
    status: str | None


class Generation(NamedTuple):
    """An ended part of a cycle under one budget. `target` None: the priority had no such target."""

    number: int
    priority: str
    target: Target | None
    until_us: int


class Cycle:
    """One run of a target; complete once `cycles_of` has returned it. Every fact passes here, so it is kept lean.

    `stretches` and `superseded` have ended; then comes the last stretch, since `since_us`, running or `paused_in` a
    status, and the current generation, number `generation`, under `priority` and `target`. `started_by`, `stopped_by`
    and `changed_by` are the sequences of the facts that did it, the last for any change. `stopped_us` None: it still
    runs. `cancelled`: it stopped because the ticket was withdrawn.
    """

    __slots__ = (
        "cancelled",
        "changed_by",
        "generation",
        "name",
        "number",
        "paused_in",
        "priority",
        "since_us",
        "started_by",
        "started_us",
        "stopped_by",
        "stopped_us",
        "stretches",
        "superseded",
        "target",
    )

    def __init__(self, name: str, number: int, fact: Fact, priority: str, target: Target | None, status: str) -> None:
        self.name = name
        self.number = number
        self.started_us = self.since_us = fact.at_us
        self.started_by = self.changed_by = fact.sequence
        self.stopped_us: int | None = None
        self.stopped_by: int | None = None
        self.cancelled = False
        self.priority = priority
        self.target = target
        self.generation = 1
        self.paused_in = status if status in pause_on(target, name) else None
        self.stretches: list[Stretch] = []
        self.superseded: list[Generation] = []

    def see_status(self, fact: Fact, status: str) -> None:
        """Pause, resume, or go on as before."""
        paused_in = status if status in pause_on(self.target, self.name) else None
        if paused_in != self.paused_in:
            if fact.at_us > self.since_us:
                self.stretches.append(Stretch(self.since_us, fact.at_us, self.paused_in))
            self.since_us, self.paused_in, self.changed_by = fact.at_us, paused_in, fact.sequence

    def see_priority(self, fact: Fact, priority: str, target: Target | None, status: str) -> None:
        """Begin a generation if the new priority has another target; then pausing goes by it."""
        if target != self.target:
            self.superseded.append(Generation(self.generation, self.priority, self.target, fact.at_us))
            self.generation += 1
            self.target = target
            self.changed_by = fact.sequence
        self.priority = priority
        self.see_status(fact, status)

    def stop(self, fact: Fact) -> None:
        """Stop for good."""
        self.stopped_us = fact.at_us
        self.stopped_by = self.changed_by = fact.sequence
        self.cancelled = fact.kind == f.CANCELLED


def cycles_of(facts: tuple[Fact, ...] | list[Fact], targets: Targets, past: Past) -> list[Cycle]:
    """All cycles that the facts began, in the order of their starts, those of the past not included.

    Args:
        facts: ordered as `facts.insert` orders them; without an opening (and no settled past) there are no cycles.
        targets: the policy's targets by priority.
        past: counts of cycles whose facts were let go.
    """
    clocks = _Clocks(targets, past)
    if past.settled_us is None and facts and facts[0].kind != f.OPENED:
        facts = _opening_first(facts)
    for fact in facts:
        _HANDLERS[fact.kind](clocks, fact)
    return clocks.cycles


def _opening_first(facts: Iterable[Fact]) -> list[Fact]:
    """The facts from the opening on, with earlier ones right behind it at its instant; none without an opening."""
    early: list[Fact] = []
    remaining = iter(facts)
    for fact in remaining:
        if fact.kind == f.OPENED:
            moved = (Fact(fact.at_us, other.sequence, other.kind, other.value) for other in early)
            return [fact, *moved, *remaining]
        early.append(fact)
    return []


class _Clocks:
    """The running cycles of one ticket while its facts are read. A method for each kind of fact."""

    __slots__ = ("_named", "_numbers", "_opened", "_priority", "_resolved", "_running", "_status", "_targets", "cycles")

    def __init__(self, targets: Targets, past: Past) -> None:
        self.cycles: list[Cycle] = []
        self._targets = targets
        self._running: dict[str, Cycle] = {}
        self._numbers = {"resolution": past.resolutions, "next_response": past.responses}
        self._opened = self._resolved = past.settled_us is not None
        self._priority = past.priority or ""
        self._named = targets.get(self._priority, _NOTHING_NAMED)
        self._status = REOPENED_STATUS

    def open(self, fact: Fact) -> None:
        """Start what starts with a ticket; a second opening says nothing new."""
        if not self._opened:
            self._opened = True
            self._set_priority(fact)
            for name in ("assignment", "first_response", "resolution"):
                self._start(name, fact)

    def assign(self, fact: Fact) -> None:
        """Stop waiting for an assignment."""
        self._stop("assignment", fact)

    def answer(self, fact: Fact) -> None:
        """Stop what waits for an answer: next_response never waits while first_response runs, so at most one stops."""
        self._stop("first_response", fact)
        self._stop("next_response", fact)

    def ask(self, fact: Fact) -> None:
        """Wait for an answer, unless one is waited for already or the ticket is resolved."""
        if not self._resolved and "first_response" not in self._running and "next_response" not in self._running:
            self._start("next_response", fact)

    def change_status(self, fact: Fact) -> None:
        """Pause and resume."""
        self._status = fact.value or ""
        for cycle in self._running.values():
            cycle.see_status(fact, self._status)

    def change_priority(self, fact: Fact) -> None:
        """Put another priority in force."""
        self._set_priority(fact)
        for name, cycle in self._running.items():
            cycle.see_priority(fact, self._priority, self._named.get(name), self._status)

    def end(self, fact: Fact) -> None:
        """Stop everything; what is resolved already stays so."""
        if not self._resolved:
            self._resolved = True
            for cycle in self._running.values():
                cycle.stop(fact)
            self._running.clear()

    def reopen(self, fact: Fact) -> None:
        """Begin the next resolution, if the ticket is resolved."""
        if self._resolved:
            self._resolved = False
            self._status = REOPENED_STATUS
            self._start("resolution", fact)

    def _set_priority(self, fact: Fact) -> None:
        self._priority = fact.value or ""
        self._named = self._targets.get(self._priority, _NOTHING_NAMED)

    def _start(self, name: str, fact: Fact) -> None:
        number = self._numbers[name] = self._numbers.get(name, 0) + 1
        cycle = Cycle(name, number, fact, self._priority, self._named.get(name), self._status)
        self._running[name] = cycle
        self.cycles.append(cycle)

    def _stop(self, name: str, fact: Fact) -> None:
        if name in self._running:
            self._running.pop(name).stop(fact)


_HANDLERS: Final = {
    f.OPENED: _Clocks.open,
    f.ASSIGNED: _Clocks.assign,
    f.AGENT_REPLIED: _Clocks.answer,
    f.CUSTOMER_REPLIED: _Clocks.ask,
    f.STATUS: _Clocks.change_status,
    f.PRIORITY: _Clocks.change_priority,
    f.RESOLVED: _Clocks.end,
    f.CLOSED: _Clocks.end,
    f.CANCELLED: _Clocks.end,
    f.REOPENED: _Clocks.reopen,
}
