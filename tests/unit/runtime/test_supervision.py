"""A part that fails is made anew, and nothing above it notices."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from mode import Service

from services._runtime.hosting import supervision
from services._runtime.hosting.supervision import Supervised

WAIT_SECONDS = 5.0


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "RETRY_FIRST_SECONDS", 0.01)


class Steady(Service):
    """Runs until it is stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.running = asyncio.Event()
        self.stopped_in_order = False

    async def on_start(self) -> None:
        self.running.set()

    async def on_stop(self) -> None:
        await asyncio.sleep(0)  # a stop that takes a turn of the loop must still be waited for
        self.stopped_in_order = True


class Crashing(Steady):
    """Crashes in a task of its own, as a poller would."""

    @Service.task
    async def _poll(self) -> None:
        raise ConnectionError("mailbox gone")


class Unstartable(Steady):
    async def on_start(self) -> None:
        raise OSError("no route")


class Endless(Steady):
    """Never gets past its start."""

    async def on_start(self) -> None:
        self.running.set()
        await asyncio.Event().wait()


class InTurn:
    """Makes services in the order given, the last kind again and again."""

    def __init__(self, *kinds: type[Steady]) -> None:
        self.kinds = list(kinds)
        self.made: list[Steady] = []

    def __call__(self) -> Steady:
        kind = self.kinds.pop(0) if len(self.kinds) > 1 else self.kinds[0]
        self.made.append(kind())
        return self.made[-1]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for is the part's own state, which tells nobody
            await asyncio.sleep(0.001)


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, WAIT_SECONDS))


def test_a_part_that_runs_is_live_and_ready() -> None:
    async def scene() -> None:
        supervised = Supervised("poller", Steady)
        await supervised.start()
        await until(lambda: supervised.ready)
        assert (supervised.live, supervised.status) == (True, "running")
        await supervised.stop()

    play(scene())


@pytest.mark.parametrize("kind", [Crashing, Unstartable])
def test_a_part_that_fails_is_made_anew(kind: type[Steady]) -> None:
    async def scene() -> None:
        create = InTurn(kind, kind, Steady)
        supervised = Supervised("poller", create)
        await supervised.start()
        await until(lambda: supervised.ready and len(create.made) == 3)
        assert create.made[0].stopped_in_order
        await supervised.stop()

    play(scene())


def test_a_crash_does_not_climb_to_whoever_supervises() -> None:
    async def scene() -> None:
        parent = Steady()
        supervised = Supervised("poller", InTurn(Crashing, Steady))
        parent.add_dependency(supervised)
        await parent.start()
        await until(lambda: supervised.ready)
        assert not parent.crashed
        assert not supervised.crashed
        await parent.stop()

    play(scene())


def test_a_part_that_can_not_even_be_made_is_tried_again() -> None:
    async def scene() -> None:
        attempts = 0

        def create() -> Steady:
            nonlocal attempts
            attempts += 1
            if attempts < 3:
                raise ValueError("bad address")
            return Steady()

        supervised = Supervised("poller", create)
        await supervised.start()
        await until(lambda: supervised.ready)
        assert attempts == 3
        await supervised.stop()

    play(scene())


def test_while_it_fails_a_part_says_why_and_is_live_but_not_ready() -> None:
    async def scene() -> None:
        supervised = Supervised("poller", Unstartable)
        await supervised.start()
        await until(lambda: "OSError" in supervised.status)
        assert (supervised.live, supervised.ready) == (True, False)
        await supervised.stop()

    play(scene())


def test_stopping_stops_the_part_in_order() -> None:
    async def scene() -> None:
        create = InTurn(Steady)
        supervised = Supervised("poller", create)
        await supervised.start()
        await until(lambda: supervised.ready)
        await supervised.stop()
        assert create.made[0].stopped_in_order
        assert not supervised.live

    play(scene())


def test_stopping_does_not_wait_for_a_start_that_never_ends() -> None:
    async def scene() -> None:
        create = InTurn(Endless)
        supervised = Supervised("poller", create)
        await supervised.start()
        await until(lambda: bool(create.made) and create.made[0].running.is_set())
        await supervised.stop()
        assert not supervised.live

    play(scene())


def test_what_is_awaited_before_guards_each_attempt_and_after_ends_it() -> None:
    async def scene() -> None:
        order: list[str] = []

        async def before() -> None:
            order.append("before")
            if len(order) == 1:
                raise ConnectionError("no broker")

        async def after() -> None:
            order.append("after")

        def create() -> Steady:
            order.append("create")
            return Steady()

        supervised = Supervised("control", create, before=before, after=after)
        await supervised.start()
        await until(lambda: supervised.ready)
        await supervised.stop()
        assert order == ["before", "after", "before", "create", "after"]

    play(scene())
