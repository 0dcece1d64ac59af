"""One slot of one processor: a process that runs the product's own session code on simulated clients.

What `Processor._run` does in a thread is done here turn by turn: open a session, step, hand effects over, and begin
again after a loss. Everything under it, from membership to the commit, is the real code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from confluent_kafka import KafkaException

from services._runtime.engine.engine import TooManyDeadLettersError
from services._runtime.engine.state import PartitionState, UnreadableStateError
from services._runtime.engine.topology import Topology
from services._runtime.kafka.clients import transactional_id
from services._runtime.processor.kept import KeptStates
from services._runtime.processor.processor import BACKOFF_SECONDS
from services._runtime.processor.restore import MissingTopicError
from services._runtime.processor.session import Session
from services._runtime.processor.transaction import WriterLost
from services._runtime.settings import RuntimeSettings
from tests.simulation.broker.cluster import Cluster
from tests.simulation.faults import Killed, Kind, Plan, error_of
from tests.simulation.journal import Committed, Journal, RecordingEngine
from tests.simulation.sights import KILLED_AT, Sight
from tests.simulation.sleeper import Sleeper

LOOK_AGAIN_SECONDS: Final = 0.1
DOWN_SECONDS_MAX: Final = 20.0
PAUSED_SECONDS_MAX: Final = 40.0


class MachineClock:
    """A machine's own clock, off by `skew`. Reading it is a point at which the process may die or stand still."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.skew = timedelta(0)

    def now(self) -> datetime:
        """See `Clock`."""
        self._cluster.point("clock")
        return self._cluster.time.now + self.skew

    def monotonic_seconds(self) -> float:
        """See `Clock`; no jump of the wall clock moves it."""
        self._cluster.point("clock")
        return (self._cluster.time.now - self._cluster.time.start).total_seconds()


class _WatchedStates(KeptStates[Any]):
    """Kept states, telling when one is taken up again."""

    def __init__(self, clock: MachineClock, seen: Counter[Sight]) -> None:
        super().__init__(clock)
        self._seen = seen

    def take(self, partition: int) -> PartitionState[Any] | None:
        """See `KeptStates`."""
        state = super().take(partition)
        self._seen[Sight.TAIL_ONLY] += state is not None
        return state


