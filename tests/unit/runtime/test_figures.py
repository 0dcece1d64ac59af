"""Gauges of what is held show it after a rebalance and after a restart, and nothing that has gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge

from services._runtime.engine.codec import Entry
from services._runtime.engine.state import DueTimer, PartitionState
from services._runtime.engine.topology import Timer
from services._runtime.figures import OTHER, Bounded, Figure, Shown
from services._runtime.metrics import REGISTRY
from services._runtime.processor.measure import OVERDUE, Meter
from tests.topology.counting import Counting

NOW = datetime(2026, 1, 7, 8, 0, tzinfo=UTC)


@pytest.fixture
def gauge() -> Gauge:
    return Gauge("figure", "Something.", ["level"], registry=CollectorRegistry())


def values(gauge: Gauge) -> dict[str, float]:
    (metric,) = gauge.collect()
    return {sample.labels["level"]: sample.value for sample in metric.samples}


def test_parts_of_one_figure_are_added_up(gauge: Gauge) -> None:
    Shown().show([Figure(gauge, ("P0",), 2), Figure(gauge, ("P1",), 1), Figure(gauge, ("P0",), 3)])
    assert values(gauge) == {"P0": 5, "P1": 1}


def test_of_instants_the_earliest_is_shown(gauge: Gauge) -> None:
    Shown().show([Figure(gauge, ("P0",), each, earliest=True) for each in (30.0, 10.0, 20.0)])
    assert values(gauge) == {"P0": 10}


def test_what_is_no_longer_there_leaves_the_gauge(gauge: Gauge) -> None:
    shown = Shown()
    shown.show([Figure(gauge, ("P0",), 2), Figure(gauge, ("P1",), 1)])
    shown.show([Figure(gauge, ("P1",), 4)])
    assert values(gauge) == {"P1": 4}
    shown.show([])
    assert values(gauge) == {}


def test_owners_do_not_take_away_what_another_shows(gauge: Gauge) -> None:
    one, other = Shown(), Shown()
    one.show([Figure(gauge, ("P0",), 2)])
    other.show([Figure(gauge, ("P1",), 1)])
    one.show([])
    assert values(gauge) == {"P1": 1}


def test_a_flood_of_names_does_not_become_a_flood_of_series() -> None:
    label = Bounded(2)
    assert [label(each) for each in ("P0", "P1", "P9", "P0", "P10")] == ["P0", "P1", OTHER, "P0", OTHER]


# ---------------------------------------------------------------- timers and partitions


class Held:
    """An index with one figure."""

    def __init__(self, gauge: Gauge, count: int) -> None:
        self.gauge = gauge
        self.count = count

    def replace(self, key: str, old: Any, new: Any) -> None:
        """Not asked here."""

    def figures(self) -> list[Figure]:
        return [Figure(self.gauge, ("P0",), self.count)]


class Nothing(msgspec.Struct, frozen=True, array_like=True):
    """A state."""


def partition(number: int, dues: list[int]) -> PartitionState[Any]:
    """A partition with a timer so many seconds after now for each of `dues`."""
    state: PartitionState[Any] = PartitionState(number, Counting().topology())
    for at, seconds in enumerate(dues):
        timer = Timer("remind", NOW + timedelta(seconds=seconds), at)
        state.put(f"T-{at}", Entry(1, (timer,), Nothing()))
    return state


@given(dues=st.lists(st.integers(-100, 100), max_size=60), stale=st.sets(st.integers(0, 59)))
@settings(max_examples=80, deadline=None)
def test_timers_due_are_counted_without_going_through_all_and_without_stale_ones(
    dues: list[int], stale: set[int]
) -> None:
    state = partition(0, dues)
    for at in stale:
        if at < len(dues):
            state.put(f"T-{at}", Entry(1, (Timer("remind", NOW + timedelta(days=1), 99),), Nothing()))
    expected = sum(seconds <= 0 for at, seconds in enumerate(dues) if at not in stale)
    assert state.timers_due_by(NOW, 10_000) == expected
    assert state.timers_due_by(NOW, 0) == 0


def test_counting_timers_looks_at_no_more_than_it_may() -> None:
    state = partition(0, [-5] * 50)
    assert state.timers_due_by(NOW, 20) == 20
    assert len(state.heap) == 50


def meter_on(name: str) -> Meter:
    return Meter(replace(Counting().topology(), name=name))


def of(name: str, metric: str) -> float | None:
    return REGISTRY.get_sample_value(f"aftercare_{metric}", {"processor": name})


def test_a_meter_shows_overdue_timers_and_when_the_next_one_is_due() -> None:
    meter = meter_on("figures.one")
    late = -int(OVERDUE.total_seconds()) - 1
    meter.figures([partition(0, [late, -1, 50]), partition(1, [late, 90])], NOW)
    assert of("figures.one", "processor_timers_overdue") == 2
    assert of("figures.one", "processor_next_timer_timestamp_seconds") == NOW.timestamp() + late
    meter.figures([partition(0, [])], NOW)
    assert of("figures.one", "processor_timers_overdue") == 0
    assert of("figures.one", "processor_next_timer_timestamp_seconds") is None


def test_what_was_said_of_partitions_goes_with_them_and_comes_with_them_elsewhere(gauge: Gauge) -> None:
    here, there = meter_on("figures.here"), meter_on("figures.there")
    partitions = [partition(0, [-60]), partition(1, [-60])]
    for number, state in enumerate(partitions):
        state.index = Held(gauge, number + 1)
    here.figures(partitions, NOW)
    assert values(gauge) == {"P0": 3}
    here.revoked(())
    assert values(gauge) == {}
    assert of("figures.here", "processor_timers_overdue") is None
    there.figures(partitions[1:], NOW)
    assert values(gauge) == {"P0": 2}
    there.revoked(())


def test_a_dead_letter_has_a_series_before_there_is_one() -> None:
    meter_on("figures.new")
    labels = {"processor": "figures.new", "reason": "undecidable"}
    assert REGISTRY.get_sample_value("aftercare_processor_dead_letters_total", labels) == 0


def test_a_timer_that_is_set_twice_counts_as_often_as_it_is_there() -> None:
    state = partition(0, [-5])
    state.push_back([DueTimer(NOW, "gone", Timer("remind", NOW, 1))])
    assert state.timers_due_by(NOW, 10) == 1
