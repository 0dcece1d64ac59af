from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from schemas import envelope
from schemas.notifications import Outcome
from schemas.topics import NOTIFIER_RESULTS
from schemas.vocabulary import Medium
from services._runtime.clock import ManualClock
from services._runtime.unavailable import KafkaUnavailable
from services.notifier.adapters import sender as module
from services.notifier.adapters.sender import HandOver, Sender
from services.notifier.domain.deliveries import Attempt, Report
from tests.unit.notifier.attempts import NOW, attempt

WAIT_SECONDS = 10.0
SENT = Report(Outcome.SENT, "250")


class Results:
    """Keeps what was written; `refusals` writes are not confirmed first."""

    def __init__(self, refusals: int = 0) -> None:
        self.written: list[tuple[str, str, Outcome, int, str]] = []
        self.stopped = False
        self._refusals = refusals
        self._changed = asyncio.Event()

    async def send(self, topic: str, key: str, value: bytes | None) -> None:
        if self._refusals:
            self._refusals -= 1
            raise KafkaUnavailable("no broker")
        head = envelope.decode_head(value or b"")
        data = envelope.decode_data(head.type, head.data)
        assert (head.tenant, head.subject, data.delivery_id) == ("acme", "T-1", key)
        self.written.append((topic, key, data.outcome, data.attempt, data.detail))
        self._changed.set()

    async def stop(self) -> None:
        self.stopped = True

    async def wait_for(self, count: int) -> list[tuple[str, str, Outcome, int, str]]:
        async with asyncio.timeout(WAIT_SECONDS):
            while len(self.written) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.written


class Channel:
    """A way out under the test's control."""

    def __init__(self, behaviour: Callable[[Attempt], Awaitable[Report | None]]) -> None:
        self._behaviour = behaviour
        self.closed = asyncio.Event()

    async def send(self, attempt: Attempt) -> Report | None:
        return await self._behaviour(attempt)

    def unfinished(self, reason: str) -> Report | None:
        return Report(Outcome.UNREACHABLE, reason)

    async def close(self) -> None:
        self.closed.set()


class Scene:
    """A sender with its surroundings."""

    def __init__(
        self,
        behaviour: Callable[[Attempt], Awaitable[Report | None]],
        *,
        attempts_max: int = 100,
        wait_seconds: float = 0.0,
        workers: int = 2,
        send_timeout_seconds: float = WAIT_SECONDS,
        idle_seconds: float = WAIT_SECONDS,
        refusals: int = 0,
    ) -> None:
        self.clock = ManualClock(NOW)
        self.results = Results(refusals)
        self.channels: list[Channel] = []
        self.hand_over = HandOver(attempts_max=attempts_max, wait_seconds=wait_seconds, clock=self.clock)
        self.sender = Sender(
            self.hand_over,
            channels={Medium.EMAIL: lambda: self._channel(behaviour)},
            results=self.results,
            clock=self.clock,
            workers=workers,
            send_timeout_seconds=send_timeout_seconds,
            idle_seconds=idle_seconds,
        )

    def _channel(self, behaviour: Callable[[Attempt], Awaitable[Report | None]]) -> Channel:
        self.channels.append(Channel(behaviour))
        return self.channels[-1]


def run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 3 * WAIT_SECONDS))


async def sent(_attempt: Attempt) -> Report | None:
    return SENT


def test_an_attempt_from_another_thread_is_made_and_its_result_written() -> None:
    async def scene() -> None:
        stage = Scene(sent)
        await stage.sender.start()
        thread = threading.Thread(target=stage.hand_over.give, args=([attempt(3)],))
        thread.start()
        assert await stage.results.wait_for(1) == [(NOTIFIER_RESULTS.name, "T-1.opened.00", Outcome.SENT, 3, "250")]
        thread.join()
        await stage.sender.stop()
        assert stage.results.stopped
        assert all(channel.closed.is_set() for channel in stage.channels)

    run(scene())


def test_what_was_handed_over_before_the_sender_started_is_made_too() -> None:
    async def scene() -> None:
        stage = Scene(sent)
        stage.hand_over.give([attempt(1), attempt(2)])
        await stage.sender.start()
        await stage.results.wait_for(2)
        await stage.sender.stop()

    run(scene())


