"""`python -m services status [URL …]`: who works on what, what is open, and what each process says of itself.

Exit status: 0 when every processor has members and every asked process is ready, 1 otherwise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import httpx
from confluent_kafka import KafkaException

from schemas.topics import SERVICES
from services._runtime.clock import SystemClock
from services._runtime.operations.lag import age
from services._runtime.operations.progress import Progress, progress_of
from services._runtime.processor.redrive import open_letters
from services._runtime.settings import RuntimeSettings

ASK_SECONDS: Final = 5.0


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `status` to the command line."""
    parser = subparsers.add_parser("status", help="who works, what lies in the dead-letter topics, who is ready")
    parser.add_argument("url", nargs="*", help="addresses of service processes to ask, http://host:port")
    parser.set_defaults(run=_run)


def processor_lines(found: Sequence[Progress], now: datetime) -> Iterator[str]:
    """A line for each processor, and one for each of its members."""
    for progress in found:
        waits = age(progress.waiting_since, now)
        behind = f"{progress.records:,} records behind" + (f", the oldest waits for {waits}" if waits else "")
        yield f"{progress.processor:<20} {progress.state if progress.members else 'nobody works':<14} {behind}"
        for member in progress.members:
            yield f"  {member.client_id:<26} {member.host:<18} {member.partitions} partitions"


def health_lines(url: str, report: Mapping[str, Any] | None) -> Iterator[str]:
    """What a process says of itself; None is one that did not answer."""
    if report is None:
        yield f"{url:<32} does not answer"
        return
    yield f"{url:<32} {'ready' if report['ready'] else 'NOT READY'}"
    for name, part in report["parts"].items():
        yield f"  {name:<26} {'' if part['ready'] else 'not ready: '}{part['status']}"


def ask(url: str) -> Mapping[str, Any] | None:
    """The readiness report of a process, None without an answer that is one."""
    try:
        answered = httpx.get(f"{url.rstrip('/')}/readyz", timeout=ASK_SECONDS).json()
    except (httpx.HTTPError, ValueError):
        return None
    return answered if isinstance(answered, dict) and {"ready", "parts"} <= answered.keys() else None


def _run(arguments: argparse.Namespace) -> int:
    clock, settings = SystemClock(), RuntimeSettings()
    try:
        found = progress_of(settings, clock)
        letters = {service: len(open_letters(settings, service, clock)) for service in SERVICES}
    except (KafkaException, KeyError, TimeoutError) as error:
        sys.stderr.write(f"Kafka: {error}\n")
        return 1
    reports = {url: ask(url) for url in arguments.url}
    lines = list(processor_lines(found, clock.now()))
    lines.append("dead letters open: " + ", ".join(f"{service} {number}" for service, number in letters.items()))
    for url, report in reports.items():
        lines += health_lines(url, report)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    well = all(progress.members for progress in found) and all(each and each["ready"] for each in reports.values())
    return 0 if well else 1
