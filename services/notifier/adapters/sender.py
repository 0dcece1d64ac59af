"""Takes attempts over from the processor's thread and makes them, a bounded number at a time.

An attempt that was handed over is made at most once. When there is no room, the processor waits a little, a bounded
time for a whole batch; what still finds none is reported as unreachable and comes back later by the rule of its medium.
What is lost when the process dies stays without result, and the processor's timer notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from mode import Service

from schemas import envelope
from schemas.notifications import DeliveryAttempted, Outcome
from schemas.topics import NOTIFIER_RESULTS
from schemas.vocabulary import Medium
from services._runtime.clock import Clock
from services._runtime.logs import get_logger
from services._runtime.metrics import NOTIFIER_ATTEMPT_SECONDS, NOTIFIER_ATTEMPTS, NOTIFIER_ATTEMPTS_WAITING
from services._runtime.unavailable import KafkaUnavailable
from services.notifier.domain.deliveries import Attempt, Report

STOP_SECONDS: Final = 3.0
RESULT_RETRY_SECONDS: Final = 0.5
PUT_OFF_MAX: Final = 20_000
SOURCE: Final = "/aftercare/notifier"
SILENT: Final = "silent"
PUT_OFF: Final = Report(Outcome.UNREACHABLE, "put off: too many attempts at a time")
LATE: Final = Report(Outcome.UNREACHABLE, "put off: its turn came too late")

log = get_logger(__name__)


class Channel(Protocol):
    """A medium's way out, for one attempt at a time; `email.Mailer` is one."""

    async def send(self, attempt: Attempt) -> Report | None:
        """Make an attempt; None where nobody can know what came of it."""

    def unfinished(self, reason: str) -> Report | None:
        """What is known of an attempt that was cancelled."""

    async def close(self) -> None:
        """Let go of the connection; the next attempt opens another."""


class Results(Protocol):
    """Where results go; the gateways' producer is one."""

    async def send(self, topic: str, key: str, value: bytes | None) -> object:
        """Write one record; raises `KafkaUnavailable` when it is not confirmed in time."""

    async def stop(self) -> None:
        """Write what is pending and disconnect."""


