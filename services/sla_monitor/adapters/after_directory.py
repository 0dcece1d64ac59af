"""Keeps the processor waiting until the directory has been read: clocks must not start under the wrong terms."""

from __future__ import annotations

import threading
from typing import Final

from services._runtime.directory import Directory
from services._runtime.hosting import ProcessorLike

POLL_SECONDS: Final = 0.05


class AfterDirectory:
    """A processor for hosting that starts once `directory` is caught up. `stop` and `join` work before that too."""

    def __init__(self, processor: ProcessorLike, directory: Directory) -> None:
        self.name = processor.name
        self._processor = processor
        self._directory = directory
        self._stop = threading.Event()
        self._waiter = threading.Thread(target=self._wait, name=f"{processor.name} waits", daemon=True)

    def start(self) -> None:
        """Start waiting; comes back at once."""
        self._waiter.start()

    def request_stop(self) -> None:
        """Ask the processor to stop, or not to start at all."""
        self._stop.set()
        self._processor.request_stop()

    def join(self, timeout_seconds: float) -> bool:
        """Wait for its end; tell whether it came."""
        if self._waiter.ident is not None:
            self._waiter.join(timeout_seconds)
        return not self._waiter.is_alive() and self._processor.join(timeout_seconds)

    @property
    def live(self) -> bool:
        """Whether the processor lives, or is still waited for: a missing broker is no reason to restart."""
        return self._waiter.is_alive() or self._processor.live

    @property
    def ready(self) -> bool:
        """Whether the processor is ready."""
        return self._processor.ready

    @property
    def status(self) -> str:
        """One line for people."""
        return "waits for the directory" if self._waiter.is_alive() else self._processor.status

    def _wait(self) -> None:
        while not self._directory.caught_up:
            if self._stop.wait(POLL_SECONDS):
                return
        if not self._stop.is_set():
            self._processor.start()
