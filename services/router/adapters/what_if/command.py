"""The command line of `what-if`."""

from __future__ import annotations

import argparse
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
from services._runtime.directory.file import DirectoryFileError
from services._runtime.kafka.bounded import BrokersSilentError, TopicUnreadableError
from services.router.adapters.replay.command import logs_from, rules_of
from services.router.adapters.replay.source import LogFileError
from services.router.adapters.what_if.history import History, history_of
from services.router.adapters.what_if.page import render
from services.router.adapters.what_if.proposal import InvalidProposal, Proposal, proposed, read_proposal
from services.router.adapters.what_if.report import Report, Sides, report_of
from services.router.adapters.what_if.simulation import Simulation
from services.router.adapters.what_if.terminal import show
from services.router.settings import RoutingSettings

ZONE: Final = "Asia/Shanghai"
_REFUSALS: Final = (
    InvalidProposal,
    DirectoryFileError,
    LogFileError,
    TopicUnreadableError,
    BrokersSilentError,
    OSError,
)


def what_if(arguments: Sequence[str], clock: Clock | None = None) -> int:
    """Simulate both sides and report; the exit status. What can't be used is said on standard error."""
    options = _parser().parse_args(arguments)
    console = Console()
    clock = clock or SystemClock()
    try:
        proposal = read_proposal(options.roster, options.policy)
        began_seconds = clock.monotonic_seconds()
        report = _simulated(options, proposal, clock)
        took_seconds = clock.monotonic_seconds() - began_seconds
        _write(options, report)
    except _REFUSALS as error:
        print(f"what-if: {error}", file=sys.stderr)  # noqa: T201 - a command line prints
        return 1
    show(report, options.lang, console)
    console.print(f"{took_seconds:.1f} s", style="dim", highlight=False)
    for path in (options.html, options.json):
        if path is not None:
            console.print(f"→ {path}", markup=False, highlight=False)
    return 0


def _simulated(options: argparse.Namespace, proposal: Proposal, clock: Clock) -> Report:
    logs = logs_from(options.input)
    pools = frozenset(options.pool) or None
    history = history_of(logs.work(), logs.said(), pools, options.since, options.until or clock.now())
    if not history.chains:
        raise InvalidProposal("no work in that time: look at --since, --until and --pool")
    return report_of(sides_of(history, proposal), proposal.title, options.timezone)


def sides_of(history: History, proposal: Proposal) -> Sides:
    """Both sides, simulated."""
    rules = rules_of(RoutingSettings())
    pools = {chain.pieces[0].offer.pool for chain in history.chains}
    then = proposed(history, proposal, pools)
    sides = (
        Simulation(rules, history.since, history.until, history.held_seconds).run(people, history.chains)
        for people in (history.people, then)
    )
    return Sides(history, next(sides), next(sides), history.people, then)


def _write(options: argparse.Namespace, report: Report) -> None:
    if options.json is not None:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    if options.html is not None:
        options.html.write_text(render(report, options.lang), "utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.router what-if",
        description="Assign past work again with other people or by other rules. Reads only; nothing live is written.",
    )
    parser.add_argument("--roster", type=Path, metavar="FILE", help="a directory file: its technicians, in their pools")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="a routing policy (YAML), for every pool looked at")
    parser.add_argument("--pool", action="append", default=[], metavar="NAME", help="repeatable; default: all pools")
    parser.add_argument("--since", type=instant, required=True, metavar="WHEN", help="work from then on")
    parser.add_argument("--until", type=instant, metavar="WHEN", help="up to then; default: now")
    parser.add_argument("--input", type=Path, metavar="FILE", help="both logs as JSON lines instead of Kafka's topics")
    parser.add_argument("--timezone", type=zone, default=ZoneInfo(ZONE), help=f"of times; default: {ZONE}")
    parser.add_argument("--lang", type=Language, choices=list(Language), default=Language.ZH_CN)
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    return parser
