"""The whole product under faults: three brokers, two instances of each service, Redis, mail, and people at work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from deploy.local import services
from deploy.local.demo.api import Api, client, now, now_ms
from deploy.local.demo.audit import audit
from deploy.local.demo.customers import Customers, paced
from deploy.local.demo.mailbox import PostOffice
from deploy.local.demo.reader import Reader, Record
from deploy.local.demo.scale import service_settings
from deploy.local.demo.scenario import Accounts, technician_ids
from deploy.local.demo.technicians import QUICK, Technician
from deploy.local.stack import Plan, Stack
from tests.chaos.account import Account
from tests.chaos.clocks import Clocks
from tests.chaos.proxy import ProxyNetwork
from tests.chaos.run import Outcome
from tests.e2e.bed import plain_cases, until

INSTANCES: Final = 2
REQUESTS: Final = 30
PER_SECOND: Final = 3.0
FIRST_SECONDS: Final = 3.0
GIVE_UP_SECONDS: Final = 90.0
SETTLE_SECONDS: Final = 90.0
READ_SECONDS: Final = 30.0
LOOKS: Final = 40
LOOK_SECONDS: Final = 0.3
WAITING: Final = ("new", "classified", "queued")

Trouble = Callable[["ProductBed"], Awaitable[None]]


@dataclass
class ProductBed:
    """A running stack with both sides of the account, which grow from fault to fault."""

    stack: Stack
    network: ProxyNetwork
    reader: Reader
    accounts: Accounts
    clocks: Clocks
    complaints: list[str] = field(default_factory=list)
    _first_number: int = 0

    # ── for faults ──────────────────────────────────────────────────────────────────────────────────────────────

    async def ready(self, name: str) -> None:
        """Wait until a process is ready."""
        await until(self.stack.services[name].is_ready, services.READY_SECONDS, f"{name} to be ready")

    async def restart(self, *names: str) -> None:
        """Start ended processes again and wait until they are ready."""
        for name in names:
            self.stack.restart_service(name)
        for name in names:
            await self.ready(name)

    # ── a run ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def suffer(self, name: str, trouble: Trouble) -> Outcome:
        """Let people work, bring a trouble, and settle the account of what is new since the last one."""
        before, records = self._findings(), self.accounts.books.records
        self.complaints = []
        async with client() as http:
            people, customers = self._people(http)
            try:
                arriving = asyncio.ensure_future(self._arrivals(customers))
                await asyncio.sleep(FIRST_SECONDS)
                await trouble(self)
                await asyncio.gather(arriving, *(self.ready(each) for each in self.stack.services))
                await self._settled()
            except AssertionError as error:
                self.complaints.append(str(error))
            finally:
                for each in people:
                    each.cancel()
                await asyncio.gather(*people, return_exceptions=True)
        await asyncio.to_thread(self.reader.read_to_end, READ_SECONDS)
        account = await self._quiet_account(before, records)
        return Outcome(name, (name,), account, tuple(self.complaints))

    def _people(self, http: aiohttp.ClientSession) -> tuple[list[asyncio.Task[None]], list[Customers]]:
        """Half of the people talk to one instance of intake, half to the other."""
        claims, office = self.accounts.claims, PostOffice(self.stack.mail.smtp_port, self.stack.mail.imap_port)
        apis = [
            Api(self.stack.services[name].url, self.stack.secret, http, give_up_seconds=GIVE_UP_SECONDS)
            for name in ("intake", "intake-1")
        ]
        ids = technician_ids(self.stack.plan.directory)
        working = [
            asyncio.create_task(Technician(each, QUICK, apis[place % 2], claims, seed=self._first_number).work())
            for place, each in enumerate(ids)
        ]
        return working, [Customers(api, http, office, claims, seed=self._first_number) for api in apis]

    async def _arrivals(self, customers: list[Customers]) -> None:
        first, self._first_number = self._first_number, self._first_number + REQUESTS
        cases = plain_cases(REQUESTS, first_number=first)
        await asyncio.gather(
            *(paced(cases[place::2], PER_SECOND / 2, each.live) for place, each in enumerate(customers))
        )

    async def _settled(self) -> None:
        """Wait until what was accepted is there, nobody waits, and the router knows what technicians hold."""
        books = self.accounts.books

        def is_settled() -> bool:
            statuses = books.statuses()
            waiting = sum(statuses[status] for status in WAITING)
            return not waiting and books.held_by() == books.loads() and not self._unaccounted()

        await until(is_settled, SETTLE_SECONDS, "everything accepted to be somebody's, and loads to be what they hold")

    # ── the account ─────────────────────────────────────────────────────────────────────────────────────────────

    def _unaccounted(self) -> list[str]:
        found = audit(self.accounts.claims, self.accounts.books, lives_end=False)
        return [f"{finding.ticket_id}: {finding.problem}" for finding in found]

    def _findings(self) -> dict[str, list[str]]:
        books = self.accounts.books
        held, loads = books.held_by(), books.loads()
        unaccounted = self._unaccounted()
        return {
            "lost": [each for each in unaccounted if "its sequence" not in each],
            "out_of_order": [each for each in unaccounted if "its sequence" in each],
            "duplicates": books.duplicate_ids(),
            "early_timers": self.clocks.early(),
            "missed_timers": self.clocks.missed(now()),
            "state_differs": [
                *(f"{each}: holds {held.get(each)}, weighs {loads.get(each)}" for each in _unlike(held, loads)),
                *self.clocks.stale_snapshots(),
            ],
            "unexplained": [f"dead letter {letter}" for letter in books.dead_letters],
        }

    async def _quiet_account(self, before: dict[str, list[str]], records: int) -> Account:
        """Take the account at a moment when no event was read whose snapshot or load is still to be read."""
        for _ in range(LOOKS):
            account = self._account(before, self.accounts.books.records - records)
            if not account.state_differs:
                break
            await asyncio.sleep(LOOK_SECONDS)
        else:
            account = self._account(before, self.accounts.books.records - records)
        return account

    def _account(self, before: dict[str, list[str]], events: int) -> Account:
        account = Account(events=events)
        for kind, found in self._findings().items():
            getattr(account, kind).extend(each for each in found if each not in before[kind])
        return account


def _unlike(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return [key for key in one.keys() | other.keys() if one.get(key, set()) != other.get(key, set())]


@contextmanager
def running_product() -> Iterator[ProductBed]:
    """Start everything; services are told to let a ticket's life pass in seconds."""
    network = ProxyNetwork()
    accounts, clocks = Accounts(), Clocks()
    plan = Plan(
        name="chaos-product",
        instances=dict.fromkeys(services.NAMES, INSTANCES),
        partitions=4,
        kafka_nodes=3,
        kafka_heap_megabytes=384,
        kafka_network=network,
        settings=service_settings(),
        short_lived=True,
    )

    def take(record: Record) -> None:
        accounts.books.take(record)
        clocks.take(record)

    try:
        with Stack(plan) as stack, Reader(stack.kafka.bootstrap, take, now_ms) as reader:
            yield ProductBed(stack, network, reader, accounts, clocks)
    finally:
        network.close()
