"""The bed for faults of the processor: one tally topology on the cluster, its workers, a steady load, the account."""

from __future__ import annotations

import signal
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from deploy.local.errors import StackError
from deploy.local.waiting import holds_within, until
from services._runtime.clock import SystemClock
from tests.chaos.account import Account, Written, is_complete, settle
from tests.chaos.cluster import Cluster
from tests.chaos.load import Load
from tests.chaos.model import expected_of
from tests.chaos.records import TopicReader
from tests.chaos.tally import TallyTopology
from tests.chaos.workers import Worker

PARTITIONS: Final = 6
WORKERS: Final = 2
KEYS: Final = 60
PER_SECOND: Final = 400.0
REMIND_SECONDS: Final = 4.0
READY_SECONDS: Final = 60.0
SETTLE_SECONDS: Final = 90.0
CRASHES: Final = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE})
CLOCK: Final = SystemClock()
TOPICS: Final = {"commands": False, "counts": False, "reminders": False, "changelog": True, "dlq": False}
_numbers: Final = count(1)


def now_ms() -> float:
    """Return the machine's time in milliseconds since 1970, as Kafka stamps records."""
    return CLOCK.now().timestamp() * 1_000


class Bed:
    """Topics, workers and load of one run. Use it as a context manager."""

    def __init__(self, cluster: Cluster, label: str, folder: Path, *, per_second: float = PER_SECOND) -> None:
        self.cluster = cluster
        self.prefix = f"{label.replace('_', '-')}-{next(_numbers)}"
        self.tally = TallyTopology(self.prefix, REMIND_SECONDS)
        self.workers: dict[str, Worker] = {}
        self.skew_ms = 0.0
        self.held_up: list[str] = []
        self._folder = folder
        cluster.make_topics({f"{self.prefix}.{name}": compacted for name, compacted in TOPICS.items()}, PARTITIONS)
        self.load = Load(cluster.bootstrap, f"{self.prefix}.commands", keys=KEYS, per_second=per_second)

    def __enter__(self) -> Self:
        """Start the workers, and wait until they run all partitions."""
        try:
            for instance in range(WORKERS):
                self.start_worker(str(instance))
            self.wait_running()
        except BaseException:
            self._end_workers()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End load and workers."""
        try:
            self.load.stop()
        finally:
            self._end_workers()

    def _end_workers(self) -> None:
        for worker in self.workers.values():
            worker.end()

    # ── workers ─────────────────────────────────────────────────────────────────────────────────────────────────

    def start_worker(self, instance: str, *, clock_offset_seconds: float = 0.0) -> Worker:
        """Start a worker in a slot whose last one has ended."""
        self._folder.mkdir(parents=True, exist_ok=True)
        worker = self.workers[instance] = Worker(
            "tally",
            self.cluster.bootstrap,
            instance,
            self.prefix,
            REMIND_SECONDS,
            clock_offset_seconds=clock_offset_seconds,
            errors=self._folder / f"{self.prefix}-{instance}.log",
        )
        return worker

    def stop_worker(self, instance: str) -> None:
        """Ask a worker to leave and wait until it is gone."""
        self.workers[instance].end()

    def is_running(self) -> bool:
        """Tell whether every worker that lives is ready and all partitions run, each once."""
        alive = [each for each in self.workers.values() if each.alive]
        running = sorted(partition for each in alive for partition in each.partitions)
        return all(each.ready for each in alive) and running == list(range(PARTITIONS))

    def wait_running(self, seconds: float = READY_SECONDS) -> None:
        """Wait until all partitions run."""
        try:
            until(self.is_running, seconds, f"{self.prefix}: all partitions to run")
        except StackError as error:
            self._ask_what_they_are_at()
            raise StackError(f"{error}; {self.said()}") from error

    def said(self) -> dict[str, str]:
        """What each worker said last, or how it ended."""
        return {
            name: str(each.log[-1]["status"] if each.log else "nothing") if each.alive else f"ended: {each.exit_code}"
            for name, each in self.workers.items()
        }

    def crashed(self) -> list[str]:
        """Return the workers that ended otherwise than by a signal of the bed or in order."""
        return [
            f"worker {name} crashed: {-each.exit_code!s}"
            for name, each in self.workers.items()
            if each.exit_code is not None and -each.exit_code in CRASHES
        ]

    def writer_of(self, instance: str) -> str:
        """Return the transactional id of a worker's slot."""
        return f"{self.tally.name}-{instance}"

    def hold(self, seconds: float) -> None:
        """Let a fault last."""
        holds_within(lambda: False, seconds)

    # ── the account ─────────────────────────────────────────────────────────────────────────────────────────────

    def settle(self, seconds: float = SETTLE_SECONDS) -> tuple[Account, Written]:
        """Stop the load, wait until all that must come has come, or for a bounded time, and return the account."""
        self.load.stop()
        topics = tuple(f"{self.prefix}.{name}" for name in TOPICS)
        reader = TopicReader(self.cluster.bootstrap, topics, PARTITIONS)
        try:
            if not holds_within(lambda: self._is_complete(reader), seconds, poll_seconds=0.2):
                self._ask_what_they_are_at()
            # Once more to the end, for what must not be there.
            self.hold(0.5)
            if not reader.read_to_end(seconds):
                self.held_up = reader.held_up()
            written = self._written(reader)
        finally:
            reader.close()
        return settle(expected_of(written.commands, REMIND_SECONDS), written), written

    def in_the_log(self, ids: set[str]) -> set[str]:
        """Return which of these counts lie in the log, though no subscriber sees them: aborted, or never decided."""
        topic = f"{self.prefix}.counts"
        reader = TopicReader(self.cluster.bootstrap, (topic,), PARTITIONS, committed=False)
        try:
            reader.read_to_end(SETTLE_SECONDS)
            return ids & {record.event["id"] for record in reader.records[topic]}
        finally:
            reader.close()

    def _ask_what_they_are_at(self) -> None:
        print(f"       not complete; the workers say {self.said()}, their stacks are in {self._folder}", flush=True)
        for worker in self.workers.values():
            if worker.alive:
                worker.signal(signal.SIGUSR1)
        self.hold(1.0)  # for them to write

    def _is_complete(self, reader: TopicReader) -> bool:
        if not reader.read_to_end(5.0):
            return False
        written = self._written(reader)
        return is_complete(expected_of(written.commands, REMIND_SECONDS), written)

    def _written(self, reader: TopicReader) -> Written:
        commands, counts, reminders, changelog, letters = (reader.records[f"{self.prefix}.{name}"] for name in TOPICS)
        acknowledged = frozenset(self.load.acknowledged)
        return Written(commands, counts, reminders, changelog, letters, acknowledged, self.skew_ms)
