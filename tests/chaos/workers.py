"""Worker processes of a small topology, as a test sees them: what they said, and signals to send them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
STOP_SECONDS: Final = 10.0


class Worker:
    """A worker process. `log` is what it said so far; its own log lines go to `errors`, nowhere if None."""

    def __init__(
        self,
        topology: str,
        bootstrap: str,
        instance: str,
        prefix: str,
        remind_seconds: float,
        *,
        clock_offset_seconds: float = 0.0,
        errors: Path | None = None,
    ) -> None:
        self.instance = instance
        self.log: list[dict[str, Any]] = []
        command = [sys.executable, "-m", "tests.chaos.worker", topology, bootstrap, instance, prefix]
        numbers = [str(remind_seconds), str(clock_offset_seconds)]
        with (errors or Path(os.devnull)).open("ab") as output:
            self.process = subprocess.Popen(
                [*command, *numbers], cwd=ROOT, stdout=subprocess.PIPE, stderr=output, text=True
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(json.loads(line))

    @property
    def ready(self) -> bool:
        return bool(self.log) and bool(self.log[-1]["ready"])

    @property
    def partitions(self) -> list[int]:
        """Which partitions it runs."""
        return list(self.log[-1]["partitions"]) if self.alive and self.ready else []

    @property
    def restored(self) -> int:
        """How many changelog records it has read."""
        return int(self.log[-1]["restored"]) if self.log else 0

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended, negative for a signal; None while it lives."""
        return self.process.poll()

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """End it with SIGKILL, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self.process.wait(STOP_SECONDS)

    def end(self) -> None:
        """End it, in order where it can."""
        with self.process:
            if self.alive:
                self.signal(signal.SIGCONT)
                self.process.terminate()
                try:
                    self.process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    self.process.kill()
        self._listener.join(STOP_SECONDS)
