"""Instants as microseconds and as `datetime`, there and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sla_monitor.domain.instants import EPOCH, from_datetime, from_text, to_datetime, to_text

MICROSECOND: Final = timedelta(microseconds=1)
QUICK_UNTIL_US: Final = 1 << 52


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_comes_back_to_the_microsecond_in_any_year(moment: datetime) -> None:
    at_us = from_datetime(moment)
    assert (to_datetime(at_us), to_datetime(at_us).tzinfo) == (moment, UTC)
    assert from_text(to_text(at_us)) == at_us


@given(st.integers(0, QUICK_UNTIL_US + 1_000_000))
def test_the_quick_way_gives_what_adding_to_the_epoch_gives(at_us: int) -> None:
    assert to_datetime(at_us) == EPOCH + at_us * MICROSECOND


@pytest.mark.parametrize("at_us", [-1, 0, 1, QUICK_UNTIL_US - 1, QUICK_UNTIL_US, QUICK_UNTIL_US + 1])
def test_no_microsecond_is_lost_where_the_ways_meet(at_us: int) -> None:
    assert to_datetime(at_us) == EPOCH + at_us * MICROSECOND
