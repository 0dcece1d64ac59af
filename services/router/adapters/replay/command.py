"""The command line of `why`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from schemas.ids import find_ticket_id
from services._runtime.kafka.bounded import BrokersSilentError, TopicUnreadableError
from services._runtime.settings import KafkaSettings
from services.router.adapters.replay.asking import answer
from services.router.adapters.replay.source import FileLogs, KafkaLogs, LogFileError, Logs
from services.router.adapters.replay.why import Rules
from services.router.domain.reasons import UnknownDecisionError, Why
from services.router.handlers import router_topology
from services.router.settings import RoutingSettings

SHOWN_MAX: Final = 30
_REFUSALS: Final = (UnknownDecisionError, LogFileError, TopicUnreadableError, BrokersSilentError, OSError)


def why(arguments: Sequence[str]) -> int:
    """Decide a ticket's assignment again and show everyone; the exit status, 1 also where the replay differs."""
    options = _parser().parse_args(arguments)
    try:
        found = answer(
            logs_from(options.input),
            rules_of(RoutingSettings()),
            find_ticket_id(options.ticket) or options.ticket,
            None,
            options.generation,
        )
    except _REFUSALS as error:
        print(f"why: {error}", file=sys.stderr)  # noqa: T201 - a command line prints
        return 1
    if options.json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())  # noqa: T201 - as above
    else:
        show(found, Console(), options.limit)
    return 0 if found.equal else 1


def rules_of(settings: RoutingSettings) -> Rules:
    """By what the router decides with these settings."""
    return Rules(router_topology(settings), settings.policy)


def show(found: Why, console: Console, limit: int) -> None:
    """Print a decision with its first candidates."""
    told = found.told
    console.rule(f"{found.ticket_id} · {found.pool}")
    console.print(
        f"{told.outcome} {told.technician_id or ''} · generation {found.generation} · {found.decided_at.isoformat()} · "
        f"policy v{found.policy_version} · {found.position}",
        highlight=False,
    )
    table = Table("", "technician", "load", "dropped by", "not kept by", "weight", "parts")
    for each in found.candidates[:limit]:
        failed = [name for name, kept in each.verdicts.items() if not kept]
        parts = "  ".join(f"{name} {part:+.3f}" for name, part in each.parts.items() if part)
        table.add_row(
            "" if each.place is None else str(each.place),
            each.technician_id,
            f"{each.load}/{each.capacity}",
            each.dropped_by or "",
            ", ".join(failed[1:]),
            f"{each.weight:.6f}",
            parts,
        )
    console.print(table)
    if len(found.candidates) > limit:
        console.print(f"and {len(found.candidates) - limit} more (--limit, --json)", style="dim", highlight=False)
    dropped = ", ".join(f"{name} {count}" for name, count in told.dropped.items() if count)
    console.print(f"dropped: {dropped or 'nobody'}", highlight=False)
    if found.equal:
        console.print("The replay comes to what was decided.", style="green", highlight=False)
    else:
        console.print(f"The replay comes to something else: {found.replayed}", style="red", highlight=False)


def logs_from(path: Path | None) -> Logs:
    """The logs of a file, or Kafka's."""
    return KafkaLogs(KafkaSettings()) if path is None else FileLogs(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.router why",
        description="Decide a ticket's assignment again from the router's logs. Reads only; nothing live is written.",
    )
    parser.add_argument("ticket", help="the ticket's id")
    parser.add_argument("--generation", type=int, metavar="N", help="of the offer; default: the last one")
    parser.add_argument("--input", type=Path, metavar="FILE", help="the router's logs as JSON lines, not Kafka's")
    parser.add_argument("--limit", type=int, default=SHOWN_MAX, metavar="N", help=f"candidates; default: {SHOWN_MAX}")
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")
    return parser
