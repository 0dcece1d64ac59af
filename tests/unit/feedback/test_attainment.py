"""What verdicts come to, and how they are taken off again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.feedback.domain.attainment import (
    SLOTS_MAX,
    VERDICTS_MAX,
    Counts,
    Slot,
    Verdict,
    added,
    attained,
    counted,
    day_begins,
    day_of,
)

SLOT: Final = Slot("2026-01-07", "P1", "resolution")
NEXT: Final = Slot("2026-01-08", "P2", "resolution")
MET: Final = True
BREACHED: Final = False
SHANGHAI: Final = ZoneInfo("Asia/Shanghai")


def test_a_verdict_counts_where_it_was_told() -> None:
    known, (shift,) = counted({}, "resolution:1:1", Verdict(MET, "north", SLOT))
    assert (shift.pool, shift.slot, shift.counts) == ("north", SLOT, Counts(met=1))
    assert known == {"resolution:1:1": Verdict(MET, "north", SLOT)}


def test_the_same_verdict_again_changes_nothing() -> None:
    known, _ = counted({}, "c", Verdict(BREACHED, "north", SLOT))
    assert counted(known, "c", Verdict(BREACHED, "south", NEXT)) == (known, ())


def test_what_falls_is_taken_off_the_pool_and_day_that_it_was_counted_in() -> None:
    known, _ = counted({}, "c", Verdict(BREACHED, "north", SLOT))
    after, (fallen, met) = counted(known, "c", Verdict(MET, "south", NEXT))
    assert (fallen.pool, fallen.slot, fallen.counts) == ("north", SLOT, Counts(breached=-1, retracted=1))
    assert (met.pool, met.slot, met.counts) == ("south", NEXT, Counts(met=1))
    assert counted(after, "c", None)[0] == {}


def test_what_nobody_remembers_can_not_fall() -> None:
    assert counted({}, "c", None) == ({}, ())


def test_of_a_ticket_with_very_many_verdicts_the_oldest_are_let_go() -> None:
    known: dict[str, Verdict] = {}
    for number in range(VERDICTS_MAX + 10):
        known, _ = counted(known, f"next_response:{number}:1", Verdict(MET, "", SLOT))
    assert len(known) == VERDICTS_MAX
    assert "next_response:9:1" not in known


def test_a_flood_of_slots_is_counted_under_the_last_one() -> None:
    slots = [Slot("2026-01-07", f"P{number}", "resolution") for number in range(SLOTS_MAX + 5)]
    counts = added({}, [(slot, Counts(met=1)) for slot in slots])
    assert len(counts) == SLOTS_MAX
    assert counts[slots[SLOTS_MAX - 1]] == Counts(met=6)


@pytest.mark.parametrize(
    ("counts", "share"),
    [(Counts(3, 1), 0.75), (Counts(), None), (Counts(0, 0, 4), None), (Counts(2, -1), 1.0), (Counts(0, 5), 0.0)],
)
def test_attainment_is_the_share_met_of_the_verdicts_that_stand(counts: Counts, share: float | None) -> None:
    assert attained(counts) == share


def test_a_day_is_one_of_the_business() -> None:
    assert day_of(datetime(2026, 1, 7, 15, 59, tzinfo=UTC), SHANGHAI) == "2026-01-07"
    assert day_of(datetime(2026, 1, 7, 16, 0, tzinfo=UTC), SHANGHAI) == "2026-01-08"
    assert day_begins("2026-01-08", SHANGHAI) == datetime(2026, 1, 7, 16, 0, tzinfo=UTC)


_VERDICTS = st.one_of(
    st.none(), st.builds(Verdict, st.booleans(), st.sampled_from(["north", "south"]), st.sampled_from([SLOT, NEXT]))
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), _VERDICTS), max_size=30))
def test_the_sums_are_what_stands_in_whatever_order_verdicts_came_and_fell(
    told: list[tuple[str, Verdict | None]],
) -> None:
    known: dict[str, Verdict] = {}
    sums: dict[str, dict[Slot, Counts]] = {"north": {}, "south": {}}
    for clock, verdict in told:
        known, shifts = counted(known, clock, verdict)
        for shift in shifts:
            sums[shift.pool] = added(sums[shift.pool], [(shift.slot, shift.counts)])
    for pool, counts in sums.items():
        for slot, each in counts.items():
            standing = [verdict.met for verdict in known.values() if (verdict.pool, verdict.slot) == (pool, slot)]
            assert (each.met, each.breached) == (standing.count(True), standing.count(False))
