"""The whole product under faults: three brokers, two instances of each service, Redis, mail, and people at work."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from deploy.local import services
from deploy.local.demo.api import Api, client, now, now_ms
from deploy.local.demo.audit import audit
from deploy.local.demo.customers import Customers
from deploy.local.demo.mailbox import PostOffice
from deploy.local.demo.reader import Reader, Record
from deploy.local.demo.scale import service_settings
from deploy.local.demo.scenario import Accounts, levels_of_staff
from deploy.local.demo.technicians import QUICK, Technician
from deploy.local.errors import StackError
from deploy.local.folders import BUILD
from deploy.local.stack import DIRECTORY, Plan, Stack
from tests.chaos.account import Account, silences
from tests.chaos.clocks import Clocks
from tests.chaos.proxy import ProxyNetwork
from tests.chaos.run import Outcome
from tests.e2e.bed import plain_cases, until

INSTANCES: Final = 2
REQUESTS_MAX: Final = 150
PER_SECOND: Final = 1.5
FIRST_SECONDS: Final = 3.0
AFTER_SECONDS: Final = 4.0
"""People go on asking for so long after all is back, so that whoever is silent then is not idle."""
OUTPUTS: Final = ("ticket.events", "ticket.assignments", "ticket.sla", "notifier.outbox")
"""Of these every new ticket brings something soon, so that their silence is how long a fault was felt. What feedback
says comes long after, and too rarely to tell silence from idleness."""
GIVE_UP_SECONDS: Final = 90.0
SETTLE_SECONDS: Final = 90.0
READ_SECONDS: Final = 30.0
LOOKS: Final = 40
LOOK_SECONDS: Final = 0.3
CAPACITY: Final = 500
"""Of everybody: a machine that is slow under faults must not look like a pool that is full."""
PATIENCE: Final = {"AFTERCARE_ACCEPT_WITHIN_SECONDS": "60"}
"""Longer than a fault keeps people from accepting what they are given. Who lets a ticket lie too long is not given it
again, and where that befalls both experts of a pool at once, nobody is left for it."""
WAITING: Final = ("new", "classified", "queued")
SHOWN: Final = 3

Trouble = Callable[["ProductBed"], Awaitable[None]]


@dataclass
class ProductBed:
    """A running stack with both sides of the account, which grow from fault to fault."""

    stack: Stack
    network: ProxyNetwork
    reader: Reader
    accounts: Accounts
    clocks: Clocks
    outputs: dict[str, list[Record]]
    routed: dict[str, dict[str, Any]]
    complaints: list[str] = field(default_factory=list)
    _asked: int = 0

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
        began_ms = ended_ms = now_ms()
        async with client() as http:
            people, customers = self._people(http)
            enough = asyncio.Event()
            try:
                arriving = asyncio.ensure_future(self._arrivals(customers, enough))
                await asyncio.sleep(FIRST_SECONDS)
                began_ms = now_ms()
                await trouble(self)
                await asyncio.gather(*(self.ready(each) for each in self.stack.services))
                ended_ms = now_ms()
                await asyncio.sleep(AFTER_SECONDS)
                enough.set()
                await arriving
                await self._settled()
            except (AssertionError, StackError) as error:
                self.complaints.append(f"{error}; {self._unsettled()}")
            finally:
                enough.set()
                for each in people:
                    each.cancel()
                await asyncio.gather(*people, return_exceptions=True)
        try:
            await asyncio.to_thread(self.reader.read_to_end, READ_SECONDS)
        except StackError as error:
            self.complaints.append(str(error))
        account = await self._quiet_account(before, records)
        account.recovery_seconds, where = self._longest_silence(began_ms, ended_ms)
        return Outcome(name, (name,), account, tuple(self.complaints), silent=where)

    def _people(self, http: aiohttp.ClientSession) -> tuple[list[asyncio.Task[None]], list[Customers]]:
        """Half of the people talk to one instance of intake, half to the other."""
        claims, office = self.accounts.claims, PostOffice(self.stack.mail.smtp_port, self.stack.mail.imap_port)
        apis = [
            Api(self.stack.services[name].url, self.stack.secret, http, give_up_seconds=GIVE_UP_SECONDS)
            for name in ("intake", "intake-1")
        ]
        staff = levels_of_staff(self.stack.plan.directory)
        working = [
            asyncio.create_task(Technician(each, QUICK, apis[place % 2], claims, level=level, seed=self._asked).work())
            for place, (each, level) in enumerate(staff.items())
        ]
        return working, [Customers(api, http, office, claims, seed=self._asked) for api in apis]

    async def _arrivals(self, customers: list[Customers], enough: asyncio.Event) -> None:
        """Let somebody new ask at an even pace until it is enough, and wait for all of their answers."""
        cases = plain_cases(REQUESTS_MAX, first_number=self._asked)
        async with asyncio.TaskGroup() as asking:
            for place, case in enumerate(cases):
                if enough.is_set():
                    return
                self._asked += 1
                asking.create_task(customers[place % len(customers)].live(case))
                await asyncio.sleep(1 / PER_SECOND)

    async def _settled(self) -> None:
        """Wait until what was accepted is there, nobody waits, and the router knows what technicians hold."""
        books = self.accounts.books

        def is_settled() -> bool:
            statuses = books.statuses()
            waiting = sum(statuses[status] for status in WAITING)
            return not waiting and books.held_by() == books.loads() and not self._unaccounted()

        await until(is_settled, SETTLE_SECONDS, "everything accepted to be somebody's, and loads to be what they hold")

    def _unsettled(self) -> str:
        """What there is to be seen of what did not come to its end, and why the router left it where it is."""
        books = self.accounts.books
        with books.lock:
            waiting = [each for each, life in books.lives.items() if life.status in WAITING]
            last = {
                each: ([fact.kind for fact in books.lives[each].facts[-SHOWN:]], self.routed.get(each))
                for each in waiting[:SHOWN]
            }
        unlike = _unlike(books.held_by(), books.loads())[:SHOWN]
        return f"{len(waiting)} wait, as {last}; loads differ of {unlike}; {self._unaccounted()[:SHOWN]}"

    def _longest_silence(self, began_ms: float, ended_ms: float) -> tuple[float | None, str]:
        """The longest time in seconds that a partition of an output was silent, and which it was."""
        found = [
            (seconds, f"{topic}/{partition}")
            for topic, records in self.outputs.items()
            for partition, seconds in silences(tuple(records), began_ms, ended_ms).items()
        ]
        return max(found, default=(None, ""))

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


def roomy_directory() -> Path:
    """The demo's directory, in which nobody is ever full."""
    text = re.sub(r"capacity: \d+", f"capacity: {CAPACITY}", DIRECTORY.read_text("utf-8"))
    text = re.sub(r"definition_file: (?=[^/])", f"definition_file: {DIRECTORY.parent}/", text)
    path = BUILD / "chaos" / "directory.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


@contextmanager
def running_product() -> Iterator[ProductBed]:
    """Start everything; services are told to let a ticket's life pass in seconds."""
    network = ProxyNetwork()
    accounts, clocks = Accounts(), Clocks()
    outputs: dict[str, list[Record]] = {topic: [] for topic in OUTPUTS}
    routed: dict[str, dict[str, Any]] = {}
    plan = Plan(
        name="chaos-product",
        instances=dict.fromkeys(services.NAMES, INSTANCES),
        partitions=4,
        kafka_nodes=3,
        kafka_heap_megabytes=384,
        kafka_network=network,
        settings={**service_settings(), **PATIENCE},
        directory=roomy_directory(),
        short_lived=True,
    )

    def take(record: Record) -> None:
        accounts.books.take(record)
        clocks.take(record)
        if (silent := outputs.get(record.topic)) is not None:
            silent.append(record._replace(event=None))
        if record.topic == "ticket.assignments" and record.event is not None:
            routed[record.key] = record.event["data"]

    try:
        with Stack(plan) as stack, Reader(stack.kafka.bootstrap, take, now_ms) as reader:
            yield ProductBed(stack, network, reader, accounts, clocks, outputs, routed)
    finally:
        network.close()
