"""When breaches are a surge, what rules may say, and how windows slide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services._runtime.clock import ManualClock
from services._runtime.metrics import REGISTRY
from services.sla_monitor.adapters.counting import LEVELS_MAX, SurgeCounter, TargetCounter
from services.sla_monitor.domain.forms import InvalidPolicy, Place
from services.sla_monitor.domain.instants import SECOND_US
from services.sla_monitor.domain.surge import (
    BUCKETS,
    TICKETS_MAX,
    LevelWatch,
    SurgeRule,
    begins,
    counted,
    is_over,
    levels_of,
    next_slide_us,
    parse_surges,
    rule_for,
    slid,
)
from services.sla_monitor.domain.window import Window
from services.sla_monitor.handlers import SurgeSeen, TargetMoved

MINUTE_US = 60 * SECOND_US
RULE = SurgeRule(window_us=15 * MINUTE_US, breaches=10)
BURNING = SurgeRule(window_us=15 * MINUTE_US, breaches=1_000, objective=0.9, burn_rate=5.0, verdicts_min=10)
NOW = datetime(2026, 1, 7, 8, tzinfo=UTC)


def with_verdicts(rule: SurgeRule, breached: int, met: int = 0, at_us: int = 0) -> LevelWatch:
    return counted(LevelWatch(), rule, breached, met, (), at_us)


def test_a_surge_begins_at_the_threshold_and_ends_below_half_of_it() -> None:
    begun = [begins(levels_of(with_verdicts(RULE, number), RULE), RULE) for number in (9, 10, 1_000)]
    assert begun == [False, True, True]
    over = [is_over(levels_of(with_verdicts(RULE, number), RULE), RULE) for number in (10, 5, 4)]
    assert over == [False, False, True]


def test_a_burn_rate_is_the_share_breached_by_the_share_that_may_be_and_needs_enough_verdicts() -> None:
    levels = levels_of(with_verdicts(BURNING, 5, 5), BURNING)
    assert levels.burn_rate == pytest.approx(5.0)
    assert begins(levels, BURNING)
    assert not begins(levels_of(with_verdicts(BURNING, 9), BURNING), BURNING)
    assert not begins(levels_of(with_verdicts(BURNING, 10, 11), BURNING), BURNING)
    assert not is_over(levels_of(with_verdicts(BURNING, 3, 9), BURNING), BURNING)
    assert is_over(levels_of(with_verdicts(BURNING, 2, 9), BURNING), BURNING)
    assert levels_of(LevelWatch(), BURNING).burn_rate == 0.0


@settings(max_examples=200, deadline=None, database=None)
@given(st.lists(st.tuples(st.integers(0, 120), st.integers(-3, 9), st.integers(0, 9)), max_size=80))
def test_a_window_holds_what_was_counted_lately_to_within_a_bucket_and_is_bounded(
    steps: list[tuple[int, int, int]],
) -> None:
    watch, now_us = LevelWatch(), 0
    all_counts: list[tuple[int, int, int]] = []
    bucket_us = RULE.window_us // BUCKETS
    for seconds, breached, met in steps:
        now_us += seconds * SECOND_US
        watch = counted(watch, RULE, breached, met, (f"T-{len(all_counts)}",), now_us)
        all_counts.append((now_us - now_us % bucket_us, breached, met))
        within = [each for each in all_counts if each[0] > now_us - RULE.window_us]
        assert sum(bucket.met for bucket in watch.buckets) == sum(each[2] for each in within)
        assert levels_of(watch, RULE).breached == max(0, sum(each[1] for each in within))
        assert len(watch.buckets) <= BUCKETS + 1
        assert len(watch.tickets) <= TICKETS_MAX
    for _ in range(BUCKETS + 2):
        slide_us = next_slide_us(watch, RULE)
        if slide_us is None:
            break
        assert slide_us > now_us
        now_us = slide_us
        watch = slid(watch, RULE, now_us)
    assert watch == LevelWatch()


def test_the_first_rule_that_holds_is_the_one() -> None:
    rules = parse_surges(
        [
            {"when": {"pool": "north", "priority": ["P0"]}, "window_seconds": 60, "breaches": 2},
            {"window_seconds": 900, "breaches": 20, "objective": 0.95, "burn_rate": 10},
        ],
        Place("surges"),
    )
    found = [rule_for(rules, pool, "P0") for pool in ("north", "south")]
    assert [rule.breaches if rule else None for rule in found] == [2, 20]
    assert rule_for(rules[:1], "north", "P1") is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("north", "expected a list"),
        ([{"window_seconds": 900}], "surge rule 1: breaches is missing"),
        ([{"window_seconds": 59, "breaches": 2}], "surge rule 1: window_seconds: expected 60 seconds to a day"),
        ([{"window_seconds": 900, "breaches": 1}], "surge rule 1: breaches: expected a whole number from 2"),
        ([{"window_seconds": 900, "breaches": 2, "objective": 0.9}], "objective and burn_rate go together"),
        ([{"window_seconds": 900, "breaches": 2, "objective": 1, "burn_rate": 2}], "objective: expected a number"),
        ([{"window_seconds": 900, "breaches": 2, "objective": 0.9, "burn_rate": 0}], "burn_rate: expected a number"),
        ([{"window_seconds": 900, "breaches": 2, "verdicts_min": 0}], "verdicts_min: expected a whole number"),
        ([{"window_seconds": 900, "breaches": 2, "when": {"tier": "vip"}}], "tier is neither"),
        ([{"window_seconds": 900, "breaches": 2, "surprise": 1}], "unknown field surprise"),
    ],
)
def test_rules_that_cannot_be_used_are_refused_with_the_place(data: Any, reason: str) -> None:
    with pytest.raises(InvalidPolicy) as refused:
        parse_surges(data, Place("surges"))
    assert reason in str(refused.value)


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_sum_forgets_what_slid_out_of_it() -> None:
    window = Window(30 * SECOND_US)
    for second in range(60):
        window.add(1, second * SECOND_US)
    assert window.total(59 * SECOND_US) == 30
    assert window.total(74 * SECOND_US) == 15
    assert window.total(200 * SECOND_US) == 0


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"aftercare_{name}", labels)


def test_metrics_show_the_window_by_pool_and_level() -> None:
    clock = ManualClock(NOW)
    count = TargetCounter(clock, RULE.window_us)
    count([TargetMoved("resolution", "breached", "T1", "north", 1.5, NOW)] * 40)
    count([TargetMoved("resolution", "met", "T1", "north", 0.5, NOW)] * 40)
    # A stop under a verdict that was told is no further verdict.
    count([TargetMoved("resolution", "completed", "T1", "north", 2.5, NOW)] * 40)
    assert sample("sla_window_targets", pool="north", level="T1", what="breached") == 40
    assert sample("sla_window_burn_ratio", pool="north", level="T1") == pytest.approx(1.0)
    clock.advance(timedelta(minutes=20))
    assert sample("sla_window_targets", pool="north", level="T1", what="breached") == 0
    assert sample("sla_window_burn_ratio", pool="north", level="T1") == 0


def test_a_flood_of_level_names_is_no_flood_of_series() -> None:
    count = TargetCounter(ManualClock(NOW), RULE.window_us)
    count([TargetMoved("resolution", "met", f"U{number}", "north", 0.5, NOW) for number in range(3 * LEVELS_MAX)])
    assert sample("sla_window_targets", pool="north", level=f"U{LEVELS_MAX}", what="met") is None
    assert sample("sla_window_targets", pool="north", level="other", what="met") == 2 * LEVELS_MAX


def test_pools_in_a_surge_are_counted_once_and_those_that_went_elsewhere_are_forgotten() -> None:
    clock = ManualClock(NOW)
    count = SurgeCounter(clock)
    began = SurgeSeen("acme:north", "T7", surge=True, began=True, until=NOW + timedelta(minutes=1))
    on = msgspec.structs.replace(began, began=False)
    count([began, on, on, msgspec.structs.replace(began, key="acme:south")])
    assert sample("sla_surges_total", level="T7") == 2
    assert sample("sla_pools_in_surge", level="T7") == 2
    count([SurgeSeen("acme:north", "T7", surge=False, began=False, until=NOW)])
    assert sample("sla_pools_in_surge", level="T7") == 1
    clock.advance(timedelta(minutes=3))
    assert sample("sla_pools_in_surge", level="T7") == 0
