"""All processors and the people around them in one process, on one clock, in an order that a seed decides."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Final

from schemas import envelope
from schemas.contract import Contract
from schemas.topics import Topic
from services._runtime.engine.records import Output
from services._runtime.engine.topology import Topology
from tests.simulation.log import Log
from tests.simulation.machine import Fault, Machine

START: Final = datetime(2026, 1, 7, 8, 0, tzinfo=UTC)
BATCH_RECORDS_MAX: Final = 20
STEPS_MAX: Final = 500_000
PARTITIONS: Final = 2
TENANT: Final = "acme"
FAULTY_STEPS: Final = 0.05


class NotSettledError(AssertionError):
    """The world still had something to do after very many steps."""


class World:
    """The simulation. What people do is put on the agenda by `at`; `run` goes on until nothing is left to do.

    Faults stop at `calm_at`, so that everything can settle: liveness is checked by `run` coming to an end.
    """

    def __init__(self, seed: int, topologies: Sequence[Topology[Any]], *, until: datetime, calm_at: datetime) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.now = START
        self.until = until
        self.log = Log(PARTITIONS)
        self.machines = [Machine(topology, self.log) for topology in topologies]
        self.on_effect: Callable[[Any], None] = lambda _: None
        self.on_step: Callable[[], None] = lambda: None
        self.steps = 0
        self.faults = 0
        self._calm_at = calm_at
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, instant: datetime, act: Callable[[], None]) -> None:
        """Have somebody do something at an instant."""
        heapq.heappush(self._agenda, (instant, next(self._numbers), act))

    def after(self, least_seconds: float, most_seconds: float, act: Callable[[], None]) -> None:
        """Have somebody do something after a while."""
        self.at(self.now + timedelta(seconds=self.random.uniform(least_seconds, most_seconds)), act)

    def send(self, topic: Topic, key: str, data: Contract, event_id: str, occurred_at: datetime | None = None) -> None:
        """Write an event as a gateway does; now and then twice, as a gateway that retries does."""
        value = envelope.encode(
            type_name=envelope.type_name_of(data),
            event_id=event_id,
            source="/simulation",
            time=occurred_at if occurred_at is not None else self.now,
            subject=key,
            tenant=TENANT,
            data=data,
        )
        output = Output(topic.name, key.encode(), value)
        self.log.append([output] * (2 if self.random.random() < FAULTY_STEPS else 1))

    def run(self) -> None:
        """Go on until nothing is left to do before `until`.

        Raises:
            NotSettledError: it does not come to an end.
        """
        for _ in range(STEPS_MAX):
            if not self._step():
                return
            self.steps += 1
            self.on_step()
        raise NotSettledError(f"seed {self.seed}: not settled after {STEPS_MAX} steps, at {self.now}")

    def _step(self) -> bool:
        """Let one machine run one batch; when all are idle, move the clock to what comes next. False: the end."""
        runnable = [(machine, each) for machine in self.machines for each in machine.runnable(self.now)]
        if runnable:
            machine, partition = self.random.choice(runnable)
            most = self.random.randint(1, BATCH_RECORDS_MAX)
            for effect in machine.run(partition, most, self.now, self._fault()):
                self.on_effect(effect)
            if self.random.random() < FAULTY_STEPS:
                # Time goes by while there is work to do: timers come due behind a backlog.
                self._move_to(self.now + timedelta(seconds=self.random.uniform(0, 5)))
            return True
        dues = [due for due in (machine.next_due_at() for machine in self.machines) if due is not None]
        if self._agenda:
            dues.append(self._agenda[0][0])
        if not dues or min(dues) > self.until:
            return False
        self._move_to(max(self.now, min(dues)))
        return True

    def _move_to(self, instant: datetime) -> None:
        self.now = instant
        while self._agenda and self._agenda[0][0] <= self.now:
            heapq.heappop(self._agenda)[2]()

    def _fault(self) -> Fault:
        if self.now >= self._calm_at or self.random.random() >= FAULTY_STEPS:
            return Fault.NONE
        self.faults += 1
        return self.random.choice([fault for fault in Fault if fault is not Fault.NONE])
