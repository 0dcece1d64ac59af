"""The web server as a service of the application: uvicorn on the application's own event loop."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from fastapi import FastAPI
from mode import Service

from services._runtime.logs import get_logger

DRAIN_SECONDS: Final = 2
"""How long answers under way may take once we stop; streams end then."""
STOP_SECONDS: Final = DRAIN_SECONDS + 1.5
START_SECONDS: Final = 15.0
CONNECTIONS_MAX: Final = 1_000
BACKLOG_MAX: Final = 1_024

log = get_logger(__name__)


class _QuietServer(uvicorn.Server):
    """uvicorn without its signal handlers: SIGTERM belongs to the worker, which stops all parts in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class WebServer(Service):
    """Serves `web` on `host` and `port`; port 0 takes a free one, `port` says which.

    Raises:
        OSError: at start, when the address is taken. That ends the process: nobody could ask how it is.
    """

    mundane_level = "debug"

    def __init__(self, web: FastAPI, *, host: str, port: int) -> None:
        super().__init__()
        self.name = "web"
        self.port = port
        self._web = web
        self._host = host
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def live(self) -> bool:
        """It serves, or will."""
        return self._serving is None or not self._serving.done()

    @property
    def ready(self) -> bool:
        """It takes connections."""
        return self._server is not None and self._server.started and self.live

    @property
    def status(self) -> str:
        """Where it listens."""
        return f"listening on {self._host}:{self.port}" if self.ready else "not listening"

    async def on_start(self) -> None:
        """Called by mode; comes back once connections are taken."""
        listener = socket.create_server((self._host, self.port), backlog=BACKLOG_MAX)
        self.port = int(listener.getsockname()[1])
        config = uvicorn.Config(
            self._web,
            loop="none",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
        self._server = _QuietServer(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]), name="web server")
        async with asyncio.timeout(START_SECONDS):
            while not self._server.started:
                if self._serving.done():
                    raise RuntimeError("the web application did not start") from self._serving.exception()
                await asyncio.sleep(0.01)
        log.info("web_listening", host=self._host, port=self.port)

    async def on_stop(self) -> None:
        """Called by mode: takes no more connections, finishes what is under way, within `STOP_SECONDS`."""
        if self._server is None or self._serving is None:
            return
        self._server.should_exit = True
        _, late = await asyncio.wait([self._serving], timeout=STOP_SECONDS)
        for task in late:
            self._server.force_exit = True
            task.cancel()
