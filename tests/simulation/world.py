"""All processors and the people around them in one process, on one clock, in an order that a seed decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from pydantic import SecretStr

from schemas import envelope
from schemas.contract import Contract
from schemas.topics import Topic
from services._runtime.engine.topology import Topology
from services._runtime.settings import RuntimeSettings
from tests.simulation.broker.cluster import Cluster
from tests.simulation.broker.timeline import Timeline
from tests.simulation.faults import Kind, draw
from tests.simulation.journal import Journal
from tests.simulation.machine import Machine
from tests.simulation.sights import Sight

START: Final = datetime(2026, 1, 7, 8, 0, tzinfo=UTC)
PARTITIONS: Final = 3
SLOTS: Final = ("0", "1", "2")
STEPS_MAX: Final = 40_000
TENANT: Final = "acme"
FAULTY_TURNS: Final = 0.055
MEDDLED_TURNS: Final = 0.0055
REPEATED: Final = 0.05
AWAY_SECONDS_MAX: Final = 1_800.0
HOUR: Final = timedelta(hours=1)
SECRET: Final = SecretStr("simulation" * 4)


class NotSettledError(AssertionError):
    """The world still had something to do after very many steps."""


class World:
    """The simulation: three slots for each topology, two of them mostly in use.

    Faults stop at `calm_at`, so that everything can settle: `run` ends when nothing is left to do before `until`.
    """

    def __init__(
        self,
        seed: int,
        topologies: Sequence[Topology[Any]],
        topics: Iterable[Topic],
        *,
        until: datetime,
        calm_at: datetime,
    ) -> None:
        self.seed = seed
        self.time = Timeline(seed, START)
        self.random = self.time.random
        self.until = until
        self.cluster = Cluster(self.time, [topic.name for topic in topics], PARTITIONS)
        self.journal = Journal()
        self.on_effect: Callable[[Any], None] = lambda _: None
        self.on_step: Callable[[], None] = lambda: None
        self.steps = 0
        self.meddled: Counter[Kind] = Counter()
        self._calm_at = calm_at
        self.machines = [
            Machine(self.cluster, topology, settings_of(slot), self.journal, self._hand_over)
            for topology in topologies
            for slot in SLOTS
        ]
        for machine in self.machines:
            if not self._is_spare(machine):
                self.time.after(self.random.uniform(0, 5), machine.start)
        self.time.at(calm_at, self._calm_down)

    @property
    def now(self) -> datetime:
        """The world's time."""
        return self.time.now

    @property
    def met(self) -> Counter[Kind]:
        """Which faults were met, and how often."""
        return sum((machine.met for machine in self.machines), self.meddled.copy())

    @property
    def is_calm(self) -> bool:
        """Whether the time of faults is over."""
        return self.now >= self._calm_at

    def after(self, least_seconds: float, most_seconds: float, act: Callable[[], None]) -> None:
        """Have somebody do something after a while."""
        self.time.after(self.random.uniform(least_seconds, most_seconds), act)

    def send(self, topic: Topic, key: str, data: Contract, event_id: str, occurred_at: datetime | None = None) -> None:
        """Write an event as a gateway does: now and then twice."""
        value = envelope.encode(
            type_name=envelope.type_name_of(data),
            event_id=event_id,
            source="/simulation",
            time=occurred_at if occurred_at is not None else self.now,
            subject=key,
            tenant=TENANT,
            data=data,
        )
        self.cluster.send(topic.name, key.encode(), value)
        if self.random.random() < REPEATED:
            self.time.seen[Sight.REPEATED] += 1
            again = lambda: self.cluster.send(topic.name, key.encode(), value)  # noqa: E731
            self.after(0, 60, again)

    def run(self) -> None:
        """Go on until nothing is left to do before `until`.

        Raises:
            NotSettledError: it does not come to an end.
        """
        try:
            for _ in range(STEPS_MAX):
                if not self._step():
                    return
                self.steps += 1
        finally:
            for machine in self.machines:
                machine.end()
        raise NotSettledError(f"seed {self.seed}: not settled after {STEPS_MAX} steps, at {self.now}")

    def _step(self) -> bool:
        """Give one machine its turn; when none wants one, move the clock to what comes next. False: the end."""
        now = self.now
        ready = [each for each in self.machines if each.next_at is not None and each.next_at <= now]
        if ready:
            machine = self.random.choice(ready)
            if not self.is_calm:
                self._trouble(machine)
            machine.turn()
            self.on_step()
            return True
        upcoming = [each.next_at for each in self.machines if each.next_at is not None]
        next_act = self.time.next_at()
        if next_act is not None:
            upcoming.append(next_act)
        if not upcoming or min(upcoming) > self.until:
            return False
        self.time.move_to(min(upcoming))
        return True

    def _hand_over(self, effects: Iterable[Any]) -> None:
        for effect in effects:
            self.on_effect(effect)

    # ── faults ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _trouble(self, machine: Machine) -> None:
        chance = self.random.random()
        if chance < FAULTY_TURNS and machine.plan is None:
            machine.plan = draw(self.random)
        elif chance > 1 - MEDDLED_TURNS:
            self._meddle(self.random.choice(self.machines))

    def _meddle(self, machine: Machine) -> None:
        """Do from outside what operators, schedulers and clocks do to a process."""
        if not machine.running:
            if self._is_spare(machine) and machine.next_at is None:
                self.meddled[Kind.SCALE] += 1
                machine.start()
                self.after(1, AWAY_SECONDS_MAX, lambda: self._take_away(machine))
            return
        if self.random.random() < 0.5:
            self.meddled[Kind.CLOCK] += 1
            machine.jump(self.random.choice((HOUR, -HOUR)))
            self.after(1, AWAY_SECONDS_MAX, lambda: machine.jump(timedelta(0)))
        elif not self._is_spare(machine):
            self.meddled[Kind.STOP] += 1
            machine.stop()
            self.after(0.1, 20, machine.start)

    def _take_away(self, machine: Machine) -> None:
        """Scale in, once the spare process can be asked to stop."""
        if machine.running and self.cluster.current is None:
            machine.stop()
        else:
            self.after(1, 5, lambda: self._take_away(machine))

    def _calm_down(self) -> None:
        """No faults from here on: not those either that have not found their place yet."""
        for machine in self.machines:
            machine.plan = None

    def _is_spare(self, machine: Machine) -> bool:
        return machine.name.endswith(SLOTS[-1])


@cache
def settings_of(slot: str) -> RuntimeSettings:
    """Return the settings of an instance slot."""
    return RuntimeSettings(kafka_bootstrap="simulated", instance=slot, secret=SECRET)