def test_no_more_attempts_run_at_a_time_than_there_are_workers() -> None:
    async def scene() -> None:
        running: set[int] = set()
        most = 0
        proceed = asyncio.Event()

        async def slow(each: Attempt) -> Report | None:
            nonlocal most
            running.add(each.number)
            most = max(most, len(running))
            if len(running) == 3:
                proceed.set()
            await proceed.wait()
            running.discard(each.number)
            return SENT

        stage = Scene(slow, workers=3)
        await stage.sender.start()
        stage.hand_over.give([attempt(number) for number in range(1, 21)])
        written = await stage.results.wait_for(20)
        assert most == 3
        assert sorted(line[3] for line in written) == list(range(1, 21))
        await stage.sender.stop()

    run(scene())


def test_what_finds_no_room_is_put_off_and_the_processor_goes_on() -> None:
    async def scene() -> None:
        proceed = asyncio.Event()

        async def blocked(_attempt: Attempt) -> Report | None:
            await proceed.wait()
            return SENT

        stage = Scene(blocked, attempts_max=2)
        await stage.sender.start()
        stage.hand_over.give([attempt(number) for number in range(1, 6)])
        put_off = await stage.results.wait_for(3)
        assert [(line[2], line[3], line[4]) for line in put_off] == [
            (Outcome.UNREACHABLE, number, module.PUT_OFF.detail) for number in (3, 4, 5)
        ]
        proceed.set()
        written = await stage.results.wait_for(5)
        assert sorted(line[3] for line in written[3:]) == [1, 2]
        await stage.sender.stop()

    run(scene())


def test_the_processor_waits_for_room_as_long_as_it_was_told_and_gets_it() -> None:
    async def scene() -> None:
        stage = Scene(sent, attempts_max=1, wait_seconds=WAIT_SECONDS, workers=1)
        await stage.sender.start()
        attempts = [attempt(number) for number in range(1, 11)]
        await asyncio.to_thread(stage.hand_over.give, attempts)
        written = await stage.results.wait_for(10)
        assert [line[2:4] for line in written] == [(Outcome.SENT, number) for number in range(1, 11)]
        await stage.sender.stop()

    run(scene())


def test_an_attempt_whose_turn_comes_too_late_is_not_made() -> None:
    async def scene() -> None:
        made: list[int] = []

        async def noted(each: Attempt) -> Report | None:
            made.append(each.number)
            return SENT

        stage = Scene(noted)
        stage.clock.advance(timedelta(seconds=45))
        await stage.sender.start()
        stage.hand_over.give([attempt(1)])
        assert (await stage.results.wait_for(1))[0][2:] == (Outcome.UNREACHABLE, 1, module.LATE.detail)
        assert made == []
        await stage.sender.stop()

    run(scene())


def test_an_attempt_that_takes_too_long_is_ended_and_says_what_is_known() -> None:
    async def scene() -> None:
        async def never(_attempt: Attempt) -> Report | None:
            await asyncio.Event().wait()
            return None

        stage = Scene(never, send_timeout_seconds=0.01)
        await stage.sender.start()
        stage.hand_over.give([attempt(1)])
        assert (await stage.results.wait_for(1))[0][2:] == (Outcome.UNREACHABLE, 1, "timed out")
        await stage.sender.stop()

    run(scene())


def test_of_an_attempt_that_nobody_can_know_about_nothing_is_said() -> None:
    async def scene() -> None:
        async def silent_first(each: Attempt) -> Report | None:
            return None if each.number == 1 else SENT

        stage = Scene(silent_first, workers=1)
        await stage.sender.start()
        stage.hand_over.give([attempt(1), attempt(2)])
        assert [line[3] for line in await stage.results.wait_for(1)] == [2]
        await stage.sender.stop()

    run(scene())


