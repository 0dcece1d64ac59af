"""The command line of `what-if`."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from rich.console import Console

from schemas.vocabulary import Language
from services._runtime.arguments import instant, zone
from services._runtime.clock import Clock, SystemClock
from services._runtime.directory.directory import Directory
from services._runtime.directory.file import DirectoryFileError
from services._runtime.kafka.bounded import BrokersSilentError, TopicUnreadableError
from services.sla_monitor.adapters.what_if.page import render
from services.sla_monitor.adapters.what_if.proposal import InvalidProposal, Proposal, read_proposal, sides_of
from services.sla_monitor.adapters.what_if.replay import Replay
from services.sla_monitor.adapters.what_if.report import Report, report_of
from services.sla_monitor.adapters.what_if.source import file_directory, file_parts, kafka_directory, kafka_parts
from services.sla_monitor.adapters.what_if.terminal import show
from services.sla_monitor.domain.calendar import InvalidCalendar
from services.sla_monitor.domain.policy import InvalidPolicy
from services.sla_monitor.settings import PolicySettings

ZONE: Final = "Asia/Shanghai"
_REFUSALS: Final = (
    InvalidPolicy,
    InvalidCalendar,
    InvalidProposal,
    DirectoryFileError,
    TopicUnreadableError,
    BrokersSilentError,
    OSError,
)


def what_if(arguments: Sequence[str], clock: Clock | None = None) -> int:
    """Replay and report; the exit status. What can't be used is said on standard error, with the file's name."""
    options = _parser().parse_args(arguments)
    clock = clock or SystemClock()
    console = Console()
    try:
        proposal = read_proposal(options.policy, options.calendar, options.instead_of)
        began_seconds = clock.monotonic_seconds()
        report = _replayed(options, proposal, clock)
        took_seconds = clock.monotonic_seconds() - began_seconds
        _write(options, report)
    except _REFUSALS as error:
        print(f"what-if: {error}", file=sys.stderr)  # noqa: T201 - a command line prints
        return 1
    show(report, options.lang, console)
    rate = 60 * report.tickets / max(took_seconds, 1e-9)
    console.print(f"{took_seconds:.1f} s, {rate:,.0f} tickets/min", style="dim", highlight=False)
    for path in (options.html, options.json):
        if path is not None:
            console.print(f"→ {path}", markup=False, highlight=False)
    return 0


def _replayed(options: argparse.Namespace, proposal: Proposal, clock: Clock) -> Report:
    settings = PolicySettings()
    since, until = options.since, options.until or clock.now()
    directory = _directory(options, settings, clock)
    replay = Replay(sides_of(proposal, directory, settings), directory, since, until)
    parts = file_parts(options.input) if options.input is not None else kafka_parts(settings, since)
    # Millions of facts without a cycle among them: looking for cycles would take a third of the time.
    gc.disable()
    try:
        replay.run(parts)
    finally:
        gc.enable()
    return report_of(replay, proposal, since, until, options.timezone)


def _directory(options: argparse.Namespace, settings: PolicySettings, clock: Clock) -> Directory:
    if options.directory is not None:
        return file_directory(options.directory, clock.now())
    return Directory() if options.input is not None else kafka_directory(settings)


def _write(options: argparse.Namespace, report: Report) -> None:
    if options.json is not None:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    if options.html is not None:
        options.html.write_text(render(report, options.lang), "utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.sla_monitor what-if",
        description="Replay past tickets under a proposed policy. Reads only; nothing live is written.",
    )
    parser.add_argument("--policy", type=Path, required=True, metavar="FILE", help="the proposal, as policies/*.yaml")
    parser.add_argument(
        "--calendar",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a calendar that it names; repeatable",
    )
    parser.add_argument("--instead-of", metavar="ID", help="the policy that it replaces, where its own id is another")
    parser.add_argument("--since", type=instant, required=True, metavar="WHEN", help="tickets opened from then on")
    parser.add_argument("--until", type=instant, metavar="WHEN", help="replayed as it stood then; default: now")
    parser.add_argument(
        "--input", type=Path, metavar="FILE", help="events as JSON lines instead of ticket.events on Kafka"
    )
    parser.add_argument(
        "--directory", type=Path, metavar="FILE", help="a directory file instead of directory.* on Kafka"
    )
    parser.add_argument("--timezone", type=zone, default=ZoneInfo(ZONE), help=f"of hours and weeks; default: {ZONE}")
    parser.add_argument("--lang", type=Language, choices=list(Language), default=Language.ZH_CN)
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    return parser
