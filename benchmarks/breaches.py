"""What a due breach costs in the engine, by its parts, without a broker: `python -m benchmarks.breaches [TICKETS]`.

Batches are small and the tenth quickest of a hundred counts, so that other work on the machine shows little.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from benchmarks.engines.clocks import SHORT, openings, topology
from benchmarks.work import PARTITIONS
from services._runtime.engine.batch import Batch
from services._runtime.engine.engine import Engine
from services._runtime.engine.records import Record
from services._runtime.processor.processor import COLLECTOR_THRESHOLDS

TICKETS: Final = 50_000
TIMERS_PER_BATCH: Final = 480
DUE_AT: Final = datetime(2026, 1, 7, 8, 0, tzinfo=UTC)
MICROSECOND: Final = 1e-6


class Cost(NamedTuple):
    """Microseconds of CPU that a breach costs: to decide and encode it, to encode its state, to take that over."""

    decide: float
    changelog: float
    commit: float


def breach_cost(tickets: int) -> Cost:
    """Open tickets that are due at once, let them be breached, and return what one cost."""
    engine = Engine(topology())
    for partition in range(PARTITIONS):
        engine.partitions[partition] = engine.new_partition(partition)
    opened = openings(0, SHORT, [DUE_AT.timestamp()] * tickets)
    inputs = engine.topology.inputs[0].name
    records = [
        Record(inputs, number % PARTITIONS, number, key.encode(), value) for number, (key, value) in enumerate(opened)
    ]
    _spent(engine, DUE_AT - timedelta(minutes=1), lambda batch: engine.process(batch, records))
    late = DUE_AT + timedelta(seconds=1)

    def fire(batch: Batch[Any]) -> None:
        for partition in range(PARTITIONS):
            engine.fire(batch, partition, late, TIMERS_PER_BATCH // PARTITIONS)
        if len(batch.outputs) != TIMERS_PER_BATCH or batch.set_aside:
            raise AssertionError(f"{len(batch.outputs)} breaches of {TIMERS_PER_BATCH}, set aside: {batch.set_aside}")

    costs = sorted((_spent(engine, late, fire) for _ in range(tickets // TIMERS_PER_BATCH)), key=sum)
    seconds = costs[len(costs) // 10]
    return Cost(*(round(each / TIMERS_PER_BATCH / MICROSECOND, 1) for each in seconds))


def _spent(engine: Engine[Any], now: datetime, decide: Callable[[Batch[Any]], None]) -> tuple[float, ...]:
    """Seconds of CPU that each step of a batch took."""
    batch = engine.begin(now)
    return tuple(
        _seconds(step)
        for step in (lambda: decide(batch), lambda: _exhaust(engine.changelog(batch)), lambda: engine.commit(batch))
    )


def _exhaust(outputs: Iterable[Any]) -> None:
    for _ in outputs:
        pass


def _seconds(step: Callable[[], None]) -> float:
    began = time.process_time()
    step()
    return time.process_time() - began


def main() -> None:
    """Measure and print."""
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
    cost = breach_cost(int(sys.argv[1]) if len(sys.argv) > 1 else TICKETS)
    print(f"a due breach: {sum(cost):.1f} µs, of which {cost._asdict()}")


if __name__ == "__main__":
    main()
