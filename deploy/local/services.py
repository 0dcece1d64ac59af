"""The five services as processes, and the settings they are started with.

`environment` is the one place that says which `AFTERCARE_` settings a service is given; `docker-compose.yml` gives the
same, and a test holds the two together.
"""

import http.client
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import ports, processes
from deploy.local.errors import StackError
from deploy.local.folders import REPOSITORY, last_lines
from deploy.local.processes import Running
from deploy.local.waiting import until

NAMES = ("intake", "router", "sla_monitor", "notifier", "feedback")
READY_SECONDS = 60.0
_ONE_SHOT_SECONDS = 120.0
_ASK_SECONDS = 2.0
# The mailbox that customers write to and that intake reads.
MAILBOX = "support@aftercare.example"
# Whose mailbox it is, by the services' default, and so whose the directory is.
TENANT = "default"


def command(service: str) -> list[str]:
    """Return the arguments after `python` that start a service."""
    return ["-m", f"services.{service}"]


TOPICS_COMMAND = ["-m", "services", "topics", "apply"]
DIRECTORY_COMMAND = ["-m", "services", "directory", "load"]


@dataclass(frozen=True)
class Surroundings:
    """What all services of a stack share: where the servers are, the stack's secrets and its sizes.

    `secret` signs tokens and links; `extra` are further environment variables, by their whole names.
    """

    kafka_bootstrap: str
    redis_url: str
    smtp_port: int
    imap_port: int
    secret: str
    mailbox_password: str
    partitions: int
    replication: int
    log_level: str = "info"
    extra: Mapping[str, str] = field(default_factory=dict)

    def environment(self, *, http_port: int, instance: int, urls: Mapping[str, str]) -> dict[str, str]:
        """Return the settings of one process; `urls` are the services' base addresses by name."""
        own = {
            "KAFKA_BOOTSTRAP": self.kafka_bootstrap,
            "REDIS_URL": self.redis_url,
            "SECRET": self.secret,
            "HTTP_HOST": ports.HOST,
            "HTTP_PORT": str(http_port),
            "INSTANCE": str(instance),
            "PUBLIC_URL": urls.get("intake", ""),
            "SURVEY_URL": urls.get("feedback", ""),
            "SMTP_HOST": ports.HOST,
            "SMTP_PORT": str(self.smtp_port),
            "IMAP_HOST": ports.HOST,
            "IMAP_PORT": str(self.imap_port),
            "IMAP_USER": MAILBOX,
            "IMAP_PASSWORD": self.mailbox_password,
            "MAIL_FROM": MAILBOX,
            "PARTITIONS": str(self.partitions),
            "REPLICATION": str(self.replication),
            "LOG_LEVEL": self.log_level,
        }
        return {f"AFTERCARE_{name}": value for name, value in own.items()} | dict(self.extra)


def _process_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return `settings` on top of our own environment, freed of whatever AFTERCARE_ settings stand there."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AFTERCARE_")}
    # Output goes to a file: unbuffered, so that the log of a killed process is whole.
    return inherited | {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"} | dict(settings)


def run_once(arguments: Sequence[str], settings: Mapping[str, str], *, log: Path) -> None:
    """Run a command of the product to its end, its output appended to `log`.

    Raises:
        StackError: it failed or took too long; the message ends with the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    said = " ".join(arguments)
    with log.open("ab") as output:
        try:
            subprocess.run(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_process_environment(settings),
                cwd=REPOSITORY,
                timeout=_ONE_SHOT_SECONDS,
                check=True,
            )
        except subprocess.SubprocessError as error:
            raise StackError(f"python {said} failed: {error}\n{last_lines(log)}") from error


class Service:
    """One instance of one service. `tied` and `started` mean what they mean for `kafka.Kafka`."""

    def __init__(
        self,
        service: str,
        *,
        instance: int,
        port: int,
        log: Path,
        tied: bool = True,
        started: Callable[[Running], None] = lambda _: None,
    ) -> None:
        self.service = service
        self.instance = instance
        self.port = port
        self.log = log
        self._tied = tied
        self._started = started
        self.running: Running | None = None

    @property
    def name(self) -> str:
        """Return the service's name, with the instance's number behind it from the second one on."""
        return self.service if self.instance == 0 else f"{self.service}-{self.instance}"

    @property
    def url(self) -> str:
        """Return the base address of its HTTP side."""
        return f"http://{ports.HOST}:{self.port}"

    def start(self, settings: Mapping[str, str]) -> None:
        """Start the process without waiting for it; raises StackError when it runs already or ends at once."""
        if self.running is not None and self.running.is_alive():
            raise StackError(f"{self.name} is running")
        self.running = processes.start(
            self.name,
            [sys.executable, *command(self.service)],
            log=self.log,
            environment=_process_environment(settings),
            tied=self._tied,
        )
        self._started(self.running)

    def stop(self) -> None:
        """End the process in order (SIGTERM); raises StackError when it can't be ended."""
        if self.running is not None:
            processes.stop([self.running])

    def kill(self) -> None:
        """End the process with SIGKILL; raises StackError when it can't be ended."""
        if self.running is not None:
            processes.kill([self.running])

    def is_ready(self) -> bool:
        """Tell whether GET /readyz answers 200 now."""
        # Not urllib: it would ask a proxy of the environment for our own loopback address.
        connection = http.client.HTTPConnection(ports.HOST, self.port, timeout=_ASK_SECONDS)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def wait_ready(services: Sequence[Service], seconds: float = READY_SECONDS) -> None:
    """Wait until all these services are ready.

    Raises:
        StackError: one ended or was not ready in time; the message ends with its log.
    """
    waiting = list(services)

    def all_ready() -> bool:
        for service in tuple(waiting):
            if service.running is None or not service.running.is_alive():
                raise StackError(f"{service.name} ended while it was starting")
            if service.is_ready():
                waiting.remove(service)
        return not waiting

    try:
        until(all_ready, seconds, "the services to be ready", poll_seconds=0.2)
    except StackError as error:
        names = ", ".join(service.name for service in waiting)
        logs = "\n".join(last_lines(service.log) for service in waiting)
        raise StackError(f"{error}; not ready: {names}\n{logs}") from error
