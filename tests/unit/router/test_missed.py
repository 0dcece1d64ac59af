"""Who let the time for accepting a ticket pass, and when they may get it again."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.domain.missed import declining, in_the_end, only_missed, rested, rests_end_at
from services.router.domain.policy import Policy
from services.router.domain.work import Missed, Work
from tests.unit.router.words import NOON, work

TEN_MINUTES = Policy(missed_rests_seconds=600)
FOR_EVER = Policy(missed_rests_seconds=None)
NAMES = ("an", "bo", "chen")


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def offered(declined_by: tuple[str, ...], missed: tuple[Missed, ...], policy: Policy, now: datetime = NOON) -> Work:
    kept = only_missed(missed, declined_by)
    return work("T-1", declined_by=declining(declined_by, kept, policy, now), missed=kept)


def test_who_missed_a_ticket_rests_until_the_very_end_of_the_rest() -> None:
    waiting = offered((), (Missed("an", NOON),), TEN_MINUTES)
    assert waiting.declined_by == ("an",)
    assert rested(waiting, TEN_MINUTES, after(599.999)) is waiting
    assert rested(waiting, TEN_MINUTES, after(600)).declined_by == ()
    assert [*rests_end_at(waiting, TEN_MINUTES)] == [after(600)]


def test_a_rest_of_nothing_is_over_at_once_and_one_without_an_end_never() -> None:
    missed = (Missed("an", NOON),)
    assert offered((), missed, Policy(missed_rests_seconds=0)).declined_by == ()
    waiting = offered((), missed, FOR_EVER)
    assert rested(waiting, FOR_EVER, after(10**8)) is waiting
    assert in_the_end(waiting, FOR_EVER) is waiting
    assert [*rests_end_at(waiting, FOR_EVER)] == []


def test_in_the_end_only_those_are_out_who_gave_it_back() -> None:
    waiting = offered(("bo",), (Missed("an", NOON), Missed("bo", NOON)), TEN_MINUTES)
    assert waiting.declined_by == ("an", "bo")
    assert in_the_end(waiting, TEN_MINUTES).declined_by == ("bo",)


misses = st.lists(
    st.builds(Missed, st.sampled_from(NAMES), st.integers(0, 900).map(after)),
    max_size=3,
    unique_by=lambda each: each.technician_id,
).map(tuple)


@given(st.sets(st.sampled_from(NAMES)).map(sorted).map(tuple), misses, st.integers(0, 900), st.integers(0, 2_000))
@settings(max_examples=100, deadline=None)
def test_a_decline_lasts_and_a_miss_lasts_as_long_as_the_rest(
    declined_by: tuple[str, ...], missed: tuple[Missed, ...], rests_seconds: int, seconds: int
) -> None:
    policy, now = Policy(missed_rests_seconds=rests_seconds), after(seconds)
    waiting = offered(declined_by, missed, policy, after(0))
    later = rested(waiting, policy, now)
    assert set(declined_by) <= set(later.declined_by) <= set(waiting.declined_by)
    for each in missed:
        out = each.technician_id in declined_by or now < each.missed_at + timedelta(seconds=rests_seconds)
        assert (each.technician_id in later.declined_by) == out
    assert later.declined_by == offered(declined_by, missed, policy, now).declined_by
    assert in_the_end(later, policy).declined_by == declined_by
