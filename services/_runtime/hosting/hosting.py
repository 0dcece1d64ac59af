"""One Faust application a service, and around it all that runs in the service's process.

`create_app` returns the `faust.App` that `faust -A services.router.app worker` and `python -m services.router` start.
Within it run the processors (a thread each), the web server, further services, and the Faust agents. The agents' half
of Kafka is kept apart (`control`): Faust ends the whole worker when a broker is missing at start or its consumer
fails, and neither may stop a processor.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from typing import Any, Final, NoReturn, Protocol

import faust
import mode.loop
from fastapi import FastAPI
from faust.app.base import BootStrategy
from mode import Service, ServiceT

from services._runtime.clock import Clock, SystemClock
from services._runtime.directory.agent import DirectoryFeed
from services._runtime.directory.directory import Directory
from services._runtime.hosting.control import control_of, faust_options
from services._runtime.hosting.health import Health, Part, add_probes
from services._runtime.hosting.supervision import Supervised
from services._runtime.logs import configure_logging, get_logger, level_of
from services._runtime.metrics import BUILD_INFO
from services._runtime.settings import RuntimeSettings
from services._runtime.web.server import WebServer
from services._runtime.web.web import create_web

PROCESSOR_STOP_SECONDS: Final = 7.0
EDGES_STOP_SECONDS: Final = 7.0
"""Both go on at the same time. With the two seconds that the worker takes to leave, a process stops within 10 s."""

log = get_logger(__name__)


class ProcessorLike(Part, Protocol):
    """What hosting needs of a processor. It runs in a thread of its own, which must be a daemon."""

    def start(self) -> None:
        """Start the thread and come back at once; a broker need not be there."""

    def request_stop(self) -> None:
        """Ask it to stop fetching, commit and leave its group; comes back at once."""

    def join(self, timeout_seconds: float) -> bool:
        """Wait for its end; whether it came."""


class ServiceWorker(faust.Worker):
    """The Faust worker with our log lines and without its progress spinner."""

    def on_setup_root_logger(self, logger: Any, level: int) -> None:
        """Called by mode once it has set up logging: ours takes its place."""
        del logger
        self.spinner = None
        settings = self.app.settings
        configure_logging(level_of(level), service=self.app.service_name, instance=settings.instance)
        threading.excepthook = _report_thread


def _report_thread(failure: threading.ExceptHookArgs) -> None:
    """Put the end of a thread into the log; Python's own way is a trace on standard error."""
    name = failure.thread.name if failure.thread is not None else "unknown"
    error = failure.exc_value or failure.exc_type()
    log.error("thread_failed", thread=name, error=type(error).__name__, exc_info=error)


class _HostOnly(BootStrategy):
    """What the worker starts: the host. Faust's own web server and Kafka clients stay off, see the module."""

    enable_web = False
    enable_kafka = False

    def server(self) -> list[ServiceT]:
        """Called by Faust."""
        return [*self.sensors(), self.app.host]


class ServiceApp(faust.App):
    """A service's Faust application. Its agents, timers and tasks are declared as in any Faust app."""

    BootStrategy = _HostOnly

    mundane_level = "debug"
    logger = logging.getLogger("faust.app")
    settings: RuntimeSettings
    service_name: str
    host: "Host"

    async def on_first_start(self) -> None:
        """Called by mode. Faust makes its folder, but not the one above it."""
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        await super().on_first_start()

    async def on_start(self) -> None:
        """Called by mode. Faust's own version makes a consumer here, which this app does not have."""
        self.finalize()

    def worker_init_post_autodiscover(self) -> None:
        """Called by Faust's command line. Its own version sets up Faust's web server."""
        self.on_worker_init.send()


class DirectoryPart:
    """The directory in this process's health: alive as long as its feed is kept going, ready once read whole."""

    name = "directory"

    def __init__(self, directory: Directory, feed: Supervised) -> None:
        self._directory = directory
        self._feed = feed

    @property
    def live(self) -> bool:
        """See `Part`."""
        return self._feed.live

    @property
    def ready(self) -> bool:
        """See `Part`."""
        return self._directory.caught_up

    @property
    def status(self) -> str:
        """See `Part`."""
        return self._directory.status if self._feed.ready else f"{self._directory.status}; feed {self._feed.status}"


