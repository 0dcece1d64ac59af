"""Instants and spans as whole microseconds, so that clocks are exact and cheap to compare.

An instant is microseconds since 1970-01-01T00:00:00Z, a span is microseconds; both are plain `int` and end in `_us`.
Outside the domain they are `datetime` (aware) and seconds; this module is the only place that converts.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec

SECOND_US: Final = 1_000_000
HOUR_US: Final = 3_600 * SECOND_US
DAY_US: Final = 24 * HOUR_US
TICK_US: Final = 1
"""The least time after an instant: at `due_at` a target still runs, a tick later it is breached."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_Aware = Annotated[datetime, msgspec.Meta(tz=True)]
_written: Final = msgspec.to_builtins
_MICROSECOND: Final = timedelta(microseconds=1)
_PLAIN_US: Final = 1 << 52
"""Up to here (the year 2112) seconds as a float are exact to the microsecond, and twice as quick as a `timedelta`."""
_of_seconds: Final = datetime.fromtimestamp


class InvalidInstant(ValueError):  # noqa: N818 - says what the text is
    """A text or value that is no instant; the message says why."""


def from_datetime(moment: datetime) -> int:
    """Microseconds since the epoch of an aware `moment`; InvalidInstant for a naive one."""
    if moment.tzinfo is None:
        raise InvalidInstant(f"an instant carries its offset from UTC: {moment.isoformat()}")
    return (moment - EPOCH) // _MICROSECOND


def to_datetime(at_us: int) -> datetime:
    """The instant as an aware `datetime` in UTC."""
    if 0 <= at_us < _PLAIN_US:
        return _of_seconds(at_us / SECOND_US, UTC)
    return EPOCH + timedelta(microseconds=at_us)


def from_text(text: object) -> int:
    """Microseconds since the epoch of an RFC 3339 text, such as `2026-01-09T09:50:00Z`.

    Raises:
        InvalidInstant: no text, not a date with a time, without an offset, or outside the years 1 to 9999.
    """
    try:
        return from_datetime(msgspec.convert(text, _Aware))
    except msgspec.ValidationError as error:
        raise InvalidInstant(f"{text!r} is no instant: {error}") from None


def to_text(at_us: int) -> str:
    """RFC 3339 in UTC with `Z`, with microseconds only where there are any."""
    text: str = _written(to_datetime(at_us))
    return text


def from_seconds(seconds: float) -> int:
    """The span nearest to `seconds`; ValueError for what is not finite."""
    if not math.isfinite(seconds):
        raise ValueError(f"not a finite number of seconds: {seconds}")
    return round(seconds * SECOND_US)


def to_seconds(span_us: int) -> float:
    """The span in seconds, exact to the microsecond."""
    return span_us / SECOND_US
