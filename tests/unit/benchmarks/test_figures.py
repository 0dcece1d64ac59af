"""The arithmetic between what is counted and what is reported."""

from __future__ import annotations

import pytest

from benchmarks.engines.audit import Audit, Tally
from benchmarks.engines.progress import Sample, second_half, whole
from benchmarks.figures import percentile, ratio, ratio_range, spread
from benchmarks.sections.profile import shares
from benchmarks.work import KEYS, ticket_id


def test_a_percentile_is_the_smallest_value_that_the_share_does_not_exceed() -> None:
    values = [float(number) for number in range(1, 1_001)]

    assert [percentile(values, share) for share in (0.5, 0.99, 0.999, 1.0)] == [500, 990, 999, 1_000]
    assert percentile([7.0], 0.001) == 7.0


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_a_spread_sorts_and_rounds() -> None:
    assert spread([3.0, 1.0, 2.004]) == {"p50": 2.0, "p99": 3.0, "p999": 3.0, "max": 3.0}


def test_a_ratio_is_of_the_medians_and_its_range_is_of_the_rounds() -> None:
    ours, theirs = [100.0, 300.0, 200.0], [50.0, 100.0, 400.0]

    assert ratio(ours, theirs) == 2.0
    assert ratio_range(ours, theirs) == (0.5, 3.0)


def _samples(*committed: int) -> list[Sample]:
    return [
        Sample(at_seconds=float(number), committed=each, cpu_seconds=number / 2, machine_seconds=number * 1.5)
        for number, each in enumerate(committed)
    ]


def test_a_run_is_measured_from_the_first_commit_and_its_second_half_until_nearly_all_is_committed() -> None:
    samples = _samples(0, 0, 100, 400, 600, 960, 960, 1_000)

    assert whole(samples).events == 900
    assert whole(samples).events_per_second == 900 / 5
    assert second_half(samples).events == 360
    assert second_half(samples).events_per_second == 360
    assert second_half(samples).cpu_microseconds == pytest.approx(0.5 / 360 * 1e6)
    assert second_half(samples).machine_cores == 1.5


def test_a_run_with_one_commit_in_its_second_half_is_measured_whole() -> None:
    assert second_half(_samples(0, 100, 1_000)) == whole(_samples(0, 100, 1_000))


def test_a_run_with_a_single_commit_can_not_be_measured() -> None:
    with pytest.raises(ValueError, match="nothing was committed"):
        whole(_samples(0, 0, 1_000))


def test_a_tally_tells_missing_doubled_and_strange_events_apart() -> None:
    tally = Tally(events=KEYS + 2)
    first_round = [f"{ticket_id(number)}:1" for number in range(KEYS)]
    for event_id in [*first_round, f"{ticket_id(0)}:2", f"{ticket_id(0)}:2", f"{ticket_id(5)}:2"]:
        tally.take(event_id)

    audit = tally.audit(changelog_keys=KEYS)

    assert audit == Audit(KEYS + 2, outputs=KEYS + 3, missing=1, doubled=1, strange=1, changelog_keys=KEYS)
    assert not audit.is_exact


def test_a_tally_is_exact_only_with_the_state_of_every_ticket() -> None:
    tally = Tally(events=2)
    tally.take(f"{ticket_id(0)}:1")
    tally.take(f"{ticket_id(1)}:1")

    assert tally.audit(changelog_keys=2).is_exact
    assert not tally.audit(changelog_keys=1).is_exact


def test_a_function_s_share_counts_each_stack_once_and_leaves_other_code_out() -> None:
    outer, inner = "run (services/a.py:3)", "decide (schemas/b.py:9)"
    stacks = [
        ([outer, "map (lib/python3.11/x.py:1)", inner, "decode (msgspec)"], 3),
        ([outer, outer], 1),
        (["wait (lib/python3.11/threading.py:5)"], 50),
        (["<module> (services/a.py:1)", "_load (<frozen importlib._bootstrap>:1)", "<module> (schemas/b.py:1)"], 9),
    ]

    assert shares(stacks) == [
        {"where": "run (services/a.py)", "share": 1.0, "own_share": 0.25},
        {"where": "decide (schemas/b.py)", "share": 0.75, "own_share": 0.75},
    ]
