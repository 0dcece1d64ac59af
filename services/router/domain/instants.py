"""Points in time as whole microseconds since 1970, which compare and subtract faster than datetimes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

MICROSECONDS: Final = 1_000_000
"""Of a second."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds_of(instant: datetime) -> int:
    """The instant as microseconds."""
    return (instant - _EPOCH) // _MICROSECOND


def datetime_of(microseconds: int) -> datetime:
    """The instant in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)
