"""`make demo`: the whole loop on this machine, live, and then the account. Exits 0 only if it is without a hole."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from types import FrameType
from typing import Final

from rich.console import Console

from deploy.local import jars, prometheus
from deploy.local.demo.api import now_ms
from deploy.local.demo.live import View
from deploy.local.demo.reader import Reader
from deploy.local.demo.report import show
from deploy.local.demo.scale import Scale, service_settings
from deploy.local.demo.scenario import Accounts, play
from deploy.local.errors import StackError
from deploy.local.folders import BUILD
from deploy.local.register import write_json
from deploy.local.stack import Plan, Stack

_INTERRUPTED: Final = 130
_SCRAPE_SECONDS: Final = 2
"""A demo is over before Prometheus would have looked a few times at its usual pace."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.demo", description=__doc__)
    parser.add_argument("--tickets", type=int, default=Scale.tickets, help="over HTTP")
    parser.add_argument("--mails", type=int, default=Scale.mails, help="over SMTP")
    parser.add_argument("--rate", type=float, default=Scale.requests_per_second, help="requests a second")
    parser.add_argument("--seed", type=int, default=Scale.seed)
    parser.add_argument("--keep", action="store_true", help="leave the stack running, as `make up` does")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit code."""
    parsed = _parser().parse_args(arguments)
    scale = replace(
        Scale(), tickets=parsed.tickets, mails=parsed.mails, requests_per_second=parsed.rate, seed=parsed.seed
    )
    plan = Plan(
        name="up" if parsed.keep else "demo",
        settings=service_settings(),
        detached=parsed.keep,
        short_lived=not parsed.keep,
        watched=parsed.keep and prometheus.found() is not None,
        scrape_seconds=_SCRAPE_SECONDS,
    )
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console()
    try:
        return _run(plan, scale, console)
    except StackError as error:
        console.print(f"error: {error}", soft_wrap=True, markup=False)
        console.print(f"logs: {plan.folder}", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("interrupted; everything was stopped")
        return _INTERRUPTED


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(plan: Plan, scale: Scale, console: Console) -> int:
    jars.ensure()
    stack = Stack(plan)
    accounts = Accounts()
    kept = False
    try:
        console.print("starting Kafka, Redis, a mail server, topics, directory and the five services …")
        started_seconds = stack.start()
        console.print(f"up in {started_seconds:.1f} s; logs in {plan.folder}", soft_wrap=True)
        with (
            Reader(stack.kafka.bootstrap, accounts.books.take, now_ms) as reader,
            View(console, accounts.claims, accounts.books) as view,
        ):
            report = asyncio.run(play(stack, scale, accounts, view, reader))
        report.numbers["set_up_seconds"] = round(started_seconds, 1)
        write_json(BUILD / "demo" / "report.json", report.numbers)
        show(report, console, addresses=_addresses(stack, accounts, kept=plan.detached), logs=str(plan.folder))
        kept = plan.detached and report.passed
        return 0 if report.passed else 1
    finally:
        if not kept:
            stack.stop()


def _addresses(stack: Stack, accounts: Accounts, *, kept: bool) -> list[str]:
    claims = accounts.claims
    lines = [f"progress page: {url}" for url in claims.progress_urls[:1]]
    lines += [f"survey page: {url}" for url in claims.survey_urls[:1]]
    lines.append(f"API description: {stack.services['intake'].url}/docs")
    if stack.plan.watched:
        lines.append(f"Prometheus: {stack.prometheus.url}")
    if kept:
        return [*lines, "the stack keeps running with these pages; `make down` stops it"]
    return [
        *lines,
        "these pages end with the demo: `make demo ARGS=--keep` leaves them open, `make up` keeps the stack running",
    ]


if __name__ == "__main__":
    sys.exit(main())