def test_a_fault_in_a_channel_takes_no_worker_with_it() -> None:
    async def scene() -> None:
        async def faulty(each: Attempt) -> Report | None:
            if each.number == 1:
                raise RuntimeError("a fault")
            return SENT

        stage = Scene(faulty, workers=1)
        await stage.sender.start()
        stage.hand_over.give([attempt(1), attempt(2)])
        written = await stage.results.wait_for(2)
        assert [line[2:] for line in written] == [(Outcome.UNREACHABLE, 1, "RuntimeError"), (Outcome.SENT, 2, "250")]
        await stage.sender.stop()

    run(scene())


def test_a_result_is_written_again_until_kafka_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESULT_RETRY_SECONDS", 0.001)

    async def scene() -> None:
        stage = Scene(sent, refusals=3)
        await stage.sender.start()
        stage.hand_over.give([attempt(1)])
        assert len(await stage.results.wait_for(1)) == 1
        await stage.sender.stop()

    run(scene())


def test_a_result_that_nobody_waits_for_any_more_is_not_written() -> None:
    async def scene() -> None:
        stage: Scene

        async def slow_clock(each: Attempt) -> Report | None:
            if each.number == 1:
                stage.clock.advance(timedelta(seconds=120))
            return SENT

        stage = Scene(slow_clock, workers=1)
        await stage.sender.start()
        later = stage.clock.now() + timedelta(hours=1)
        stage.hand_over.give([attempt(1), attempt(2, begin_before=later, result_due_at=later)])
        assert [line[3] for line in await stage.results.wait_for(1)] == [2]
        await stage.sender.stop()

    run(scene())


def test_connections_without_work_are_closed() -> None:
    async def scene() -> None:
        stage = Scene(sent, idle_seconds=0.01, workers=1)
        await stage.sender.start()
        await asyncio.sleep(0)  # lets the worker begin
        await stage.channels[0].closed.wait()
        stage.hand_over.give([attempt(1)])
        await stage.results.wait_for(1)
        await stage.sender.stop()

    run(scene())


def test_stopping_lets_what_is_under_way_end_and_begins_nothing_new() -> None:
    async def scene() -> None:
        begun = asyncio.Event()
        proceed = asyncio.Event()

        async def slow(_attempt: Attempt) -> Report | None:
            begun.set()
            await proceed.wait()
            return SENT

        stage = Scene(slow, workers=1)
        await stage.sender.start()
        stage.hand_over.give([attempt(1), attempt(2)])
        await begun.wait()
        stopping = asyncio.create_task(stage.sender.stop())
        await asyncio.sleep(0)
        proceed.set()
        await stopping
        assert [line[3] for line in stage.results.written] == [1]
        assert stage.hand_over.waiting == 1

    run(scene())


def test_an_attempt_that_does_not_end_when_stopping_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.01)

    async def scene() -> None:
        begun = asyncio.Event()

        async def never(_attempt: Attempt) -> Report | None:
            begun.set()
            await asyncio.Event().wait()
            return None

        stage = Scene(never, workers=1)
        await stage.sender.start()
        stage.hand_over.give([attempt(1)])
        await begun.wait()
        await stage.sender.stop()
        assert stage.results.written == []
        assert stage.channels[0].closed.is_set()

    run(scene())


def test_a_sender_that_takes_over_goes_on_with_what_waits() -> None:
    async def scene() -> None:
        stage = Scene(sent)
        await stage.sender.start()
        await stage.sender.stop()
        stage.hand_over.give([attempt(1)])
        other = Sender(
            stage.hand_over,
            channels={Medium.EMAIL: lambda: Channel(sent)},
            results=stage.results,
            clock=stage.clock,
            workers=1,
            send_timeout_seconds=1,
            idle_seconds=1,
        )
        await other.start()
        await stage.results.wait_for(1)
        await other.stop()

    run(scene())


def test_handing_over_to_a_loop_that_has_ended_does_not_fail() -> None:
    stage: list[HandOver] = []

    async def scene() -> None:
        hand_over = HandOver(attempts_max=1, wait_seconds=0, clock=ManualClock(NOW))
        hand_over.attach()
        stage.append(hand_over)

    run(scene())
    stage[0].give([attempt(1), attempt(2)])
    assert stage[0].waiting == 1
