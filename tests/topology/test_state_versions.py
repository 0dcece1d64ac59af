"""State of one version read and written by code of another: rolling upgrade, rollback, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.topics import TICKET_COMMANDS
from services._runtime.engine.codec import UnreadableStateError
from services._runtime.engine.driver import TopologyDriver
from services._runtime.engine.state import PartitionState
from services._runtime.engine.topology import Topology
from tests.topology.counting import Counted, Counting, message
from tests.topology.versions import CountedTwice, first, second

TICKET = "T-1"


def handed_over(driver: TopologyDriver[Counted], topology: Topology[Counted]) -> TopologyDriver[Counted]:
    """Another process with other code, restored from the changelog that `driver` has written."""
    driver.topology = topology
    driver.crash()
    return driver


def send(driver: TopologyDriver[Counted]) -> None:
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))


def test_new_code_reads_what_old_code_wrote() -> None:
    driver = TopologyDriver(first())
    send(driver)
    handed_over(driver, second())
    assert driver.state(TICKET) == CountedTwice(1, "still broken", "acme", 0)
    send(driver)
    assert driver.state(TICKET) == CountedTwice(2, "still broken", "acme", 1)


def test_instances_of_both_versions_take_over_from_each_other_while_the_older_is_written() -> None:
    driver = TopologyDriver(first())
    for topology in (second().writing_previous(), first(), second().writing_previous(), first()):
        send(handed_over(driver, topology))
    state = driver.state(TICKET)
    assert state is not None
    assert state.messages == 4
    assert driver.timers(TICKET) != {}


def test_what_the_older_version_can_not_hold_is_not_kept_in_memory_either() -> None:
    driver = TopologyDriver(second().writing_previous())
    send(driver)
    before = driver.states()
    driver.crash()
    assert driver.states() == before


def test_old_code_refuses_what_a_newer_one_wrote() -> None:
    driver = TopologyDriver(second())
    send(driver)
    with pytest.raises(UnreadableStateError, match="newer code"):
        handed_over(driver, first())


def test_before_a_rollback_new_code_writes_everything_in_the_older_version_again() -> None:
    driver = TopologyDriver(second())
    send(driver)
    handed_over(driver, second().writing_previous())
    assert driver.rewrite_outdated() == 1
    assert driver.rewrite_outdated() == 0
    handed_over(driver, first())
    assert driver.state(TICKET) == Counted(1, "still broken", "acme")


def test_a_version_without_a_way_down_is_refused_when_the_topology_is_made() -> None:
    with pytest.raises(ValueError, match="no downgrade"):
        replace(second(), downgrades={}, writes_version=1)


def test_replacing_a_timer_again_and_again_takes_no_more_memory() -> None:
    topology = Counting().topology()
    driver = TopologyDriver(topology)
    state: PartitionState[Counted] = driver.partition
    for _ in range(5_000):
        send(driver)
        driver.sleep_through(0.001)
    assert len(state.heap) < 3_000
    assert state.timers_pending == 1
    driver.advance(1_000)
    assert driver.timers(TICKET) == {}
