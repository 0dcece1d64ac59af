"""The only place that reads clocks. Everything else takes `now` as an argument or a `Clock` from its caller."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What time it is, for those who act. Decisions get `now` as a value instead."""

    def now(self) -> datetime:
        """Wall-clock time, aware, in UTC."""
        ...

    def monotonic_seconds(self) -> float:
        """Seconds that never go backwards; only differences mean something."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """See `Clock`."""
        return datetime.now(tz=UTC)

    def monotonic_seconds(self) -> float:
        """See `Clock`."""
        return time.monotonic()


class ManualClock:
    """A clock that moves only by hand; both readings move together.

    Raises:
        ValueError: on a naive start, a naive target or a step backwards.
    """

    def __init__(self, start: datetime) -> None:
        self._now = _in_utc(start)
        self._monotonic_seconds = 0.0

    def now(self) -> datetime:
        """See `Clock`."""
        return self._now

    def monotonic_seconds(self) -> float:
        """See `Clock`."""
        return self._monotonic_seconds

    def advance(self, step: timedelta) -> datetime:
        """Move on by `step` and return the new time."""
        if step < timedelta(0):
            raise ValueError(f"a clock does not go backwards: {step}")
        self._now += step
        self._monotonic_seconds += step.total_seconds()
        return self._now

    def advance_to(self, moment: datetime) -> datetime:
        """Move on to `moment`, which is aware and not in the past."""
        return self.advance(_in_utc(moment) - self._now)


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"times carry their zone: {moment!r}")
    return moment.astimezone(UTC)
