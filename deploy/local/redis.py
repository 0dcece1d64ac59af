"""A redis-server on this machine, without persistence: losing it loses nothing, so the local one keeps nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path

import redis

from deploy.local import ports, processes
from deploy.local.errors import StackError
from deploy.local.folders import emptied, last_lines
from deploy.local.processes import Running
from deploy.local.waiting import until

READY_SECONDS = 15.0
_ASK_SECONDS = 1.0


class Redis:
    """One redis-server. Arguments mean what they mean for `kafka.Kafka`."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        tied: bool = True,
        started: Callable[[Running], None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._tied = tied
        self._started = started
        # Its own, as a cluster's: nobody else answers in its place while it is down.
        self.host = ports.own_address() if tied and port is None else ports.HOST
        self.port = ports.configured_or_free(port) if port is not None else ports.free_port(self.host)
        self.running: Running | None = None

    @property
    def url(self) -> str:
        """Return the address for clients."""
        return f"redis://{self.host}:{self.port}/0"

    @property
    def log(self) -> Path:
        """Return the file that the server logs to."""
        return self._folder / "redis.log"

    def start(self) -> None:
        """Start the server, empty, without waiting for it.

        Raises:
            StackError: redis-server is missing or did not start.
        """
        server = shutil.which("redis-server")
        if server is None:
            raise StackError("redis-server is missing: apt-get install redis-server")
        emptied(self._folder)
        persistence = ["--save", "", "--appendonly", "no"]
        self.running = processes.start(
            "redis",
            [server, "--bind", self.host, "--port", str(self.port), *persistence, "--dir", str(self._folder)],
            log=self.log,
            environment={"PATH": "/usr/bin:/bin"},
            tied=self._tied,
        )
        self._started(self.running)

    def stop(self) -> None:
        """Stop the server; raises StackError when it can't be ended."""
        if self.running is not None:
            processes.stop([self.running])

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until PING is answered; raises StackError with the log's end when it is not."""
        client = redis.Redis.from_url(self.url, socket_timeout=_ASK_SECONDS, socket_connect_timeout=_ASK_SECONDS)

        def answered() -> bool:
            if self.running is None or not self.running.is_alive():
                raise StackError("redis ended while it was starting")
            try:
                return bool(client.ping())
            except redis.exceptions.ConnectionError:
                return False

        try:
            until(answered, seconds, f"Redis at {self.url}")
        except StackError as error:
            raise StackError(f"{error}\n{last_lines(self.log)}") from error
        finally:
            client.close()
