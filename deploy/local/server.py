"""What Redis, the mail server, Prometheus and Alertmanager have in common: one process with a folder and a log."""

from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.local import processes
from deploy.local.errors import StackError
from deploy.local.folders import last_lines
from deploy.local.processes import Running
from deploy.local.waiting import until


class Server:
    """One server process. `name` names its process and its log; `tied` and `started` mean what they mean for Kafka."""

    def __init__(self, name: str, folder: Path, *, tied: bool, started: Callable[[Running], None]) -> None:
        self._name = name
        self._folder = folder
        self._tied = tied
        self._started = started
        self.running: Running | None = None

    @property
    def log(self) -> Path:
        """Return the file that it logs to."""
        return self._folder / f"{self._name}.log"

    def stop(self) -> None:
        """Stop it; what it holds is gone. Raises StackError when it can't be ended."""
        if self.running is not None:
            processes.stop([self.running])

    def _launch(self, command: Sequence[str]) -> None:
        self.running = processes.start(
            self._name, command, log=self.log, environment={"PATH": "/usr/bin:/bin"}, tied=self._tied
        )
        self._started(self.running)

    def _wait_until(self, answered: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until it answers; raises StackError with the log's end when it does not, or has ended."""

        def holds() -> bool:
            if self.running is None or not self.running.is_alive():
                raise StackError(f"{self._name} ended while it was starting")
            return answered()

        try:
            until(holds, seconds, what)
        except StackError as error:
            raise StackError(f"{error}\n{last_lines(self.log)}") from error
