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

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from services.sla_monitor.domain import facts as f
from services.sla_monitor.domain.facts import Fact, Past
from services.sla_monitor.domain.policy import Target, Targets, pause_on

REOPENED_STATUS: Final = "open"


class Stretch(NamedTuple):
    """A part of a cycle: running (`status` None), or paused in `status`. `until_us` None is the last, open end."""

    from_us: int
    until_us: int | None
    status: str | None


class Generation(NamedTuple):
    """A part of a cycle under one budget. `target` None: the priority has no such target; `until_us` None: the last."""

    number: int
    priority: str
    target: Target | None
    until_us: int | None


class Cycle:
    """One run of a target; complete once `cycles_of` has returned it.

    `stretches` and `generations` are never empty, and only their last entries are open. `started_by` and `stopped_by`
    are the sequences of the facts that did it; `stopped_us` None means that it still runs. `cancelled`: stopped
    because the ticket was withdrawn.
    """

    __slots__ = (
        "_from_us",
        "_generation_number",
        "_priority",
        "_status",
        "_target",
        "cancelled",
        "generations",
        "name",
        "number",
        "started_by",
        "started_us",
        "stopped_by",
        "stopped_us",
        "stretches",
    )

    def __init__(self, name: str, number: int, started_us: int, started_by: int) -> None:
        self.name = name
        self.number = number
        self.started_us = started_us
        self.started_by = started_by
        self.stopped_us: int | None = None
        self.stopped_by: int | None = None
        self.cancelled = False
        self.stretches: list[Stretch] = []
        self.generations: list[Generation] = []
        self._from_us = started_us
        self._status: str | None = None
        self._priority = ""
        self._target: Target | None = None
        self._generation_number = 0

    def begin(self, priority: str, target: Target | None, status: str) -> None:
        """Start under a priority, in a status."""
        self._priority, self._target, self._generation_number = priority, target, 1
        self._status = status if status in pause_on(target, self.name) else None

    def see_status(self, at_us: int, status: str) -> None:
        """Pause, resume, or go on as before."""
        pausing = status if status in pause_on(self._target, self.name) else None
        if pausing != self._status:
            self._end_stretch(at_us)
            self._from_us, self._status = at_us, pausing

    def see_priority(self, at_us: int, priority: str, target: Target | None, status: str) -> None:
        """Begin a generation if the new priority has another target; then pausing goes by it."""
        if target != self._target:
            self.generations.append(Generation(self._generation_number, self._priority, self._target, at_us))
            self._generation_number += 1
            self._target = target
        self._priority = priority
        self.see_status(at_us, status)

    def stop(self, at_us: int, sequence: int, *, cancelled: bool = False) -> None:
        """Stop for good."""
        self.stopped_us, self.stopped_by, self.cancelled = at_us, sequence, cancelled

    def finish(self) -> None:
        """Write down the open ends."""
        self.stretches.append(Stretch(self._from_us, None, self._status))
        self.generations.append(Generation(self._generation_number, self._priority, self._target, None))

    @property
    def current(self) -> Generation:
        """The generation in force, or under which it stopped."""
        return self.generations[-1]

    @property
    def is_paused(self) -> bool:
        """Whether it stands still, or did when it stopped."""
        return self.stretches[-1].status is not None

    def _end_stretch(self, at_us: int) -> None:
        if at_us > self._from_us:
            self.stretches.append(Stretch(self._from_us, at_us, self._status))


def cycles_of(facts: Iterable[Fact], targets: Targets, past: Past) -> list[Cycle]:
    """All cycles that the facts began, in the order of their starts, those of the past not included.

    Args:
        facts: ordered as `facts.insert` orders them; without an opening (and no settled past) there are no cycles.
        targets: the policy's targets by priority.
        past: counts of cycles whose facts were let go.
    """
    clocks = _Clocks(targets, past)
    for fact in _from_opening(facts, past):
        clocks.see(fact)
    for cycle in clocks.cycles:
        cycle.finish()
    return clocks.cycles


def _from_opening(facts: Iterable[Fact], past: Past) -> Iterator[Fact]:
    """The facts from the opening on; earlier ones follow it at its instant."""
    if past.settled_us is not None:
        yield from facts
        return
    early: list[Fact] = []
    remaining = iter(facts)
    for fact in remaining:
        if fact.kind == f.OPENED:
            yield fact
            yield from (Fact(fact.at_us, other.sequence, other.kind, other.value) for other in early)
            yield from remaining
        else:
            early.append(fact)


class _Clocks:
    """The running cycles of one ticket while its facts are read."""

    __slots__ = ("_numbers", "_opened", "_priority", "_resolved", "_running", "_status", "_targets", "cycles")

    def __init__(self, targets: Targets, past: Past) -> None:
        self.cycles: list[Cycle] = []
        self._targets = targets
        self._running: dict[str, Cycle] = {}
        self._numbers = {"resolution": past.resolutions, "next_response": past.responses}
        self._opened = self._resolved = past.settled_us is not None
        self._priority = past.priority or ""
        self._status = REOPENED_STATUS

    def see(self, fact: Fact) -> None:
        """Take the next fact."""
        _HANDLERS[fact.kind](self, fact)

    def open(self, fact: Fact) -> None:
        """Start what starts with a ticket; a second opening says nothing new."""
        if not self._opened:
            self._opened = True
            self._priority = fact.value or ""
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
            cycle.see_status(fact.at_us, self._status)

    def change_priority(self, fact: Fact) -> None:
        """Put another priority in force."""
        self._priority = fact.value or ""
        named = self._targets.get(self._priority, {})
        for name, cycle in self._running.items():
            cycle.see_priority(fact.at_us, self._priority, named.get(name), self._status)

    def end(self, fact: Fact) -> None:
        """Stop everything; what is resolved already stays so."""
        if not self._resolved:
            self._resolved = True
            for cycle in self._running.values():
                cycle.stop(fact.at_us, fact.sequence, cancelled=fact.kind == f.CANCELLED)
            self._running.clear()

    def reopen(self, fact: Fact) -> None:
        """Begin the next resolution, if the ticket is resolved."""
        if self._resolved:
            self._resolved = False
            self._status = REOPENED_STATUS
            self._start("resolution", fact)

    def _start(self, name: str, fact: Fact) -> None:
        number = self._numbers.get(name, 0) + 1
        self._numbers[name] = number
        cycle = Cycle(name, number, fact.at_us, fact.sequence)
        cycle.begin(self._priority, self._targets.get(self._priority, {}).get(name), self._status)
        self._running[name] = cycle
        self.cycles.append(cycle)

    def _stop(self, name: str, fact: Fact) -> None:
        cycle = self._running.pop(name, None)
        if cycle is not None:
            cycle.stop(fact.at_us, fact.sequence)


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