class HandOver:
    """The bounded bridge between the processor's thread and the event loop; outlives senders that crash.

    Args:
        attempts_max: attempts that wait or are under way.
        wait_seconds: how long `give` waits for room, for a whole batch.
        clock: measures the wait.
    """

    def __init__(self, *, attempts_max: int, wait_seconds: float, clock: Clock) -> None:
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._room = threading.BoundedSemaphore(attempts_max)
        self._waiting: deque[Attempt] = deque()
        self._put_off: deque[Attempt] = deque(maxlen=PUT_OFF_MAX)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._given = asyncio.Event()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many attempts wait for their turn."""
        return len(self._waiting)

    def give(self, attempts: Sequence[Attempt]) -> None:
        """Hand attempts over; called in the processor's thread, comes back within `wait_seconds`."""
        until_seconds = self._clock.monotonic_seconds() + self._wait_seconds
        for attempt in attempts:
            if self._find_room(until_seconds):
                self._waiting.append(attempt)
            else:
                self._put_off.append(attempt)
        self._wake()

    def attach(self) -> None:
        """Wake the running event loop from now on."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self._given = asyncio.Event()

    def detach(self) -> None:
        """Wake nobody any more; what waits stays."""
        with self._lock:
            self._loop = None

    async def take(self) -> Attempt:
        """Wait for an attempt that had room; whoever takes it calls `done` once it is over."""
        return await self._take_from(self._waiting)

    async def take_put_off(self) -> Attempt:
        """Wait for an attempt that found no room."""
        return await self._take_from(self._put_off)

    def done(self) -> None:
        """Make room: an attempt that was taken is over."""
        self._room.release()

    async def _take_from(self, attempts: deque[Attempt]) -> Attempt:
        while not attempts:
            # Cleared first, looked at again after: what is given in between sets it again.
            self._given.clear()
            if not attempts:
                await self._given.wait()
        return attempts.popleft()

    def _find_room(self, until_seconds: float) -> bool:
        if self._room.acquire(blocking=False):
            return True
        self._wake()
        return self._room.acquire(timeout=max(0.0, until_seconds - self._clock.monotonic_seconds()))

    def _wake(self) -> None:
        with self._lock:
            # The loop may be closing under us when the process stops.
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._given.set)


class Sender(Service):
    """Makes the attempts that `hand_over` brings and writes their results to `notifier.results`.

    Args:
        hand_over: where attempts come from.
        channels: makes a channel, by medium; each worker has one of its own.
        results: where results go; stopped with this service.
        clock: for what comes too late, and for the time of results.
        workers: how many attempts are made at a time.
        send_timeout_seconds: bounds one attempt.
        idle_seconds: connections without work are closed after this.
    """

    mundane_level = "debug"

    def __init__(
        self,
        hand_over: HandOver,
        *,
        channels: Mapping[Medium, Callable[[], Channel]],
        results: Results,
        clock: Clock,
        workers: int,
        send_timeout_seconds: float,
        idle_seconds: float,
    ) -> None:
        super().__init__()
        self._hand_over = hand_over
        self._channels = channels
        self._results = results
        self._clock = clock
        self._workers = workers
        self._send_timeout_seconds = send_timeout_seconds
        self._idle_seconds = idle_seconds
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle: set[asyncio.Task[None] | None] = set()

    @property
    def status(self) -> str:
        """One line for people."""
        return f"{self._hand_over.waiting} attempts waiting, {len(self._tasks) - len(self._idle)} workers busy"

    async def on_start(self) -> None:
        """Called by mode."""
        self._hand_over.attach()
        # Not mode's own tasks: those are cancelled before what is under way could end.
        self._tasks = {asyncio.create_task(self._work(), name=f"sender {number}") for number in range(self._workers)}
        self._tasks.add(asyncio.create_task(self._report_put_off(), name="sender of what was put off"))

    async def on_stop(self) -> None:
        """Called by mode: take nothing new, end what is under way within `STOP_SECONDS`."""
        self._hand_over.detach()
        for task in self._tasks & self._idle:
            task.cancel()
        _, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._results.stop()

    async def _work(self) -> None:
        channels = {medium: create() for medium, create in self._channels.items()}
        try:
            while not self.should_stop:
                attempt = await self._next(channels)
                try:
                    report = await self._attempt(channels[attempt.medium], attempt)
                    await self._publish(attempt, report)
                finally:
                    self._hand_over.done()
        finally:
            for channel in channels.values():
                await channel.close()

    async def _next(self, channels: Mapping[Medium, Channel]) -> Attempt:
        with self._being_idle():
            try:
                async with asyncio.timeout(self._idle_seconds):
                    return await self._hand_over.take()
            except TimeoutError:
                for channel in channels.values():
                    await channel.close()
                return await self._hand_over.take()

    async def _report_put_off(self) -> None:
        while not self.should_stop:
            with self._being_idle():
                attempt = await self._hand_over.take_put_off()
            await self._publish(attempt, PUT_OFF)

    async def _attempt(self, channel: Channel, attempt: Attempt) -> Report | None:
        if self._clock.now() >= attempt.begin_before:
            return LATE
        began_seconds = self._clock.monotonic_seconds()
        try:
            async with asyncio.timeout(self._send_timeout_seconds):
                return await channel.send(attempt)
        except TimeoutError:
            return channel.unfinished("timed out")
        except Exception as error:
            # A fault of ours: it must not take the worker with it, which others wait for.
            log.exception("attempt_failed", delivery=attempt.delivery_id, attempt=attempt.number)
            return channel.unfinished(type(error).__name__)
        finally:
            NOTIFIER_ATTEMPT_SECONDS.labels(attempt.medium).observe(self._clock.monotonic_seconds() - began_seconds)

    async def _publish(self, attempt: Attempt, report: Report | None) -> None:
        """Write what came of an attempt; without a report nothing, so that the processor's timer sees the silence."""
        outcome = report.outcome if report is not None else SILENT
        NOTIFIER_ATTEMPTS.labels(attempt.medium, outcome).inc()
        NOTIFIER_ATTEMPTS_WAITING.set(self._hand_over.waiting)
        log.info(
            "delivery_attempted",
            delivery=attempt.delivery_id,
            attempt=attempt.number,
            outcome=outcome,
            detail=report.detail if report is not None else "",
        )
        if report is None:
            return
        value = _result(attempt, report, self._clock)
        # As long as anybody waits for it: later it would be an old attempt's result, which does nothing.
        while self._clock.now() < attempt.result_due_at:
            try:
                await self._results.send(NOTIFIER_RESULTS.name, attempt.delivery_id, value)
            except KafkaUnavailable:
                await asyncio.sleep(RESULT_RETRY_SECONDS)
            else:
                return

    @contextlib.contextmanager
    def _being_idle(self) -> Iterator[None]:
        """Mark this task as one that may be cancelled without anything being lost."""
        task = asyncio.current_task()
        self._idle.add(task)
        try:
            yield
        finally:
            self._idle.discard(task)


def _result(attempt: Attempt, report: Report, clock: Clock) -> bytes:
    data = DeliveryAttempted.new(
        delivery_id=attempt.delivery_id, attempt=attempt.number, outcome=report.outcome, detail=report.detail
    )
    return envelope.encode(
        type_name=envelope.type_name_of(data),
        event_id=f"{attempt.delivery_id}:{attempt.number}:{report.outcome}",
        source=SOURCE,
        time=clock.now(),
        subject=attempt.ticket_id,
        tenant=attempt.tenant,
        data=data,
    )
