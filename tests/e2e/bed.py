"""A whole stack for one test, with an independent reader of its topics, and bounded waits."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from deploy.local import jars, services
from deploy.local.demo.api import now_ms
from deploy.local.demo.audit import Finding, audit
from deploy.local.demo.cases import Case, http_cases
from deploy.local.demo.reader import Reader
from deploy.local.demo.scale import SMALL, service_settings
from deploy.local.demo.scenario import Accounts
from deploy.local.stack import DIRECTORY, Plan, Stack

_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Bed:
    """A running stack, and the two sides of the account."""

    stack: Stack
    accounts: Accounts
    reader: Reader

    def unaccounted(self) -> list[Finding]:
        """What the topics owe the clients so far, and tickets that weigh on someone who does not have them."""
        return audit(self.accounts.claims, self.accounts.books, lives_end=False)

    def unequal_loads(self) -> dict[str, set[str]]:
        """Tickets by technician on which the router's topics and the tickets' own events differ."""
        held, loads = self.accounts.books.held_by(), self.accounts.books.loads()
        differing = {each: held.get(each, set()) ^ loads.get(each, set()) for each in {*held, *loads}}
        return {technician_id: tickets for technician_id, tickets in differing.items() if tickets}


@contextmanager
def running_stack(
    name: str,
    names: tuple[str, ...] = services.NAMES,
    *,
    settings: Mapping[str, str] | None = None,
    directory: Path = DIRECTORY,
    alerts_to: str | None = None,
) -> Iterator[Bed]:
    """One instance of each service named, on a Kafka, Redis and mail server of their own.

    With `alerts_to`, the address of a webhook, Prometheus looks at them every second and alerts go there.
    """
    jars.ensure()
    plan = Plan(
        name=f"e2e-{name}-{os.getpid()}",
        instances=dict.fromkeys(names, 1),
        settings={**service_settings(), **(settings or {})},
        directory=directory,
        short_lived=True,
        watched=alerts_to is not None,
        scrape_seconds=1,
        alerts_to=alerts_to,
    )
    accounts = Accounts()
    with Stack(plan) as stack, Reader(stack.kafka.bootstrap, accounts.books.take, now_ms) as reader:
        yield Bed(stack, accounts, reader)


def hurried_directory(folder: Path) -> Path:
    """The demo's directory, its policy with half the seconds."""
    whole: dict[str, Any] = yaml.safe_load(DIRECTORY.read_text("utf-8"))
    del whole["calendars"]  # the policy runs around the clock, and PyYAML takes 09:00 for a number
    (entry,) = whole["sla_policies"]
    policy: dict[str, Any] = yaml.safe_load((DIRECTORY.parent / entry.pop("definition_file")).read_text("utf-8"))
    for targets in policy["targets"].values():
        for target in targets.values():
            target["seconds"] /= 2
    entry["definition"] = yaml.safe_dump(policy, allow_unicode=True)
    path = folder / "directory.yaml"
    path.write_text(yaml.safe_dump(whole, allow_unicode=True), "utf-8")
    return path


def plain_cases(count: int, *, first_number: int = 0) -> list[Case]:
    """Cases of people who ask and leave it at that; a few ask twice."""
    scale = replace(
        SMALL,
        tickets=count,
        cancelled=0,
        follow_up_share=0.0,
        confirming_share=0.0,
        rating_share=0.0,
        repeated_share=0.2,
    )
    return http_cases(scale, first_number=first_number)


async def until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until `condition` is true; fails the test when that takes longer than `seconds`."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    while not condition():
        assert loop.time() < ends_at, f"waited {seconds:g} s in vain for {what}"
        await asyncio.sleep(_LOOK_SECONDS)
