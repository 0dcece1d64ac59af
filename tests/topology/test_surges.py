"""A pool's breaches, wherever its tickets lie, are one alarm, which begins once and ends once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest

from schemas.pool_sla import SurgeDetected, SurgeEnded, VerdictsTallied
from schemas.ticket_sla import TargetBreached, TargetBreachRetracted, TargetCompleted, TargetMet
from schemas.topics import POOL_SLA, TICKET_SLA
from services._runtime.directory.directory import Directory
from services._runtime.engine.driver import START, TopologyDriver
from services._runtime.engine.topology import Event
from services.sla_monitor.adapters.terms import DirectoryTerms
from services.sla_monitor.handlers import surges_topology
from services.sla_monitor.handlers.surges import LEVELS_MAX, TALLY_PREFIX, TALLY_SECONDS, SurgeSeen
from services.sla_monitor.settings import SlaMonitorSettings
from services.sla_monitor.state import PoolWatch, SurgeState
from tests.topology.verdicts import told
from tests.unit.sla_monitor.records import policy_record

POLICY: Final = """
policy_id: calm
version: 3
surges:
  - {when: {pool: [quick]}, window_seconds: 60, breaches: 2}
  - {when: {pool: [deaf], priority: [P9]}, window_seconds: 60, breaches: 2}
  - {when: {priority: [P1]}, window_seconds: 900, breaches: 10}
  - {when: {priority: [P2]}, window_seconds: 900, breaches: 1000, objective: 0.9, burn_rate: 5, verdicts_min: 10}
targets: {P1: {resolution: {seconds: 60}}}
"""


class Monitor:
    """The processor on several partitions, each on a driver; what one writes by pool all of one partition read."""

    def __init__(self, partitions: int = 2) -> None:
        self.directory = Directory()
        self.directory.apply(*policy_record("calm", 3, POLICY))
        settings = SlaMonitorSettings.model_validate({"secret": "s" * 32, "sla_policy": "calm"})
        terms = DirectoryTerms(self.directory, settings)
        self.partitions: list[TopologyDriver[SurgeState]] = [
            TopologyDriver(surges_topology(terms)) for _ in range(partitions)
        ]
        self.told: list[Event] = []
        self._tickets = 0

    @property
    def home(self) -> TopologyDriver[SurgeState]:
        """The partition that all pools of these tests lie on."""
        return self.partitions[0]

    def verdict(
        self, contract: Any = TargetBreached, pool: str | None = "north", priority: str = "P1", **given: Any
    ) -> None:
        """A ticket's clock tells something, on the partition of that ticket."""
        tenant, age = given.pop("tenant", "acme"), given.pop("age", timedelta(0))
        self._tickets += 1
        driver = self.partitions[self._tickets % len(self.partitions)]
        data = told(contract, f"T-{self._tickets:05}", driver.now - age, priority=priority, pool=pool, **given)
        driver.send(TICKET_SLA, data.ticket_id, data, tenant=tenant)

    def wait(self, seconds: float = TALLY_SECONDS) -> list[str]:
        """Let time pass everywhere, a tally's length at a time; what began and ended, briefly."""
        left = seconds
        while left > 0:
            step = min(left, TALLY_SECONDS)
            left -= step
            for driver in self.partitions:
                driver.advance(step)
            self._flow()
        told, self.told = self.told, []
        return [_brief(event) for event in told]

    def _flow(self) -> None:
        for _ in range(10):
            written = [event for driver in self.partitions for event in driver.read(POOL_SLA)]
            if not written:
                return
            for event in written:
                if isinstance(event.data, VerdictsTallied):
                    self.home.send(
                        POOL_SLA,
                        event.key,
                        event.data,
                        event_id=event.id,
                        occurred_at=event.occurred_at,
                        tenant=event.tenant,
                    )
                else:
                    self.told.append(event)
        raise AssertionError("it never comes to rest")


def _brief(event: Event) -> str:
    what = "began" if isinstance(event.data, SurgeDetected) else "ended"
    return f"{event.tenant} {event.data.pool} {event.data.priority} {what}"


@pytest.fixture
def monitor() -> Monitor:
    return Monitor()


def test_a_thousand_breaches_on_all_partitions_are_one_alarm(monitor: Monitor) -> None:
    for _ in range(1_000):
        monitor.verdict()
    assert monitor.wait(60) == ["acme north P1 began"]
    tallies = [
        each
        for driver in monitor.partitions
        for each in driver.read_bytes(POOL_SLA)
        if b"tallied" in (each.value or b"")
    ]
    assert len(tallies) == 2


def test_an_alarm_says_how_many_there_were_under_which_rule_and_names_the_latest_tickets(monitor: Monitor) -> None:
    for _ in range(30):
        monitor.verdict()
    monitor.home.advance(TALLY_SECONDS)
    monitor.partitions[1].advance(TALLY_SECONDS)
    monitor._flow()
    (event,) = monitor.told
    data: SurgeDetected = event.data
    assert (event.key, event.id) == ("acme:north", f"{data.surge_id}:detected")
    assert (data.pool, data.priority, data.breached, data.verdicts, data.burn_rate) == ("north", "P1", 15, 15, None)
    assert (data.window_seconds, data.policy_id, data.policy_version) == (900.0, "calm", 3)
    assert data.started_at == data.decided_at == START + timedelta(seconds=TALLY_SECONDS)
    assert len(data.tickets) == 15
    assert monitor.home.effects[-1].surge


def test_a_burning_budget_is_an_alarm_and_so_many_met_are_none(monitor: Monitor) -> None:
    for _ in range(6):
        monitor.verdict(priority="P2")
        monitor.verdict(TargetMet, priority="P2", pool="south")
        for _ in range(2):
            monitor.verdict(TargetMet, priority="P2")
    assert monitor.wait(30) == []
    for _ in range(8):
        monitor.verdict(priority="P2")
    assert monitor.wait(30) == ["acme north P2 began"]


