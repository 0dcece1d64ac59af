"""The wall clock of one worker is an hour off."""

from __future__ import annotations

from typing import ClassVar

from tests.chaos.bed import Bed
from tests.chaos.fault import Fault

HOUR_SECONDS = 3_600.0


class _WrongClock(Fault):
    """One worker is replaced by one with a wrong clock, and later by a right one again."""

    hold_seconds: ClassVar[float] = 6.0
    combines: ClassVar[bool] = False
    offset_seconds: ClassVar[float]

    def inject(self, bed: Bed) -> None:
        self._instance = self.some_worker(bed)
        # A timer goes by the clock of the process that fires it.
        bed.skew_ms = max(0.0, self.offset_seconds * 1_000)
        bed.stop_worker(self._instance)
        bed.start_worker(self._instance, clock_offset_seconds=self.offset_seconds)
        bed.wait_running()

    def heal(self, bed: Bed) -> None:
        bed.stop_worker(self._instance)
        bed.start_worker(self._instance)


class ClockAhead(_WrongClock):
    """An hour ahead: its timers fire early by everybody else's clock, once each, and nothing else may suffer."""

    name = "clock_one_hour_ahead"
    offset_seconds = HOUR_SECONDS


class ClockBehind(_WrongClock):
    """An hour behind: its timers wait, and fire once each when a right clock takes over."""

    name = "clock_one_hour_behind"
    offset_seconds = -HOUR_SECONDS
