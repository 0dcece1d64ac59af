"""How batches are sized."""

from __future__ import annotations

from services._runtime.processor.pace import BATCH_SECONDS, RECORDS_FIRST, RECORDS_MAX, RECORDS_MIN, Pace


def test_quick_full_batches_grow_to_the_most() -> None:
    pace = Pace()
    for _ in range(20):
        pace.took(pace.records_max, BATCH_SECONDS / 10)
    assert pace.records_max == RECORDS_MAX


def test_slow_full_batches_shrink_to_what_fits() -> None:
    pace = Pace()
    pace.took(RECORDS_FIRST, 4 * BATCH_SECONDS)
    assert pace.records_max == RECORDS_FIRST // 4
    for _ in range(20):
        pace.took(pace.records_max, 100 * BATCH_SECONDS)
    assert pace.records_max == RECORDS_MIN


def test_a_batch_that_was_not_full_says_nothing() -> None:
    pace = Pace()
    pace.took(1, 10 * BATCH_SECONDS)
    assert pace.records_max == RECORDS_FIRST
