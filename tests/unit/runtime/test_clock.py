"""Clocks that run and clocks that are moved by hand."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services._runtime.clock import ManualClock, SystemClock

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def test_a_manual_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(START)
    assert (clock.now(), clock.now()) == (START, START)


def test_both_readings_of_a_manual_clock_move_together() -> None:
    clock = ManualClock(START)
    clock.advance(timedelta(seconds=90))
    assert (clock.now() - START, clock.monotonic_seconds()) == (timedelta(seconds=90), 90.0)


def test_a_manual_clock_answers_in_utc_wherever_it_was_started() -> None:
    clock = ManualClock(START.astimezone(timezone(timedelta(hours=8))))
    assert clock.now().tzinfo is UTC


def test_a_manual_clock_does_not_go_backwards() -> None:
    clock = ManualClock(START)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance_to(START - timedelta(seconds=1))


def test_a_clock_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        ManualClock(START.replace(tzinfo=None))


def test_the_system_clock_is_aware_and_never_goes_backwards() -> None:
    clock = SystemClock()
    earlier = clock.monotonic_seconds()
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.monotonic_seconds() >= earlier
