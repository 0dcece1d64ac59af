"""`python -m services lag`: how far behind each processor is, and since when. Exit status: 1 without an answer."""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from confluent_kafka import KafkaException

from services._runtime.clock import SystemClock
from services._runtime.operations.progress import PROCESSORS, PartitionLag, Progress, progress_of
from services._runtime.settings import KafkaSettings


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `lag` to the command line."""
    parser = subparsers.add_parser("lag", help="how far behind each processor is, by input topic")
    parser.add_argument("processor", nargs="*", choices=[*PROCESSORS, []], help="only these")
    parser.add_argument("--partitions", action="store_true", help="a line for each partition that is behind")
    parser.add_argument("--json", action="store_true", help="one JSON object a processor and line")
    parser.set_defaults(run=_run)


def lines_of(found: Sequence[Progress], now: datetime, *, partitions: bool = False) -> Iterator[str]:
    """A table: a line for each processor and input topic, or for each partition that is behind."""
    yield f"{'processor':<20} {'input':<36} {'records':>10}  oldest waits"
    for progress in found:
        if not progress.lags:
            yield f"{progress.processor:<20} has committed nothing yet"
        rows = [([lag], f"{lag.topic}/{lag.partition}") for lag in progress.lags if lag.records]
        for lags, name in rows if partitions else _by_topic(progress.lags):
            since = min((lag.waiting_since for lag in lags if lag.waiting_since is not None), default=None)
            records = sum(lag.records for lag in lags)
            yield f"{progress.processor:<20} {name:<36} {records:>10,}  {age(since, now)}".rstrip()


def as_json(progress: Progress) -> dict[str, Any]:
    """One processor for machines; times in ISO 8601."""
    since = progress.waiting_since
    return {
        "processor": progress.processor,
        "state": progress.state,
        "members": [
            {"id": each.client_id, "host": each.host, "partitions": each.partitions} for each in progress.members
        ],
        "lag_records": progress.records,
        "waiting_since": None if since is None else since.isoformat(),
        "partitions": [
            {"topic": lag.topic, "partition": lag.partition, "committed": lag.committed, "end": lag.end}
            for lag in progress.lags
        ],
    }


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, in the two largest units; empty for never."""
    if since is None:
        return ""
    seconds = max(0, int((now - since).total_seconds()))
    for unit, size, below, smaller in (("d", 86_400, 3_600, "h"), ("h", 3_600, 60, "min"), ("min", 60, 1, "s")):
        if seconds >= size:
            return f"{seconds // size} {unit} {seconds % size // below} {smaller}"
    return f"{seconds} s"


def _by_topic(lags: Sequence[PartitionLag]) -> list[tuple[list[PartitionLag], str]]:
    found: defaultdict[str, list[PartitionLag]] = defaultdict(list)
    for lag in lags:
        found[lag.topic].append(lag)
    return [(each, topic) for topic, each in found.items()]


def _run(arguments: argparse.Namespace) -> int:
    clock = SystemClock()
    try:
        found = progress_of(KafkaSettings(), clock, arguments.processor or PROCESSORS)
    except (KafkaException, TimeoutError) as error:
        sys.stderr.write(f"Kafka: {error}\n")
        return 1
    if arguments.json:
        lines: Iterator[str] = (json.dumps(as_json(progress)) for progress in found)
    else:
        lines = lines_of(found, clock.now(), partitions=arguments.partitions)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0
