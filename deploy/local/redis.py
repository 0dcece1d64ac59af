"""A redis-server on this machine, without persistence: losing it loses nothing, so the local one keeps nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path

import redis

from deploy.local import ports
from deploy.local.errors import StackError
from deploy.local.folders import emptied
from deploy.local.processes import Running
from deploy.local.server import Server

READY_SECONDS = 15.0
_ASK_SECONDS = 1.0


class Redis(Server):
    """One redis-server. Arguments mean what they mean for `kafka.Kafka`."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        tied: bool = True,
        started: Callable[[Running], None] = lambda _: None,
    ) -> None:
        super().__init__("redis", folder, tied=tied, started=started)
        # Its own, as a cluster's: nobody else answers in its place while it is down.
        self.host = ports.own_address() if tied and port is None else ports.HOST
        self.port = ports.configured_or_free(port) if port is not None else ports.free_port(self.host)

    @property
    def url(self) -> str:
        """Return the address for clients."""
        return f"redis://{self.host}:{self.port}/0"

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
        self._launch([server, "--bind", self.host, "--port", str(self.port), *persistence, "--dir", str(self._folder)])

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until PING is answered; raises StackError with the log's end when it is not."""
        client = redis.Redis.from_url(self.url, socket_timeout=_ASK_SECONDS, socket_connect_timeout=_ASK_SECONDS)

        def answered() -> bool:
            try:
                return bool(client.ping())
            except redis.exceptions.ConnectionError:
                return False

        try:
            self._wait_until(answered, seconds, f"Redis at {self.url}")
        finally:
            client.close()
