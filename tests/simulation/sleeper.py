"""Lets a piece of code stand still in the middle, as SIGSTOP does, while the world goes on.

It runs in a thread of its own that takes turns with its caller: never do both run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Sleeper:
    """A call that may stand still. `go` starts it or lets it go on, and returns when it stands still or has ended."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._go = threading.Semaphore(0)
        self._stands = threading.Semaphore(0)
        self._failure: BaseException | None = None
        self.ended = False
        self._thread = threading.Thread(target=self._run, name="sleeper", daemon=True)
        self._thread.start()

    def go(self) -> None:
        """Hand over to the call until it stands still or ends.

        Raises:
            BaseException: what the call raised.
        """
        self._go.release()
        self._stands.acquire()
        if self.ended:
            self._thread.join()
        if self._failure is not None:
            raise self._failure

    def stand_still(self) -> None:
        """From within the call: hand back until the next `go`."""
        self._stands.release()
        self._go.acquire()

    def _run(self) -> None:
        self._go.acquire()
        try:
            self._call()
        except BaseException as error:  # noqa: BLE001 - raised again where the call was started
            self._failure = error
        self.ended = True
        self._stands.release()
