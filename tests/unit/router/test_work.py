"""The order in which work waits."""

from __future__ import annotations

from services.router.domain.policy import Policy
from services.router.domain.work import Work, order_of, urgency_of
from tests.unit.router.words import NOON, work


def in_order(*waiting: Work) -> list[str]:
    return [each.ticket_id for each in sorted(waiting, key=lambda each: order_of(each, Policy(), NOON))]


def test_priority_comes_before_slack_and_age() -> None:
    old = work("T-1", queued_minutes=-600, due_minutes=1, priority="P2")
    assert in_order(old, work("T-2", priority="P0")) == ["T-2", "T-1"]


def test_slack_comes_before_age() -> None:
    old = work("T-1", queued_minutes=-600, due_minutes=60)
    assert in_order(old, work("T-2", due_minutes=30)) == ["T-2", "T-1"]


def test_work_without_a_due_time_comes_after_work_with_one() -> None:
    assert in_order(work("T-1", queued_minutes=-600), work("T-2", due_minutes=9_999)) == ["T-2", "T-1"]


def test_of_equal_slack_the_one_that_waits_longer_comes_first() -> None:
    assert in_order(work("T-1", queued_minutes=5), work("T-2", queued_minutes=1)) == ["T-2", "T-1"]


def test_twins_go_by_ticket_id() -> None:
    assert in_order(work("T-2"), work("T-1")) == ["T-1", "T-2"]


def test_names_of_priorities_sort_by_their_numbers() -> None:
    assert sorted(["P10", "P2", "P1", "P0"], key=urgency_of) == ["P0", "P1", "P2", "P10"]
    assert sorted(["SEV2", "SEV10", "SEV1"], key=urgency_of) == ["SEV1", "SEV2", "SEV10"]
    assert sorted(["P1B", "P1A"], key=urgency_of) == ["P1A", "P1B"]
