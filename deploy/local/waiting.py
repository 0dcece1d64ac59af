"""Bounded waits: the only module of the launcher that reads the clock."""

import time
from collections.abc import Callable

from deploy.local.errors import NotReadyError

POLL_SECONDS = 0.05


class Countdown:
    """Time left of a wait, in seconds."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds

    def left_seconds(self) -> float:
        """Return the seconds left, never below zero."""
        return max(0.0, self._ends_at - time.monotonic())

    def is_over(self) -> bool:
        """Tell whether no time is left."""
        return self.left_seconds() == 0.0


class Stopwatch:
    """Time since it was made, in seconds."""

    def __init__(self) -> None:
        self._started_at = time.monotonic()

    def seconds(self) -> float:
        """Return the seconds since this stopwatch was made."""
        return time.monotonic() - self._started_at


def holds_within(condition: Callable[[], bool], seconds: float, *, poll_seconds: float = POLL_SECONDS) -> bool:
    """Poll `condition` for at most `seconds`; tell whether it came to hold. It is asked at least once."""
    countdown = Countdown(seconds)
    while True:
        if condition():
            return True
        if countdown.is_over():
            return False
        time.sleep(min(poll_seconds, countdown.left_seconds()))


def until(
    condition: Callable[[], bool], seconds: float, waited_for: str, *, poll_seconds: float = POLL_SECONDS
) -> None:
    """Poll `condition` until it holds.

    Raises:
        NotReadyError: it did not hold within `seconds`; the message says what was `waited_for`.
    """
    if not holds_within(condition, seconds, poll_seconds=poll_seconds):
        raise NotReadyError(f"waited {seconds:g} s in vain for {waited_for}")
