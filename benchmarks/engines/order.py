"""What an engine is told: which broker and topics, under which names. It comes as JSON in the first argument."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final, Self

THREAD: Final = "thread"
"""Begins a line of a process that says which of its threads, by the kernel's number, does which work."""


@dataclass(frozen=True)
class Order:
    """One run of an engine. All that it writes begins with `group`, its consumer group or application id.

    `folder` is for what it keeps on disk, `variant` what an engine with several forms is to be, `commit_seconds` its
    commit interval where it has one.
    """

    bootstrap: str
    commands: str
    group: str
    folder: str
    variant: str = ""
    instance: str = "0"
    commit_seconds: float = 0.1

    @property
    def events(self) -> str:
        """Return the topic of the outputs."""
        return f"{self.group}.events"

    @classmethod
    def from_argument(cls) -> Self:
        """Return the order that this process was started with."""
        return cls(**json.loads(sys.argv[1]))

    def as_argument(self) -> str:
        """Return the argument to start a process with."""
        return json.dumps(asdict(self))


def until_stopped(tell: Callable[[], str], every_seconds: float = 0.05) -> None:
    """Block until SIGTERM, printing what `tell` says whenever it is new, behind seconds of the monotonic clock."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    said = ""
    while not stop.wait(every_seconds):
        if (now := tell()) != said:
            said = now
            print(f"{time.monotonic():.3f} {said}", flush=True)