class Machine:
    """A process of one topology in one instance slot. `next_at` is when it wants its next turn; None: when told."""

    def __init__(
        self,
        cluster: Cluster,
        topology: Topology[Any],
        settings: RuntimeSettings,
        journal: Journal,
        on_effects: Callable[[Sequence[Any]], None],
    ) -> None:
        self.topology = topology
        self.clock = MachineClock(cluster)
        self.ahead = timedelta(0)
        self.member: Any = None
        self.life = 0
        self.engine: RecordingEngine | None = None
        self.next_at: datetime | None = None
        self.plan: Plan | None = None
        self.met: Counter[Kind] = Counter()
        self.troubles: list[str] = []
        self.name = transactional_id(topology.name, settings)
        self._cluster = cluster
        self._settings = settings
        self._journal = journal
        self._on_effects = on_effects
        self._session: Session[Any] | None = None
        self._kept = _WatchedStates(self.clock, cluster.time.seen)
        self._sleeper: Sleeper | None = None
        self._doomed = False
        self._busy = False
        self._attempt = 0

    # ── life ────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned and restored."""
        return self._session is not None and self._session.ready

    @property
    def running(self) -> bool:
        """Whether there is a process that is not standing still."""
        return self._session is not None and self._sleeper is None

    def start(self) -> None:
        """Have the process begin with the next turn."""
        self.next_at = self._now

    def jump(self, skew: timedelta) -> None:
        """Set the wall clock off by `skew`."""
        self.clock.skew = skew
        self.ahead = max(self.ahead, skew)
        self.tell()

    def stop(self) -> None:
        """SIGTERM: finish, leave the group, end. `start` starts it again."""
        self._cluster.current = self
        deaths, membership = self.life, self.member.member_id if self.member is not None else None
        try:
            self._close()
        except Killed:
            self._die()
        finally:
            self._cluster.current = None
        if self.life == deaths and membership in self._cluster.group(self.topology.name).members:
            self.troubles.append(f"{self.name} ended without leaving its group")
        self.next_at = None
        self._kept = _WatchedStates(self.clock, self._cluster.time.seen)

    def turn(self) -> None:
        """Let the process run on until its next step is done, or it stands still in the middle of it."""
        self._cluster.current = self
        self._busy = False
        try:
            if self._sleeper is not None:
                self._hear_again()
            elif self.plan is not None and self.plan.kind is Kind.PAUSE:
                self._sleeper = Sleeper(self._step)
            if self._sleeper is None:
                self._step()
            else:
                self._sleeper.go()
                if self._sleeper.ended:
                    self._sleeper = None
        finally:
            self._cluster.current = None

    def end(self) -> None:
        """Let go of a thread that stands still: the world is over."""
        if self._sleeper is not None:
            self._doomed = True
            self.turn()

    def _step(self) -> None:
        try:
            if self._session is None:
                self._session = Session(self.topology, self._settings, self.clock, self._kept)
                self._session.start()
            effects = self._session.step()
            self.point("effects")
            self._on_effects(effects)
            if self._session.committed_anything:
                self._attempt = 0
        except Killed:
            self._die()
        except (WriterLost, MissingTopicError, KafkaException):
            self._begin_again(BACKOFF_SECONDS[min(self._attempt, len(BACKOFF_SECONDS) - 1)])
        except (TooManyDeadLettersError, UnreadableStateError) as error:
            self.troubles.append(f"{self.name} halted: {error}")
            self._die()
        except Exception as error:  # noqa: BLE001 - the processor goes on after a fault of its own; here it is noted
            self.troubles.append(f"{self.name} failed: {error!r}")
            self._begin_again(BACKOFF_SECONDS[-1])
        else:
            self._rest()

    def _rest(self) -> None:
        dues = [state.next_due_at() for state in self.engine.partitions.values()] if self.engine is not None else []
        due_at = min((due for due in dues if due is not None), default=None)
        if self._busy and self._has_work():
            self.next_at = self._now
        elif due_at is None:
            self.next_at = None
        else:
            due_at -= self.clock.skew
            if due_at <= self._now:
                self._cluster.time.seen[Sight.HELD_BACK] += 1
            self.next_at = due_at if due_at > self._now else self._now + timedelta(seconds=LOOK_AGAIN_SECONDS)

    def _has_work(self) -> bool:
        """Whether another turn would do anything at once; polls that find nothing would be half of all turns."""
        session = self._session
        if session is None or self.member is None or not session.ready:
            return True
        return session._gate.is_asking or self.member.has_work()

    def _begin_again(self, wait_seconds: float) -> None:
        self._attempt += 1
        try:
            self._close()
        except Killed:
            self._die()
        else:
            self.next_at = self._now + timedelta(seconds=wait_seconds)

    def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()
        self.member = None

    def _die(self) -> None:
        """Lose everything that is in memory; a new process takes the slot after a while."""
        self._fall_silent()
        self.life += 1
        self._session = None
        self.member = None
        self.engine = None
        self._kept = _WatchedStates(self.clock, self._cluster.time.seen)
        self._attempt = 0
        down_seconds = self._cluster.time.random.uniform(0.5, DOWN_SECONDS_MAX)
        self.next_at = self._now + timedelta(seconds=down_seconds)

    # ── what the cluster asks ───────────────────────────────────────────────────────────────────────────────────

    def point(self, name: str) -> None:
        """Meet the planned fault, if this is its place."""
        plan = self.plan
        if plan is None or (plan.kind is Kind.PAUSE and self._sleeper is None) or not plan.reached(name):
            return
        self.plan = None
        self.met[plan.kind] += 1
        if plan.kind is Kind.KILL:
            self._note_death(name)
            raise Killed
        if plan.kind is Kind.PAUSE:
            self._stand_still()
            return
        raise error_of(plan.kind)

    def _note_death(self, point: str) -> None:
        seen = self._cluster.time.seen
        if point in KILLED_AT:
            seen[KILLED_AT[point]] += 1
        elif self._session is not None and self._session._owned.is_restoring:
            seen[Sight.KILLED_RESTORING] += 1

    def busy(self) -> None:
        """Something came of a call."""
        self._busy = True

    def tell(self) -> None:
        """There may be something to do, unless the process is down or stands still."""
        self._busy = True
        if self.running:
            self.next_at = self._now

    def idle(self, seconds: float) -> None:
        """Its turn is over soon: `next_at` says when it wants the next one."""

    def committed(self) -> None:
        """The batch at hand is committed, whether or not this process will ever know."""
        engine = self.engine
        if engine is not None and engine.now is not None:
            batch = Committed(self.name, engine.now, self.ahead, tuple(engine.deeds))
            self._journal.note(self.topology.name, batch)

    @property
    def _now(self) -> datetime:
        return self._cluster.time.now

    def _stand_still(self) -> None:
        assert self._sleeper is not None
        self._fall_silent()
        self.next_at = self._now + timedelta(seconds=self._cluster.time.random.uniform(0.1, PAUSED_SECONDS_MAX))
        self._cluster.current = None
        self._sleeper.stand_still()
        if self._doomed:
            raise Killed

    def _fall_silent(self) -> None:
        if self.member is not None:
            self.member.fall_silent()
        self._cluster.transactions.fall_silent(self.name)

    def _hear_again(self) -> None:
        self._busy = True
        if self.member is not None:
            self.member.speak_again()
