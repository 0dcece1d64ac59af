"""How long a customer's request takes to be somebody's: from the 202 to the assignment, the whole stack on one machine.

Requests come over HTTP at an even pace, whatever becomes of those before (an open loop): 202 means that every in-sync
replica has the request. From there it passes normaliser, ledger, router and ledger again, each exactly once. An
independent read_committed consumer sees the ticket's `TicketAssigned`; its Kafka timestamp says when it was written,
its arrival when everybody else could know. Technicians are many enough that nobody waits for one; customers give no
address, so the notifier writes to technicians alone.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml

from benchmarks.engines.progress import cpu_seconds
from deploy.local.demo.api import Api, CallFailedError, client, now_ms
from deploy.local.demo.audit import audit
from deploy.local.demo.claims import Accepted
from deploy.local.demo.customers import SOURCE
from deploy.local.demo.reader import Reader
from deploy.local.demo.report import latencies, spread
from deploy.local.demo.scenario import Accounts
from deploy.local.folders import BUILD
from deploy.local.stack import DIRECTORY, Plan, Stack

SETTLE_SECONDS: Final = 60.0
CAPACITY: Final = 1_000
CHANNELS: Final = ("portal", "app", "phone", "relay")
PARTITIONS: Final = 8
_LOOK_SECONDS: Final = 0.2


@dataclass(frozen=True)
class Latency:
    """One measured run. Times are in milliseconds, `spread`s of p50, p99 and maximum.

    `cpu_ms_a_ticket` is what each process spent on a ticket, which other load on the machine changes little.
    """

    asked_per_second: float
    accepted_per_second: float
    requests: int
    failed: int
    unassigned: int
    unaccounted: int
    to_accepted_ms: dict[str, float]
    accepted_to_assigned_ms: dict[str, float]
    accepted_to_seen_ms: dict[str, float]
    cpu_ms_a_ticket: dict[str, float]


def measure(per_second: float, seconds: float, warm_up_seconds: float) -> Latency:
    """Start a stack, warm it up at half the pace, and measure."""
    folder = BUILD / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"AFTERCARE_ACCEPT_WITHIN_SECONDS": "0", "AFTERCARE_LOG_LEVEL": "warning"}
    plan = Plan(name="bench", partitions=PARTITIONS, settings=settings, directory=_roomy_directory(folder))
    accounts = Accounts()
    with Stack(plan) as stack, Reader(stack.kafka.bootstrap, accounts.books.take, now_ms, gather_ms=0) as reader:
        return asyncio.run(_run(stack, accounts, reader, per_second, seconds, warm_up_seconds))


async def _run(
    stack: Stack, accounts: Accounts, reader: Reader, per_second: float, seconds: float, warm_up_seconds: float
) -> Latency:
    async with client() as http:
        load = _Load(stack, accounts, http)
        await load.send(per_second / 2, warm_up_seconds)
        await load.all_assigned()
        warmed_up = len(accounts.claims.accepted)
        load.answered_ms.clear()
        before = _cpu_seconds(stack)
        taken_seconds = await load.send(per_second, seconds)
        unassigned = await load.all_assigned()
        spent = {name: seconds - before[name] for name, seconds in _cpu_seconds(stack).items()}
    await asyncio.to_thread(reader.read_to_end, SETTLE_SECONDS)
    unaccounted = len(audit(accounts.claims, accounts.books, lives_end=False))
    del accounts.claims.accepted[:warmed_up]
    return Latency(
        asked_per_second=per_second,
        accepted_per_second=round(len(accounts.claims.accepted) / taken_seconds, 1),
        requests=len(accounts.claims.accepted),
        failed=load.failed,
        unassigned=unassigned,
        unaccounted=unaccounted,
        to_accepted_ms=spread(load.answered_ms),
        accepted_to_assigned_ms=latencies(accounts.claims, accounts.books, "written"),
        accepted_to_seen_ms=latencies(accounts.claims, accounts.books, "seen"),
        cpu_ms_a_ticket={
            name: round(seconds * 1_000 / len(accounts.claims.accepted), 2) for name, seconds in spent.items()
        },
    )


class _Load:
    """Sends requests of people who all ask something else."""

    def __init__(self, stack: Stack, accounts: Accounts, http: aiohttp.ClientSession) -> None:
        self.failed = 0
        self.answered_ms: list[float] = []
        self._accounts = accounts
        self._api = Api(stack.services["intake"].url, stack.secret, http)
        self._token = self._api.token(SOURCE, "system")
        self._numbers = count()

    async def send(self, per_second: float, seconds: float) -> float:
        """Begin requests at this pace for so long; return the seconds until the last was answered."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as group:
            for place in range(round(per_second * seconds)):
                await asyncio.sleep(max(0.0, began + place / per_second - loop.time()))
                group.create_task(self._ask())
        return loop.time() - began

    async def _ask(self) -> None:
        number = next(self._numbers)
        channel, external_id = CHANNELS[number % len(CHANNELS)], f"bench-{number}"
        body = {
            "channel": channel,
            "external_id": external_id,
            "requester": {"requester_id": f"caller-{number}", "language": "zh-CN"},
            "subject": "网关报错 502",
            "body": "部分用户访问网关时报错，请协助排查。" * 4,
            "product": "gateway",
            "version": "4.2",
        }
        began = asyncio.get_running_loop().time()
        try:
            answer = await self._api.send_request(body, token=self._token)
        except CallFailedError:
            self.failed += 1
            return
        self.answered_ms.append((asyncio.get_running_loop().time() - began) * 1_000)
        self._accounts.claims.accepted.append(Accepted(channel, external_id, now_ms(), str(answer["ticket_id"])))

    async def all_assigned(self) -> int:
        """Wait until every accepted request is assigned, within a bound; return how many are not."""
        ids = [claim.ticket_id for claim in self._accounts.claims.accepted]
        missing = len(ids)
        for _ in range(round(SETTLE_SECONDS / _LOOK_SECONDS)):
            missing = len(ids) - len(self._accounts.books.assigned_ms(ids))
            if missing == 0:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        return missing


def _cpu_seconds(stack: Stack) -> dict[str, float]:
    """Return the CPU time of each process of the stack so far."""
    services = [each.running for each in stack.services.values()]
    servers = [stack.redis.running, stack.mail.running, *(node.running for node in stack.kafka.nodes.values())]
    return {each.name: cpu_seconds(each.pid) for each in (*services, *servers) if each is not None}


def _roomy_directory(folder: Path) -> Path:
    """Write the demo's people with room for any number of tickets."""
    whole: dict[str, Any] = yaml.safe_load(DIRECTORY.read_text("utf-8"))
    for technician in whole["technicians"]:
        technician["capacity"] = CAPACITY
    wanted = {name: whole[name] for name in ("tenant", "pools", "technicians", "customers")}
    path = folder / "directory.yaml"
    path.write_text(json.dumps(wanted, ensure_ascii=False), "utf-8")
    return path
