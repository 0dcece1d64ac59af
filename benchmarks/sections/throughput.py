"""Events a second and CPU an event: ours beside the peers', same broker, same input, turn about, several rounds.

Each figure is of the second half of a run, when a JIT compiler has warmed up; the whole run stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Final

from benchmarks.engines.catalog import AFTERCARE, ENGINES, KAFKA_STREAMS, PEERS, Engine
from benchmarks.engines.running import Speed, run
from benchmarks.figures import ratio, ratio_range
from benchmarks.section import Bench, Goal, Section
from benchmarks.topics import make_topics
from benchmarks.work import commands, fill

ROUNDS: Final = 3
Speeds = Mapping[str, Sequence[Speed]]


def _run(bench: Bench) -> dict[str, Any]:
    rounds = 1 if bench.quick else ROUNDS
    speeds: dict[str, list[Speed]] = {engine.name: [] for engine in ENGINES}
    with bench.broker("throughput") as bootstrap:
        inputs = _fill_inputs(bench, bootstrap)
        for number in range(rounds):
            for engine in turned(ENGINES, number):
                _run_one(bench, engine, bootstrap, inputs, speeds)
    return summed_up(speeds)


def turned(engines: Sequence[Engine], number: int) -> list[Engine]:
    """Return the engines in the order of this round: each round another begins."""
    start = number % len(engines)
    return [*engines[start:], *engines[:start]]


def _events(bench: Bench, engine: Engine) -> int:
    full, quick = engine.events
    return quick if bench.quick else full


def _fill_inputs(bench: Bench, bootstrap: str) -> dict[int, str]:
    """Write an input of each length; a shorter one is the beginning of a longer one."""
    inputs: dict[int, str] = {}
    for events in sorted({_events(bench, engine) for engine in ENGINES}):
        inputs[events] = f"commands-{events}"
        make_topics(bootstrap, inputs[events])
        fill(bootstrap, inputs[events], commands(events))
    return inputs


def _run_one(
    bench: Bench,
    engine: Engine,
    bootstrap: str,
    inputs: Mapping[int, str],
    speeds: dict[str, list[Speed]],
) -> None:
    """Run one engine; what goes wrong with it is noted, and the others go on."""
    events = _events(bench, engine)
    try:
        speed = run(engine, bootstrap, inputs[events], events)
    except Exception as error:  # noqa: BLE001 - whatever happens to a peer, the others are measured
        bench.note_failure(engine.name, error)
        return
    speeds[engine.name].append(speed)
    bench.console.print(
        f"{engine.label:32} {speed.warm.events_per_second:>9,.0f}/s {speed.warm.cpu_microseconds:>8.1f} µs of CPU"
        f"   (whole run {speed.whole.events_per_second:,.0f}/s, {speed.whole.cpu_microseconds:.1f} µs)"
        f"   {'exact' if speed.audit.is_exact else speed.audit}",
        markup=False,
        soft_wrap=True,
    )


def summed_up(speeds: Speeds) -> dict[str, Any]:
    """Return medians, ratios and audits as entries of the report; engines without a run are left out."""
    measured = {engine.name: speeds[engine.name] for engine in ENGINES if speeds[engine.name]}
    entries: dict[str, Any] = {"throughput": {name: _medians(runs) for name, runs in measured.items()}}
    ours = measured.get(AFTERCARE.name)
    if ours is None:
        return entries
    per_second = {name: [each.warm.events_per_second for each in runs] for name, runs in measured.items()}
    peers = [engine.name for engine in PEERS if engine.name in measured]
    entries["ratios"] = {name: ratio(per_second[AFTERCARE.name], per_second[name]) for name in peers}
    entries["ratios_of_rounds"] = {
        name: ratio_range(per_second[AFTERCARE.name], per_second[name])
        for name in peers
        if len(measured[name]) == len(ours)
    }
    if theirs := measured.get(KAFKA_STREAMS.name):
        entries["cpu_ratio_kafka_streams"] = ratio(
            [each.warm.cpu_microseconds for each in ours], [each.warm.cpu_microseconds for each in theirs]
        )
    return entries


def _medians(runs: Sequence[Speed]) -> dict[str, Any]:
    return {
        "runs": len(runs),
        "events": runs[0].audit.events,
        "events_per_second": round(median(each.warm.events_per_second for each in runs)),
        "cpu_microseconds": round(median(each.warm.cpu_microseconds for each in runs), 2),
        "machine_cores": round(median(each.warm.machine_cores for each in runs), 2),
        "whole_run_events_per_second": round(median(each.whole.events_per_second for each in runs)),
        "whole_run_cpu_microseconds": round(median(each.whole.cpu_microseconds for each in runs), 2),
        "events_per_second_of_rounds": [round(each.warm.events_per_second) for each in runs],
        "cpu_microseconds_of_rounds": [round(each.warm.cpu_microseconds, 2) for each in runs],
        "exact": all(each.audit.is_exact for each in runs),
        "missing": sum(each.audit.missing for each in runs),
        "doubled": sum(each.audit.doubled for each in runs),
        "strange": sum(each.audit.strange for each in runs),
    }


SECTION: Final = Section(
    "throughput",
    _run,
    (
        Goal("throughput against Kafka Streams exactly_once_v2, both warm", ("ratios", "kafka_streams"), at_least=1.0),
        Goal("CPU an event against Kafka Streams, both warm", ("cpu_ratio_kafka_streams",), at_most=0.9),
        Goal("throughput against Quix Streams exactly-once", ("ratios", "quix"), at_least=3.0),
        Goal("throughput against Faust exactly_once", ("ratios", "faust_exactly_once"), at_least=40.0),
        Goal("throughput of the bare client loop", ("ratios", "bare_loop"), at_least=0.7),
    ),
)