class Host(Service):
    """Starts and stops everything in the process in the right order."""

    mundane_level = "debug"

    def __init__(
        self,
        web: WebServer,
        processors: Sequence[ProcessorLike],
        services: Sequence[Supervised],
        control: Supervised | None,
        directory: DirectoryPart | None,
    ) -> None:
        super().__init__()
        self.web = web
        self.control = control
        self._processors = tuple(processors)
        self._processing: list[ProcessorLike] = []
        self._services = tuple(services)
        needed: list[Part] = [web, *processors, *([directory] if directory is not None else [])]
        self.health = Health(needed, shown=services)

    async def on_start(self) -> None:
        """Called by mode. The web server comes first: probes are answered while the rest gets ready."""
        await self.web.start()
        for processor in self._processors:
            processor.start()
            self._processing.append(processor)
        for part in self._services:
            await part.start()
        if self.control is not None:
            await self.control.start()
        log.info("service_started", parts=[part.name for part in self.health.parts])

    async def on_stop(self) -> None:
        """Called by mode. Processors finish while the web server drains; what requests need stops after it."""
        self.health.stopping = True
        log.info("service_stopping")
        for processor in self._processing:
            processor.request_stop()
        joining = [asyncio.to_thread(processor.join, PROCESSOR_STOP_SECONDS) for processor in self._processing]
        joined, _ = await asyncio.gather(asyncio.gather(*joining), self._stop_edges())
        for processor, ended in zip(self._processing, joined, strict=True):
            if not ended:
                log.error("processor_abandoned", processor=processor.name)
        log.info("service_stopped")

    async def _stop_edges(self) -> None:
        try:
            async with asyncio.timeout(EDGES_STOP_SECONDS):
                await self.web.stop()
                await asyncio.gather(self._stop_services(), self._stop_control())
        except TimeoutError:
            log.error("edges_abandoned")  # noqa: TRY400 - where it was cut off says nothing

    async def _stop_services(self) -> None:
        for part in reversed(self._services):
            await part.stop()

    async def _stop_control(self) -> None:
        if self.control is not None:
            await self.control.stop()


def create_app(
    name: str,
    *,
    settings: RuntimeSettings,
    processors: Sequence[ProcessorLike] = (),
    web: FastAPI | None = None,
    services: Mapping[str, Callable[[], ServiceT]] | None = None,
    directory: Directory | None = None,
    clock: Clock | None = None,
) -> ServiceApp:
    """The Faust application of a service, ready for the worker. Connects to nothing yet.

    Args:
        name: the service, as in its package: `router`.
        settings: from the environment.
        processors: not started; each gets its thread.
        web: the service's pages and APIs from `web.create_web`; None serves only the probes.
        services: by name, what makes a further asyncio service (mail poller, read model), each anew after a crash.
            They start after the web server, in this order, and stop in the reverse order once it has answered what was
            under way; so what others use comes first.
        directory: is kept up to date by Faust agents; the service is not ready before it has been read.
        clock: the machine's if None.
    """
    clock = clock or SystemClock()
    folder = settings.data_dir / f"{name}-{settings.instance}"
    app = ServiceApp(f"aftercare-{name}", Worker=ServiceWorker, **faust_options(settings, folder=folder))
    app.settings = settings
    app.service_name = name
    pages = web or create_web(name, clock=clock)
    control = directory_part = None
    if directory is not None:
        feed = DirectoryFeed(app, directory, service=name, settings=settings, clock=clock)
        create_control = control_of(app, settings=settings, folder=folder, clock=clock)
        control = Supervised("control", create_control, before=feed.before_start, after=feed.after_stop)
        directory_part = DirectoryPart(directory, control)
    kept = [Supervised(part, create) for part, create in (services or {}).items()]
    server = WebServer(pages, host=settings.http_host, port=settings.http_port)
    app.host = Host(server, processors, kept, control, directory_part)
    add_probes(pages, app.host.health)
    BUILD_INFO.labels(name, _version()).set(1)
    return app


def run(app: ServiceApp) -> NoReturn:
    """Run the worker in this process until SIGTERM or SIGINT; for a service's `__main__`.

    On uvloop, as `faust --loop uvloop` would: HTTP and Redis cost intake more than its processors do.
    """
    mode.loop.use("uvloop")
    app.Worker(loglevel=app.settings.log_level).execute_from_commandline()
    raise SystemExit(0)  # not reached: the worker exits by itself


def _version() -> str:
    try:
        return version_of("aftercare")
    except PackageNotFoundError:
        return "unreleased"
