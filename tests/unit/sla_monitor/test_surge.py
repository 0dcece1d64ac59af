"""A surge of breaches is one alarm, and windows slide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import structlog

from services._runtime.clock import ManualClock
from services._runtime.metrics import REGISTRY
from services.sla_monitor.adapters.counting import LEVELS_MAX, TargetCounter
from services.sla_monitor.domain.instants import SECOND_US
from services.sla_monitor.domain.surge import POOLS_MAX, SurgeSettings, SurgeWatch, Window
from services.sla_monitor.handlers import TargetMoved

MINUTE_US = 60 * SECOND_US
SETTINGS = SurgeSettings(window_us=15 * MINUTE_US, threshold=10)
NOW = datetime(2026, 1, 7, 8, tzinfo=UTC)


def test_a_thousand_breaches_of_a_pool_raise_one_alarm() -> None:
    watch = SurgeWatch(SETTINGS)
    alarms = [watch.breached("north", number * SECOND_US // 10) for number in range(1_000)]
    raised = [alarm for alarm in alarms if alarm is not None]
    assert [(alarm.pool, alarm.breaches) for alarm in raised] == [("north", 10)]
    assert watch.pools_in_surge(100 * SECOND_US) == 1


def test_breaches_that_trickle_are_no_surge_and_pools_are_counted_apart() -> None:
    watch = SurgeWatch(SETTINGS)
    assert all(watch.breached("north", number * 2 * MINUTE_US) is None for number in range(100))
    assert all(watch.breached(f"pool-{number}", 200 * MINUTE_US) is None for number in range(100))


def test_a_surge_is_over_below_half_the_threshold_and_the_next_one_is_another_alarm() -> None:
    watch = SurgeWatch(SETTINGS)
    first = [watch.breached("north", 0) for _ in range(12)]
    assert watch.pools_in_surge(14 * MINUTE_US) == 1
    assert watch.pools_in_surge(16 * MINUTE_US) == 0
    second = [watch.breached("north", 20 * MINUTE_US) for _ in range(12)]
    assert [sum(alarm is not None for alarm in alarms) for alarms in (first, second)] == [1, 1]


def test_only_so_many_pools_are_watched() -> None:
    watch = SurgeWatch(SETTINGS)
    for _ in range(10):
        watch.breached("first", 0)
    for number in range(POOLS_MAX):
        watch.breached(f"pool-{number}", 1)
    assert watch.pools_in_surge(2) == 0


def test_a_window_forgets_what_slid_out_of_it() -> None:
    window = Window(30 * SECOND_US)
    for second in range(60):
        window.add(1, second * SECOND_US)
    assert window.total(59 * SECOND_US) == 30
    assert window.total(74 * SECOND_US) == 15
    assert window.total(200 * SECOND_US) == 0


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"aftercare_{name}", labels)


def test_metrics_show_the_window_by_level_and_one_alarm_names_the_pool_in_the_log() -> None:
    clock = ManualClock(NOW)
    count = TargetCounter(clock, SETTINGS)
    surges = sample("sla_surges_total") or 0.0
    with structlog.testing.capture_logs() as lines:
        count([TargetMoved("resolution", "breached", "T1", "north", 1.5, NOW)] * 40)
        count([TargetMoved("resolution", "met", "T1", "north", 0.5, NOW)] * 40)
    assert [(line["event"], line["pool"]) for line in lines] == [("breaches_surge", "north")]
    assert sample("sla_surges_total") == surges + 1
    assert sample("sla_window_targets", level="T1", what="breached") == 40
    assert sample("sla_window_burn_ratio", level="T1") == pytest.approx(1.0)
    assert sample("sla_pools_in_surge") == 1
    clock.advance(timedelta(minutes=20))
    assert sample("sla_window_targets", level="T1", what="breached") == 0
    assert sample("sla_window_burn_ratio", level="T1") == 0
    assert sample("sla_pools_in_surge") == 0


def test_a_flood_of_level_names_is_no_flood_of_series() -> None:
    count = TargetCounter(ManualClock(NOW), SETTINGS)
    count([TargetMoved("resolution", "met", f"U{number}", "north", 0.5, NOW) for number in range(3 * LEVELS_MAX)])
    assert sample("sla_window_targets", level=f"U{LEVELS_MAX}", what="met") is None
    assert sample("sla_window_targets", level="other", what="met") == 2 * LEVELS_MAX
