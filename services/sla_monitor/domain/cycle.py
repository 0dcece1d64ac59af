"""One run of a clock: when it ran, in which statuses it stood, under which target; `cycles` tells it the facts."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import msgspec

from services.sla_monitor.domain.facts import Fact
from services.sla_monitor.domain.policy import Target


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


class Running(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A cycle that runs and has a mark ahead, so that it can be woken without reading all facts again.

    It can be asked like a `Cycle` that neither stopped nor stands.
    """

    stopped_us: ClassVar[None] = None
    cancelled_by: ClassVar[str] = ""
    paused_in: ClassVar[None] = None

    name: str
    number: int
    generation: int
    priority: str
    regime: int
    started_us: int
    since_us: int
    stretches: tuple[Stretch, ...] = ()
    acknowledged_us: tuple[int, ...] = ()


class Cycle:
    """One run of a target; complete once `cycles_of` has returned it. Every fact passes here, so it is kept lean.

    `stretches` and `superseded` have ended; then comes the last stretch, since `since_us`, running or `paused_in` a
    status, and the current generation, number `generation`, under `priority` and `target`. `started_by`, `stopped_by`
    and `changed_by` are the sequences of the facts that did it, the last for any change. `stopped_us` None: it still
    runs. `cancelled_by`: the kind of fact that stopped it without a verdict, else empty. `acknowledged_us` are when its
    escalations were acknowledged; `regime` is the policy under which it started. `idle` are the statuses that pause it
    while no target is in force.
    """

    __slots__ = (
        "acknowledged_us",
        "cancelled_by",
        "changed_by",
        "generation",
        "idle",
        "name",
        "number",
        "paused_in",
        "priority",
        "regime",
        "since_us",
        "started_by",
        "started_us",
        "stopped_by",
        "stopped_us",
        "stretches",
        "superseded",
        "target",
    )

    def __init__(
        self, name: str, number: int, fact: Fact, priority: str, target: Target | None, idle: frozenset[str]
    ) -> None:
        self.name = name
        self.number = number
        self.started_us = self.since_us = fact.at_us
        self.started_by = self.changed_by = fact.sequence
        self.stopped_us: int | None = None
        self.stopped_by: int | None = None
        self.cancelled_by = ""
        self.priority = priority
        self.target = target
        self.idle = idle
        self.regime = 0
        self.generation = 1
        self.paused_in: str | None = None
        self.stretches: tuple[Stretch, ...] = ()
        self.superseded: tuple[Generation, ...] = ()
        self.acknowledged_us: tuple[int, ...] = ()

    def kept(self) -> Running:
        """What it takes to go on with this cycle, which runs."""
        regime = 0 if self.target is None else self.target.regime
        return Running(
            self.name,
            self.number,
            self.generation,
            self.priority,
            regime,
            self.started_us,
            self.since_us,
            self.stretches,
            self.acknowledged_us,
        )

    def see_status(self, fact: Fact, status: str) -> None:
        """Pause, resume, or go on as before."""
        target = self.target
        paused_in = status if status in (self.idle if target is None else target.pause_on) else None
        if paused_in != self.paused_in:
            if fact.at_us > self.since_us:
                self.stretches = (*self.stretches, Stretch(self.since_us, fact.at_us, self.paused_in))
            self.since_us, self.paused_in, self.changed_by = fact.at_us, paused_in, fact.sequence

    def see_terms(self, fact: Fact, priority: str, target: Target | None, status: str) -> None:
        """Begin a generation if what is in force now promises another target; then pausing goes by it."""
        if target != self.target:
            ended = Generation(self.generation, self.priority, self.target, fact.at_us)
            self.superseded = (*self.superseded, ended)
            self.generation += 1
            self.target = target
            self.changed_by = fact.sequence
        self.priority = priority
        self.see_status(fact, status)

    def stop(self, fact: Fact, *, cancelled: bool = False) -> None:
        """Stop for good."""
        self.stopped_us = fact.at_us
        self.stopped_by = self.changed_by = fact.sequence
        if cancelled:
            self.cancelled_by = fact.kind

    def acknowledge(self, fact: Fact) -> None:
        """Note that someone answers for its escalation."""
        self.acknowledged_us = (*self.acknowledged_us, fact.at_us)
        self.changed_by = fact.sequence
