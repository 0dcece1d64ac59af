"""Who becomes free takes the first work that suits them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.vocabulary import Language, Level
from services.router.domain.policy import Policy
from services.router.domain.queue import Queue, Waiter
from services.router.domain.work import Order, Technician, Work, order_of, profile_of
from tests.unit.router.words import NOON, technician, work

AN = technician("an", "db")


def queue_of(*waiting: Work) -> Queue:
    queue = Queue(Policy())
    queue.advance(NOON)
    for each in waiting:
        queue.add(each)
    return queue


def first_for(queue: Queue, person: Technician, load: int = 0) -> str | None:
    first = queue.first_for(Waiter(person.technician_id, profile_of(person, Policy()), load, person.conflicts))
    return first.ticket_id if first is not None else None


def test_an_empty_queue_has_nothing_for_anyone() -> None:
    assert first_for(queue_of(), AN) is None


def test_the_first_of_several_lines_is_taken() -> None:
    queue = queue_of(work("T-1", skills=("db",), priority="P1"), work("T-2", priority="P0"), work("T-3"))
    assert first_for(queue, AN) == "T-2"


@pytest.mark.parametrize(
    "blocked",
    [
        work("T-1", priority="P0", skills=("net",)),
        work("T-1", priority="P0", level=Level.L3),
        work("T-1", priority="P0", language=Language.ZH_CN),
        work("T-1", priority="P0", weight=6),
        work("T-1", priority="P0", declined_by=("an",)),
    ],
    ids=["skill", "level", "language", "capacity", "declined"],
)
def test_a_head_that_does_not_suit_blocks_nobody_behind_it(blocked: Work) -> None:
    assert first_for(queue_of(blocked, work("T-2")), AN) == "T-2"


def test_what_someone_holds_leaves_room_only_for_lighter_work() -> None:
    queue = queue_of(work("T-1", priority="P0", weight=3), work("T-2", weight=2))
    assert first_for(queue, AN, load=3) == "T-2"
    assert first_for(queue, AN, load=5) is None


def test_removed_work_is_gone() -> None:
    first, second = work("T-1"), work("T-2")
    queue = queue_of(first, second)
    queue.remove(first)
    assert first_for(queue, AN) == "T-2"
    queue.remove(second)
    assert (first_for(queue, AN), len(queue)) == (None, 0)


def test_work_that_comes_and_goes_leaves_nothing_behind() -> None:
    staying = work("T-stays", priority="P3")
    queue = queue_of(staying)
    for number in range(10_000):
        passing = work(f"T-{number}", priority="P3")
        queue.add(passing)
        queue.remove(passing)
    assert queue.instants_noted < 2_000
    queue.advance(NOON + timedelta(hours=5))
    assert queue.spot_of("T-stays").order.priority == ("P", 2, "")


works = st.builds(
    work,
    st.sampled_from([f"T-{number}" for number in range(20)]),
    queued_minutes=st.integers(0, 3),
    due_minutes=st.none() | st.integers(0, 3),
    priority=st.sampled_from(["P0", "P1", "P2"]),
    skills=st.sampled_from([(), ("db",), ("net",)]),
)


def place_of(each: Work) -> Order:
    return order_of(each, Policy(), NOON)


@given(st.lists(works, unique_by=lambda each: each.ticket_id))
@settings(deadline=None)
def test_work_is_taken_in_order_whatever_the_order_of_arrival(waiting: list[Work]) -> None:
    queue = queue_of(*waiting)
    taken = []
    while (first := queue.first_for(Waiter("an", profile_of(AN, Policy()), 0))) is not None:
        taken.append(first)
        queue.remove(first)
    assert taken == sorted((each for each in waiting if set(each.skills) <= {"db"}), key=place_of)
