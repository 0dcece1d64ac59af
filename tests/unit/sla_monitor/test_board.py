"""What the board shows of tickets, as their clocks stand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.vocabulary import Language, Status
from services._runtime.web.slack import slack_text, urgency
from services.sla_monitor.api.words import EN, WORDS, ZH_CN
from services.sla_monitor.domain.board import LATE, OVERDUE, WAITING, Row, rows_of
from services.sla_monitor.domain.instants import SECOND_US, from_datetime
from services.sla_monitor.domain.targets import PAUSED, RUNNING
from services.sla_monitor.state import unpacked
from tests.topology.monitored import Monitored

MINUTE = 60
HOUR = 3_600


def shown(monitored: Monitored, ticket_id: str) -> dict[str, Row]:
    """The rows of a ticket by `target lane`."""
    state = monitored.driver.state(ticket_id)
    assert state is not None
    kept = unpacked(state)
    policy, calendar = monitored.rulings.of(kept)
    rows = rows_of(ticket_id, kept.clocks, policy, calendar, kept.profile.pool)
    return {f"{row.target} {row.lane}": row for row in rows}


@pytest.fixture
def monitored() -> Monitored:
    return Monitored()


def test_running_clocks_are_rows_with_their_due_time_and_those_met_are_none(monitored: Monitored) -> None:
    opened_us = from_datetime(monitored.driver.now)
    monitored.opened("T-1")
    monitored.assigned("T-1")
    rows = shown(monitored, "T-1")
    assert f"assignment {RUNNING}" not in rows
    row = rows[f"resolution {RUNNING}"]
    assert (row.at_us, row.due_us) == (opened_us + 4 * HOUR * SECOND_US,) * 2
    assert (row.priority, row.pool, row.role) == ("P1", "north", "")


def test_what_is_breached_is_overdue_until_it_is_done_and_late_then(monitored: Monitored) -> None:
    monitored.opened("T-1")
    monitored.driver.advance(31 * MINUTE)
    overdue = shown(monitored, "T-1")[f"first_response {OVERDUE}"]
    assert overdue.role == "supervisor"
    monitored.answered("T-1")
    rows = shown(monitored, "T-1")
    assert f"first_response {OVERDUE}" not in rows
    late = rows[f"first_response {LATE}"]
    assert late.at_us == from_datetime(monitored.driver.now)
    assert late.due_us == from_datetime(monitored.driver.now - timedelta(minutes=1))
    assert late.role == ""


def test_a_paused_clock_stands_since_its_pause_and_has_no_due_time(monitored: Monitored) -> None:
    monitored.opened("T-1")
    monitored.driver.advance(10 * MINUTE)
    paused_us = from_datetime(monitored.driver.now)
    monitored.stands("T-1", Status.PENDING)
    row = shown(monitored, "T-1")[f"resolution {PAUSED}"]
    assert (row.at_us, row.due_us) == (paused_us, None)


def test_an_escalation_by_hand_waits_until_somebody_answers_for_it(monitored: Monitored) -> None:
    monitored.opened("T-1")
    monitored.escalated("T-1")
    monitored.driver.advance(1)
    row = shown(monitored, "T-1")[f"manual_escalation {WAITING}"]
    assert row.role == "supervisor"


@pytest.mark.parametrize(
    ("mode", "seconds", "said"),
    [
        ("slack", 59, "59 s left"),
        ("slack", 3_725, "1 h 2 min left"),
        ("slack", -90_000, "1 d 1 h over"),
        ("slack", 0, "0 s left"),
        ("slack", 7_230, "2 h left"),
        ("since", -61, "for 1 min 1 s"),
        ("fixed", -7_200, "2 h over"),
    ],
)
def test_time_is_said_in_its_largest_unit_and_the_next(mode: str, seconds: int, said: str) -> None:
    assert slack_text(mode, seconds * SECOND_US, EN) == said


def test_a_quarter_of_an_hour_before_due_it_is_soon() -> None:
    assert urgency("slack", 900 * SECOND_US) == "ok"
    assert urgency("slack", 900 * SECOND_US - 1) == "soon"
    assert urgency("slack", -1) == "over"
    assert urgency("since", -1) == "still"


def test_both_languages_say_the_same_things() -> None:
    assert set(ZH_CN) == set(EN)
    assert set(WORDS) == set(Language)
