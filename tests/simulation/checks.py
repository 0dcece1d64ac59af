"""The checks that a broken rule has to fail. Each passes on the product as it is, else raises AssertionError."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from services._runtime import metrics
from services._runtime.clock import ManualClock
from services._runtime.engine.driver import START as DRIVER_START
from services._runtime.engine.driver import TopologyDriver
from services._runtime.engine.engine import TooManyDeadLettersError, TooManyParkedKeysError
from services._runtime.processor.processor import Processor
from tests.simulation import scenario
from tests.simulation.chatter import COUNTING
from tests.simulation.world import START, settings_of
from tests.topology.counting import POISON, Counted, message

SEEDS: Final = range(1, 31)
LOOKS: Final = 3


def some_seeds_break_no_promise() -> None:
    """The simulation, over a few seeds, up to the first that finds something."""
    for seed in SEEDS:
        done = scenario.run(seed)
        assert not done.broken, f"seed {seed}: {done.broken[0]}"


def metrics_agree_with_the_log() -> None:
    """What the processors counted is what they took, where nothing goes wrong."""
    before = _counted()
    done = scenario.run(1, faults_until=START)
    assert not done.broken
    after = _counted()
    counted = {each: after[each] - before.get(each, 0) for each in after}
    assert {each: number for each, number in counted.items() if number} == done.records


def poison_in_a_row_stops() -> None:
    """So many dead letters one after the other are hardly the records' fault."""
    driver = TopologyDriver(replace(COUNTING.topology(), dead_letters_in_a_row=3))
    try:
        for number in range(4):
            driver.send(COUNTING.commands, f"T-{number}", message(f"T-{number}", POISON))
    except TooManyDeadLettersError:
        return
    raise AssertionError("four dead letters in a row did not stop a processor that takes three")


def many_parked_keys_stop() -> None:
    """So many keys that wait are for somebody to look at, however many records between them go well."""
    driver = TopologyDriver(replace(COUNTING.topology(), parked_keys_max=3))
    try:
        for number in range(4):
            driver.send(COUNTING.commands, f"T-{number}", message(f"T-{number}", POISON))
            driver.send(COUNTING.commands, "T-good", message("T-good"))
    except TooManyParkedKeysError:
        return
    raise AssertionError("four parked keys did not stop a processor that takes three")


def no_progress_is_not_live() -> None:
    """A loop that stands still is found out, though its thread is there."""
    clock = ManualClock(DRIVER_START)
    made: Processor[Counted] = Processor(COUNTING.topology(), settings_of("0"), clock=clock, may_begin=lambda: False)
    made._await_beginning = made._stop.wait  # type: ignore[method-assign, assignment]
    made.start()
    try:
        assert made.live
        clock.advance(timedelta(minutes=2))
        assert not made.live
    finally:
        made.request_stop()
        assert made.join(10)


def _counted() -> dict[tuple[str, str], int]:
    return {
        (sample.labels["processor"], sample.labels["topic"]): int(sample.value)
        for family in metrics.PROCESSOR_RECORDS.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    }