def test_it_ends_once_few_are_left_in_the_window_and_the_next_one_is_another(monitor: Monitor) -> None:
    for _ in range(12):
        monitor.verdict()
    assert monitor.wait(600) == ["acme north P1 began"]
    for _ in range(4):
        monitor.verdict()
    assert monitor.wait(600) == ["acme north P1 ended"]
    for _ in range(12):
        monitor.verdict()
    assert monitor.wait(60) == ["acme north P1 began"]
    assert monitor.wait(3_600) == ["acme north P1 ended"]


def test_it_does_not_flicker_at_the_threshold(monitor: Monitor) -> None:
    for _ in range(10):
        monitor.verdict()
    told = monitor.wait(30)
    for _ in range(40):
        monitor.verdict()
        told += monitor.wait(120)
    assert told == ["acme north P1 began"]


def test_pools_levels_and_tenants_are_counted_apart(monitor: Monitor) -> None:
    for number in range(9):
        for pool in ("north", "south"):
            monitor.verdict(pool=pool)
        monitor.verdict(tenant="umbrella")
        monitor.verdict(priority="P2" if number % 2 else "P3")
    assert monitor.wait(60) == []
    monitor.verdict(tenant="umbrella")
    assert monitor.wait(60) == ["umbrella north P1 began"]


def test_a_pool_may_have_a_rule_of_its_own_and_what_no_rule_holds_for_is_none(monitor: Monitor) -> None:
    for _ in range(2):
        monitor.verdict(pool="quick")
    for _ in range(50):
        monitor.verdict(pool="deaf", priority="P4")
    assert monitor.wait(30) == ["acme quick P1 began"]


def test_a_breach_that_is_taken_back_counts_no_more(monitor: Monitor) -> None:
    for _ in range(9):
        monitor.verdict()
    monitor.verdict(TargetBreachRetracted)
    monitor.wait(60)
    monitor.verdict()
    assert monitor.wait(60) == []
    monitor.verdict()
    assert monitor.wait(60) == ["acme north P1 began"]


def test_a_stop_after_a_breach_is_no_further_breach(monitor: Monitor) -> None:
    for _ in range(5):
        monitor.verdict()
    for _ in range(20):
        monitor.verdict(TargetCompleted)
    assert monitor.wait(60) == []


def test_history_raises_no_alarm_and_a_ticket_without_a_pool_has_nobody_to_alarm(monitor: Monitor) -> None:
    for _ in range(100):
        monitor.verdict(age=timedelta(hours=2))
        monitor.verdict(pool=None)
    assert monitor.wait(60) == []
    assert monitor.home.states() == {}


def test_a_policy_that_drops_its_rule_ends_what_it_began(monitor: Monitor) -> None:
    for _ in range(12):
        monitor.verdict()
    assert monitor.wait(60) == ["acme north P1 began"]
    monitor.directory.apply(
        *policy_record(
            "calm",
            4,
            POLICY.replace("version: 3", "version: 4").split("surges:")[0]
            + "targets: {P1: {resolution: {seconds: 60}}}\n",
        )
    )
    assert monitor.wait(1_000) == ["acme north P1 ended"]
    assert monitor.home.states() == {}


def test_a_crash_in_the_middle_neither_loses_counts_nor_tells_twice(monitor: Monitor) -> None:
    for _ in range(6):
        monitor.verdict()
    for driver in monitor.partitions:
        driver.crash()
    monitor.wait(60)
    for driver in monitor.partitions:
        driver.crash()
    for _ in range(6):
        monitor.verdict()
    assert monitor.wait(60) == ["acme north P1 began"]
    monitor.home.crash()
    monitor.verdict()
    assert monitor.wait(60) == []


def test_what_is_kept_is_bounded_and_leaves_when_windows_are_empty(monitor: Monitor) -> None:
    for number in range(3 * LEVELS_MAX):
        monitor.verdict(pool="quick", priority=f"L{number}")
    monitor.wait(30)
    (watch,) = [each for each in monitor.home.states().values() if isinstance(each, PoolWatch)]
    assert len(watch.levels) <= LEVELS_MAX
    monitor.wait(300)
    assert all(driver.states() == {} for driver in monitor.partitions)
    assert all(driver.partition.timers_pending == 0 for driver in monitor.partitions)


def test_whoever_counts_hears_of_the_beginning_once_and_that_it_goes_on(monitor: Monitor) -> None:
    for _ in range(12):
        monitor.verdict()
    monitor.wait(900 + 60)
    seen = [effect for effect in monitor.home.effects if isinstance(effect, SurgeSeen)]
    assert [effect.began for effect in seen].count(True) == 1
    assert seen[0].surge
    assert not seen[-1].surge


def test_a_sweep_after_an_outage_is_one_surge(monitor: Monitor) -> None:
    for driver in monitor.partitions:
        driver.sleep_through(6 * 3_600)
    for _ in range(200):
        monitor.verdict()
    assert monitor.wait(60) == ["acme north P1 began"]


def test_the_end_names_the_beginning(monitor: Monitor) -> None:
    for _ in range(12):
        monitor.verdict()
    for _ in range(300):
        for driver in monitor.partitions:
            driver.advance(TALLY_SECONDS)
        monitor._flow()
    began, ended = monitor.told
    assert isinstance(ended.data, SurgeEnded)
    assert (ended.data.surge_id, ended.data.started_at) == (began.data.surge_id, began.data.started_at)
    assert ended.data.breached < 5
    assert TALLY_PREFIX not in ended.key
