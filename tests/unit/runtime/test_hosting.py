"""A service's process from the inside, without a broker: order of start and stop, probes, and bounded waits."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import faust
import httpx
import pytest
from mode import Service, ServiceT

from schemas.topics import DIRECTORY
from services._runtime.clock import SystemClock
from services._runtime.directory.directory import Directory
from services._runtime.hosting import hosting
from services._runtime.hosting.hosting import ServiceApp, create_app
from services._runtime.settings import RuntimeSettings
from services._runtime.web.web import create_web

WAIT_SECONDS = 20.0
NOBODY = "127.0.0.1:1"


class Worker:
    """The smallest thing that hosting takes for a processor: a thread that waits to be stopped."""

    def __init__(self, name: str, told: list[str], *, stubborn: bool = False, ready: bool = True) -> None:
        self.name = name
        self.live = True
        self.ready = ready
        self.status = "waiting"
        self._told = told
        self._stubborn = stubborn
        self._stop = threading.Event()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._told.append(f"start {self.name}")
        self._thread.start()

    def request_stop(self) -> None:
        self._told.append(f"ask {self.name}")
        self._stop.set()

    def join(self, timeout_seconds: float) -> bool:
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def let_go(self) -> None:
        self._end.set()

    def _run(self) -> None:
        (self._end if self._stubborn else self._stop).wait(WAIT_SECONDS)


def told_by(name: str, told: list[str]) -> Callable[[], ServiceT]:
    class Told(Service):
        async def on_start(self) -> None:
            told.append(f"start {name}")

        async def on_stop(self) -> None:
            told.append(f"stop {name}")

    return Told


def app_with(
    folder: Path,
    *,
    processors: tuple[Worker, ...] = (),
    services: Mapping[str, Callable[[], ServiceT]] | None = None,
    directory: Directory | None = None,
) -> ServiceApp:
    settings = RuntimeSettings(kafka_bootstrap=NOBODY, secret="s" * 32, data_dir=folder)  # type: ignore[arg-type]
    return create_app(
        "router",
        settings=settings,
        processors=processors,
        services=services,
        directory=directory,
        web=create_web("Router", clock=SystemClock()),
    )


async def ask(app: ServiceApp, path: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(f"http://127.0.0.1:{app.host.web.port}{path}")


async def all_running(app: ServiceApp) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not all(part.ready for part in app.host.health.parts):  # noqa: ASYNC110 - parts tell nobody
            await asyncio.sleep(0.01)


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, WAIT_SECONDS))


def test_processors_are_told_first_and_services_stop_in_the_reverse_of_their_order(tmp_path: Path) -> None:
    async def scene() -> None:
        told: list[str] = []
        services = {name: told_by(name, told) for name in ("connections", "poller")}
        app = app_with(tmp_path, processors=(Worker("ledger", told),), services=services)
        await app.host.start()
        await all_running(app)
        await app.host.stop()
        assert told[0] == "start ledger"
        assert sorted(told[1:3]) == ["start connections", "start poller"]
        assert told[3:] == ["ask ledger", "stop poller", "stop connections"]

    play(scene())


def test_one_processor_that_is_not_ready_makes_the_process_not_ready(tmp_path: Path) -> None:
    async def scene() -> None:
        processor = Worker("ledger", [], ready=False)
        app = app_with(tmp_path, processors=(processor,))
        await app.host.start()
        assert ((await ask(app, "/readyz")).status_code, (await ask(app, "/healthz")).status_code) == (503, 200)
        processor.ready = True
        assert (await ask(app, "/readyz")).status_code == 200
        processor.live = False
        assert (await ask(app, "/healthz")).status_code == 503
        await app.host.stop()

    play(scene())


def test_the_state_of_each_part_is_among_the_metrics(tmp_path: Path) -> None:
    async def scene() -> None:
        app = app_with(tmp_path, processors=(Worker("metered", [], ready=False),))
        await app.host.start()
        text = (await ask(app, "/metrics")).text
        assert 'aftercare_part_ready{part="metered"} 0.0' in text
        assert 'aftercare_part_live{part="metered"} 1.0' in text
        await app.host.stop()

    play(scene())


def test_probes_are_no_part_of_the_api_description(tmp_path: Path) -> None:
    async def scene() -> None:
        app = app_with(tmp_path)
        await app.host.start()
        assert (await ask(app, "/openapi.json")).json()["paths"] == {}
        await app.host.stop()

    play(scene())


def test_a_directory_that_was_not_read_yet_makes_the_process_not_ready(tmp_path: Path) -> None:
    async def scene() -> None:
        app = app_with(tmp_path, directory=Directory())
        await app.host.start()
        answer = await ask(app, "/readyz")
        assert answer.status_code == 503
        assert "waiting for Kafka" in answer.json()["parts"]["directory"]["status"]
        assert (await ask(app, "/healthz")).status_code == 200
        await app.host.stop()

    play(scene())


def test_a_processor_that_does_not_end_is_left_behind_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "PROCESSOR_STOP_SECONDS", 0.1)

    async def scene() -> None:
        stubborn = Worker("stuck", [], stubborn=True)
        app = app_with(tmp_path, processors=(stubborn,))
        await app.host.start()
        async with asyncio.timeout(5):
            await app.host.stop()
        stubborn.let_go()

    play(scene())


def test_a_host_that_could_not_start_stops_only_what_was_started(tmp_path: Path) -> None:
    async def scene() -> None:
        told: list[str] = []
        first = app_with(tmp_path)
        await first.host.start()
        second = app_with(tmp_path, processors=(Worker("never", told),))
        second.host.web.port = first.host.web.port
        with pytest.raises(OSError, match="in use"):
            await second.host.start()
        await second.host.stop()
        assert told == []
        await first.host.stop()

    play(scene())


def test_the_app_is_a_faust_app_with_an_agent_for_each_directory_topic(tmp_path: Path) -> None:
    app = app_with(tmp_path, directory=Directory())
    assert isinstance(app, faust.App)
    assert list(app.agents) == [topic.name for topic in DIRECTORY.values()]
    assert app.conf.topic_disable_leader
    assert not app.conf.topic_allow_declare
