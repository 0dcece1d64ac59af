"""Who becomes free takes the first work that suits them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.vocabulary import Language, Level
from services.router.domain import queue as queue_module
from services.router.domain.explaining import verdicts_on
from services.router.domain.policy import Policy
from services.router.domain.queue import Queue, Waiter
from services.router.domain.tally import NOTHING_YET
from services.router.domain.work import Order, Technician, Work, order_of, profile_of, requirement_of
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


def test_kinds_of_work_that_come_and_go_leave_nothing_behind() -> None:
    queue = queue_of(work("T-stays"))
    for number in range(10_000):
        passing = work(f"T-{number}", product=f"p{number}")
        queue.add(passing)
        queue.remove(passing)
    assert queue.lines_kept < 200
    assert first_for(queue, AN) == "T-stays"


works = st.builds(
    work,
    st.sampled_from([f"T-{number}" for number in range(20)]),
    queued_minutes=st.integers(0, 3),
    due_minutes=st.none() | st.integers(0, 3),
    priority=st.sampled_from(["P0", "P1", "P2"]),
    skills=st.sampled_from([(), ("db",), ("net",)]),
)


def test_work_that_is_taken_out_from_behind_leaves_those_before_it() -> None:
    queue = queue_of(*(work(f"T-{number}", queued_minutes=number) for number in range(4)))
    queue.remove(work("T-2", queued_minutes=2))
    taken = []
    while (first := queue.first_for(Waiter("an", profile_of(AN, Policy()), 0))) is not None:
        queue.remove(first)
        taken.append(first.ticket_id)
    assert taken == ["T-0", "T-1", "T-3"]


def test_work_that_was_put_back_finds_its_place_though_an_instant_of_before_comes() -> None:
    queue = queue_of(work("T-1", priority="P3"))
    before = queue.spot_of("T-1").order
    queue.remove(work("T-1", priority="P3"))
    queue.add(work("T-1", priority="P3"))
    queue.advance(NOON + timedelta(hours=5))
    assert queue.spot_of("T-1").order < before
    assert first_for(queue, AN) == "T-1"


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


PEOPLE = (
    technician("an", "db"),
    technician("bo", "db", "net", capacity=2),
    technician("chen", level=Level.L2, languages=(Language.EN, Language.ZH_CN)),
)
kinds = st.builds(
    work,
    st.sampled_from([f"T-{number}" for number in range(12)]),
    queued_minutes=st.integers(0, 3),
    priority=st.sampled_from(["P1", "P2"]),
    skills=st.sampled_from([(), ("db",), ("net",), ("db", "net")]),
    level=st.sampled_from([Level.L1, Level.L2]),
    language=st.sampled_from(Language),
    weight=st.integers(1, 3),
    declined_by=st.sampled_from([(), ("an",)]),
)


@given(st.lists(kinds | st.integers(0, 2), max_size=60), st.integers(0, 4))
@settings(deadline=None, max_examples=150)
def test_what_is_remembered_of_lines_changes_nothing_about_who_gets_what(
    events: list[Work | int], empty_lines_kept: int
) -> None:
    """Work comes, or replaces what waits of its ticket; the person of a number takes their first, if any suits."""
    waiting: dict[str, Work] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue_module, "EMPTY_MIN", empty_lines_kept)
        queue = queue_of()
        for event in events:
            if isinstance(event, int):
                fit = [each for each in waiting.values() if could_take(PEOPLE[event], each)]
                found = queue.first_for(Waiter(PEOPLE[event].technician_id, profile_of(PEOPLE[event], Policy()), 0))
                assert found == min(fit, key=place_of, default=None)
                if found is not None:
                    queue.remove(waiting.pop(found.ticket_id))
                continue
            if event.ticket_id in waiting:
                queue.remove(waiting.pop(event.ticket_id))
            queue.add(event)
            waiting[event.ticket_id] = event


def could_take(person: Technician, each: Work) -> bool:
    verdicts = verdicts_on(each, requirement_of(each, Policy(), NOON), person, 0, NOTHING_YET, Policy(), NOON)
    return all(verdicts.values())
