"""Runs a topology on Kafka, exactly once: one thread, one consumer, one transactional producer.

The loop: poll, decide what came into a batch, fire the timers that are due, commit all of it in one transaction with
the input offsets. Restoring goes on between polls, with the partitions paused. When a writer is lost, everything in
memory is thrown away and a new session starts from what Kafka has stored.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from confluent_kafka import KafkaException

from services._runtime.clock import Clock, SystemClock
from services._runtime.engine.engine import TooManyDeadLettersError
from services._runtime.engine.state import UnreadableStateError
from services._runtime.engine.topology import Topology
from services._runtime.logs import get_logger
from services._runtime.processor.kept import KeptStates
from services._runtime.processor.restore import MissingTopicError
from services._runtime.processor.session import Session
from services._runtime.processor.transaction import WriterLost
from services._runtime.settings import RuntimeSettings

log = get_logger(__name__)
S = TypeVar("S")

PROGRESS_SECONDS_MAX: Final = 90.0
COLLECTOR_THRESHOLDS: Final = (100_000, 50, 100)
BEGIN_POLL_SECONDS: Final = 0.05
BACKOFF_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)

Effects = Callable[[Sequence[Any]], None]


class Processor(Generic[S]):
    """A topology in a thread of its own. `start`, `request_stop` and `join` may be called from any thread.

    `on_effects` gets the effects of committed decisions, from the processor's thread: it must hand them over and return
    quickly. The first record is decided only once `may_begin` answers true: a processor that decides by the directory
    would otherwise decide a backlog against an empty one.
    """

    def __init__(
        self,
        topology: Topology[S],
        settings: RuntimeSettings,
        *,
        clock: Clock | None = None,
        on_effects: Effects | None = None,
        may_begin: Callable[[], bool] | None = None,
    ) -> None:
        self.name = topology.name
        self._topology = topology
        self._settings = settings
        self._clock = clock if clock is not None else SystemClock()
        self._on_effects = on_effects
        self._may_begin = may_begin
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=topology.name, daemon=True)
        self._session: Session[S] | None = None
        self._kept: KeptStates[S] = KeptStates(self._clock)
        self._progress_at = self._clock.monotonic_seconds()
        self._status = "new"
        self._halted = False

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def request_stop(self) -> None:
        """Ask the loop to finish its batch, commit, leave the group and end."""
        self._stop.set()

    def join(self, timeout_seconds: float) -> bool:
        """Wait for the thread to end; tell whether it did."""
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    @property
    def live(self) -> bool:
        """Whether the loop made progress lately. A broker that is away doesn't make it dead."""
        if self._halted:
            return self._thread.is_alive()
        return self._thread.is_alive() and self._clock.monotonic_seconds() - self._progress_at < PROGRESS_SECONDS_MAX

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned and restored, and the processor has not been halted."""
        session = self._session
        return session is not None and session.ready and not self._halted

    @property
    def status(self) -> str:
        """One line for people: what the processor is doing, or why it stopped."""
        session = self._session
        return session.status if session is not None and not self._halted else self._status

    def _run(self) -> None:
        # States are many small objects without cycles: the collector's default pace looks at them over and over, which
        # cost a quarter of the time of a decision.
        gc.set_threshold(*COLLECTOR_THRESHOLDS)
        self._await_beginning()
        attempt = 0
        while not self._stop.is_set() and not self._halted:
            self._made_progress()
            pause_seconds = 0.0
            try:
                self._run_session()
                attempt = 0
            except (TooManyDeadLettersError, UnreadableStateError) as error:
                self._halt(str(error))
            except (WriterLost, MissingTopicError, KafkaException) as error:
                if self._session is not None and self._session.committed_anything:
                    attempt = 0
                self._status = f"starting again: {error}"
                log.warning("processor_starts_again", processor=self.name, error=str(error))
                pause_seconds = BACKOFF_SECONDS[min(attempt, len(BACKOFF_SECONDS) - 1)]
                attempt += 1
            except Exception as error:
                # A fault of our own: nothing was committed of it, so beginning again from what is stored is safe.
                self._status = f"starting again: {error!r}"
                log.exception("processor_failed", processor=self.name)
                pause_seconds = BACKOFF_SECONDS[-1]
            finally:
                self._close_session()
            # Only now: until it is closed, the session would speak for the processor and hide why it starts again.
            self._stop.wait(pause_seconds)
        # A halted processor keeps its thread, so that it is live but not ready until someone looks at it.
        self._stop.wait()

    def _await_beginning(self) -> None:
        self._status = "waits for the directory"
        while self._may_begin is not None and not self._may_begin():
            self._made_progress()
            if self._stop.wait(BEGIN_POLL_SECONDS):
                return

    def _run_session(self) -> None:
        self._status = "connecting"
        session = Session(self._topology, self._settings, self._clock, self._kept)
        self._session = session
        session.start()
        while not self._stop.is_set():
            self._made_progress()
            effects = session.step()
            if effects and self._on_effects is not None:
                self._on_effects(effects)

    def _close_session(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        try:
            session.close()
        except Exception:
            # The next session makes its own clients; a client that won't close must not end the processor.
            log.exception("session_not_closed", processor=self.name)

    def _halt(self, reason: str) -> None:
        self._halted = True
        self._status = f"halted: {reason}"
        log.error("processor_halted", processor=self.name, reason=reason)

    def _made_progress(self) -> None:
        self._progress_at = self._clock.monotonic_seconds()
