"""What the ledger's gauges show is what its state holds: through every change, and after a restart."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.contract import replace
from schemas.ids import ticket_id
from schemas.topics import TICKET_ASSIGNMENTS, TICKET_COMMANDS
from schemas.vocabulary import Status
from services._runtime.engine.driver import TopologyDriver
from services._runtime.metrics import TICKETS, TICKETS_UNASSIGNED_SINCE
from services.intake.domain.ticket import OPEN, Ticket
from services.intake.handlers import ledger_topology
from services.intake.handlers.census import COUNTED, Census
from services.intake.handlers.tally import FirstAssigned
from tests.topology.test_ledger import LIFE, live
from tests.unit.intake import values as v
from tests.unit.intake.values import ID

IDS = [ticket_id(v.TENANT, "portal", f"census-{number}") for number in range(4)]


@pytest.fixture
def driver() -> Any:
    return TopologyDriver(ledger_topology(v.POLICY))


def census(driver: Any) -> Census:
    index = driver._engine.partitions[0].index
    assert isinstance(index, Census)
    return index


def shown(counted: Census) -> tuple[dict[tuple[str, ...], float], dict[tuple[str, ...], float]]:
    """Counts by status and priority, and since when the longest of each priority waits."""
    figures = list(counted.figures())
    return (
        {figure.labels: figure.value for figure in figures if figure.gauge is TICKETS},
        {figure.labels: figure.value for figure in figures if figure.gauge is TICKETS_UNASSIGNED_SINCE},
    )


def held(driver: Any) -> dict[tuple[str, ...], float]:
    """The same counts, by going through all states."""
    counts: dict[tuple[str, ...], float] = {}
    for state in driver.states().values():
        if isinstance(state, Ticket) and state.status in COUNTED:
            labels = (state.status.value, state.priority)
            counts[labels] = counts.get(labels, 0) + 1
    return counts


def test_a_ticket_is_counted_where_it_stands_and_no_longer_once_it_is_closed(driver: Any) -> None:
    seen = []
    for number, (topic, data) in enumerate(LIFE):
        driver.send(topic, ID, data, event_id=f"in-{number}", tenant=v.TENANT)
        counts, _ = shown(census(driver))
        assert counts == held(driver)
        seen.append(next(iter(counts), ("", ""))[0])
    assert {Status.QUEUED, Status.ASSIGNED, Status.IN_PROGRESS, Status.RESOLVED} <= set(seen)
    assert shown(census(driver)) == ({}, {})


@pytest.mark.parametrize("steps", range(1, len(LIFE) + 1))
def test_a_process_that_starts_again_shows_what_the_one_before_it_showed(driver: Any, steps: int) -> None:
    live(driver, LIFE[:steps])
    before = shown(census(driver))
    driver.crash()
    assert shown(census(driver)) == before


def test_a_ticket_waits_from_its_opening_and_once_somebody_had_it_from_when_it_came_back(driver: Any) -> None:
    opened_at = driver.now
    driver.send(TICKET_COMMANDS, ID, v.opening(), tenant=v.TENANT)
    (priority,) = shown(census(driver))[1]
    driver.advance(60)
    assert shown(census(driver))[1] == {priority: opened_at.timestamp()}
    driver.send(TICKET_ASSIGNMENTS, ID, v.assignment(1), tenant=v.TENANT)
    assert shown(census(driver))[1] == {}
    driver.advance(60)
    driver.send(TICKET_COMMANDS, ID, v.decline(), tenant=v.TENANT)
    assert shown(census(driver))[1] == {priority: driver.now.timestamp()}


def test_the_time_to_an_assignment_is_observed_once_a_ticket(driver: Any) -> None:
    driver.send(TICKET_COMMANDS, ID, v.opening(), tenant=v.TENANT)
    driver.advance(90)
    live(driver, LIFE[2:])
    found = [effect for effect in driver.effects if isinstance(effect, FirstAssigned)]
    assert [effect.seconds for effect in found] == [90.0]


def test_a_batch_that_is_aborted_leaves_the_census_as_it_was(driver: Any) -> None:
    live(driver, LIFE[:1])
    before = shown(census(driver))
    state = driver.state(ID)
    counted = census(driver)
    counted.replace(ID, state, None)
    assert shown(counted) == ({}, {})
    counted.replace(ID, None, state)
    assert shown(counted) == before


STEPS = st.lists(st.tuples(st.sampled_from(IDS), st.integers(0, len(LIFE) - 1)), max_size=40)


@given(steps=STEPS, seconds=st.integers(0, 4_000))
@settings(max_examples=40, deadline=None)
def test_whatever_happens_in_whatever_order_the_census_is_a_count_of_the_states(
    steps: list[tuple[str, int]], seconds: int
) -> None:
    driver = TopologyDriver(ledger_topology(v.POLICY))
    for number, (each, step) in enumerate(steps):
        topic, data = LIFE[step]
        fields = {"ticket_id": each} if hasattr(data, "ticket_id") else {}
        driver.send(topic, each, replace(data, **fields), event_id=f"in-{number}", tenant=v.TENANT)
    driver.advance(seconds)
    counts, since = shown(census(driver))
    assert counts == held(driver)
    waiting = {labels[1] for labels in counts if labels[0] in {"new", "classified", "queued"}}
    assert {labels[0] for labels in since} == waiting
    assert {labels[0] for labels in counts} <= {status.value for status in OPEN | {Status.RESOLVED}}
    again = Census()
    for key, state in driver.states().items():
        again.replace(key, None, state)
    assert shown(again) == (counts, since)
