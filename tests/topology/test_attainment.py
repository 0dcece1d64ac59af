"""What clocks attained is reported by pool and day, wherever the tickets lie, and corrected when a verdict falls."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from schemas.pool_feedback import COUNTS_MAX, AttainmentReported, VerdictsCounted
from schemas.ticket_sla import TargetBreached, TargetBreachRetracted, TargetEvent, TargetMet
from schemas.topics import POOL_FEEDBACK, TICKET_SLA
from services._runtime.engine.driver import START, TopologyDriver
from services._runtime.engine.topology import Event
from services.feedback.handlers import VerdictMoved, attainment_topology
from services.feedback.handlers.attainment import REPORT_SECONDS, TALLY_SECONDS
from services.feedback.settings import FeedbackSettings
from services.feedback.state import AttainmentState, PoolDay
from tests.topology.verdicts import told

DAY: Final = 86_400
SETTLE_SECONDS: Final = 2 * (TALLY_SECONDS + REPORT_SECONDS)
SETTINGS: Final = FeedbackSettings.model_validate({"secret": "s" * 32, "attainment_kept_seconds": 10 * DAY})


class Reports:
    """The processor on two partitions; what is written by pool one of them reads. `shown` holds the last of each."""

    def __init__(self) -> None:
        self.partitions: list[TopologyDriver[AttainmentState]] = [
            TopologyDriver(attainment_topology(SETTINGS)) for _ in range(2)
        ]
        self.shown: dict[tuple[str, str | None, str, str, str], AttainmentReported] = {}
        self.told: list[Event] = []

    @property
    def now(self) -> datetime:
        return self.partitions[0].now

    def verdict(self, contract: type[TargetEvent], number: int, **given: Any) -> None:
        """A clock of the ticket with this number tells something, on the partition of the ticket."""
        tenant, at = given.pop("tenant", "acme"), given.pop("at", self.now)
        data = told(contract, f"T-{number:04}", self.now, **given)
        driver = self.partitions[number % len(self.partitions)]
        driver.send(TICKET_SLA, data.ticket_id, data, occurred_at=at, tenant=tenant)

    def wait(self, seconds: float = SETTLE_SECONDS) -> None:
        """Let time pass everywhere and what is counted come together."""
        for _ in range(4):
            for driver in self.partitions:
                driver.advance(seconds / 4)
            for event in [event for driver in self.partitions for event in driver.read(POOL_FEEDBACK)]:
                if isinstance(event.data, VerdictsCounted.struct):
                    self.partitions[0].send(
                        POOL_FEEDBACK, event.key, event.data, event_id=event.id, tenant=event.tenant
                    )
                else:
                    data: AttainmentReported = event.data
                    self.told.append(event)
                    self.shown[event.tenant, data.pool, data.day, data.priority, data.target] = data

    def counts(self, pool: str | None = "north", priority: str = "P1", **given: str) -> tuple[int, int, int]:
        """Met, breached and retracted, as shown last; of the first day unless told otherwise."""
        key = given.get("tenant", "acme"), pool, given.get("day", "2026-01-07"), priority, "resolution"
        shown = self.shown.get(key)
        return (shown.met, shown.breached, shown.retracted) if shown is not None else (0, 0, 0)


@pytest.fixture
def reports() -> Reports:
    return Reports()


def test_verdicts_of_all_partitions_come_together_in_one_report(reports: Reports) -> None:
    for number in range(40):
        reports.verdict(TargetBreached if number < 4 else TargetMet, number)
    reports.wait()
    (event,) = reports.told
    data: AttainmentReported = event.data
    assert event.key == "acme:north"
    assert (data.day, data.priority, data.target) == ("2026-01-07", "P1", "resolution")
    assert (data.met, data.breached, data.retracted, data.attained) == (36, 4, 0, 0.9)


def test_tenants_pools_levels_and_days_are_counted_apart_and_tickets_without_a_pool_count_too(reports: Reports) -> None:
    reports.verdict(TargetMet, 1)
    reports.verdict(TargetMet, 2, tenant="umbrella")
    reports.verdict(TargetMet, 3, pool="south")
    reports.verdict(TargetMet, 4, priority="P2")
    reports.verdict(TargetMet, 5, at=START + timedelta(days=1))
    reports.verdict(TargetMet, 6, pool=None)
    reports.wait()
    shown = [
        reports.counts(),
        reports.counts(tenant="umbrella"),
        reports.counts("south"),
        reports.counts(priority="P2"),
        reports.counts(day="2026-01-08"),
        reports.counts(None),
    ]
    assert shown == [(1, 0, 0)] * 6
    assert len(reports.told) == 6


def test_a_breach_that_is_retracted_is_taken_off_where_it_was_counted(reports: Reports) -> None:
    reports.verdict(TargetBreached, 1)
    reports.wait()
    assert reports.counts() == (0, 1, 0)
    reports.wait(DAY)
    # Meanwhile the ticket has gone to another pool, and was raised.
    moved = {"pool": "south", "priority": "P0"}
    reports.verdict(TargetBreachRetracted, 1, **moved)
    reports.verdict(TargetMet, 1, **moved)
    reports.wait()
    assert reports.counts() == (0, 0, 1)
    assert reports.counts("south", "P0", day="2026-01-08") == (1, 0, 0)


def test_a_verdict_that_is_told_otherwise_later_replaces_the_first(reports: Reports) -> None:
    reports.verdict(TargetMet, 1)
    reports.verdict(TargetBreached, 1)
    reports.verdict(TargetBreached, 1)
    reports.wait()
    assert reports.counts() == (0, 1, 1)


def test_each_generation_of_a_clock_is_judged_by_itself(reports: Reports) -> None:
    reports.verdict(TargetBreached, 1, generation=1)
    reports.verdict(TargetMet, 1, generation=2)
    reports.verdict(TargetBreachRetracted, 1, generation=3)
    reports.wait()
    assert reports.counts() == (1, 1, 0)


def test_a_report_is_made_again_only_when_something_has_changed(reports: Reports) -> None:
    reports.verdict(TargetMet, 1)
    reports.verdict(TargetMet, 2, pool="north", priority="P2")
    reports.wait()
    reports.wait(DAY)
    assert len(reports.told) == 2
    reports.verdict(TargetMet, 3, at=START)
    reports.wait()
    assert [event.data.priority for event in reports.told[2:]] == ["P1"]
    assert len({event.id for event in reports.told}) == 3


def test_a_crash_between_any_two_steps_neither_loses_a_verdict_nor_counts_one_twice(reports: Reports) -> None:
    for number in range(10):
        reports.verdict(TargetBreached, number)
        reports.partitions[number % 2].crash()
    for _ in range(4):
        reports.wait(TALLY_SECONDS)
        for driver in reports.partitions:
            driver.crash()
    reports.verdict(TargetBreachRetracted, 3)
    reports.wait()
    assert reports.counts() == (0, 9, 1)


def test_more_counts_than_an_event_may_hold_go_on_in_several(reports: Reports) -> None:
    levels = [f"L{number}" for number in range(COUNTS_MAX + 1)]
    for level in levels:
        reports.verdict(TargetMet, 2, target=level, priority=level[:8])
    reports.wait()
    assert {event.data.target for event in reports.told} == set(levels)


def test_what_can_not_be_corrected_any_more_is_forgotten_and_what_was_reported_of_it_stands(reports: Reports) -> None:
    reports.verdict(TargetBreached, 1)
    reports.wait()
    for _ in range(11):
        reports.wait(DAY)
    reports.verdict(TargetBreachRetracted, 1)
    reports.verdict(TargetMet, 2, at=START)
    reports.wait()
    assert reports.counts() == (0, 1, 0)
    assert any(isinstance(each, PoolDay) for each in reports.partitions[0].states().values())
    for _ in range(20):
        reports.wait(DAY)
    assert all(driver.states() == {} for driver in reports.partitions)
    assert all(driver.partition.timers_pending == 0 for driver in reports.partitions)


def test_whoever_counts_hears_of_each_verdict_and_of_what_fell(reports: Reports) -> None:
    reports.verdict(TargetBreached, 2)
    reports.verdict(TargetBreachRetracted, 2)
    reports.verdict(TargetMet, 2)
    assert reports.partitions[0].effects == [
        VerdictMoved("resolution", "breached"),
        VerdictMoved("resolution", "breach_retracted"),
        VerdictMoved("resolution", "met"),
    ]
