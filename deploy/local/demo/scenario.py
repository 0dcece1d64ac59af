"""What happens when: everyone at work until every ticket has come to its end, and then the account."""

import asyncio
import imaplib
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.local.demo.api import Api, client
from deploy.local.demo.audit import Finding, audit
from deploy.local.demo.books import Books
from deploy.local.demo.cases import http_cases, mail_cases
from deploy.local.demo.claims import Claims
from deploy.local.demo.coordinator import Coordinator
from deploy.local.demo.correspondents import Correspondents
from deploy.local.demo.customers import Customers, paced
from deploy.local.demo.live import View
from deploy.local.demo.mailbox import PostOffice
from deploy.local.demo.reader import Reader
from deploy.local.demo.report import Report, report_of, spread
from deploy.local.demo.scale import Scale
from deploy.local.demo.technicians import QUICK, Manner, Technician
from deploy.local.stack import Stack

_LOOK_SECONDS: Final = 0.25
_AUDIT_SECONDS: Final = 1.0
_STABLE_LOOKS: Final = 2
_READ_SECONDS: Final = 20.0
_COUNTERS: Final = 16


@dataclass
class Accounts:
    """The two sides that must agree: what clients were promised, and what the topics say."""

    claims: Claims = field(default_factory=Claims)
    books: Books = field(default_factory=Books)

    def open_matters(self) -> list[Finding]:
        """Return what is not over yet: whatever the audit finds, and surveys that are still to come or be answered."""
        return [*audit(self.claims, self.books), *self._open_surveys()]

    def _open_surveys(self) -> list[Finding]:
        answered = {answer.ticket_id for answer in self.claims.answers}
        found = []
        with self.books.lock:
            for ticket_id, life in self.books.lives.items():
                kinds = Counter(fact.kind for fact in self.books.feedback[ticket_id])
                decided = kinds["survey_requested"] + kinds["survey_skipped"]
                if life.status == "closed" and decided < len(life.of("closed")):
                    found.append(Finding(ticket_id, "nothing says whether its customer is asked for a rating"))
                offered = bool(life.of("survey_offered"))
                if offered and ticket_id in self.claims.will_rate and ticket_id not in answered:
                    found.append(Finding(ticket_id, "its customer has not rated yet"))
        return found


def levels_of_staff(directory: Path) -> dict[str, str]:
    """Return who works here and at which support level, by technician id, as the directory file has it."""
    return {
        each["technician_id"]: each["level"] for each in yaml.safe_load(directory.read_text("utf-8"))["technicians"]
    }


async def play(stack: Stack, scale: Scale, accounts: Accounts, view: View, reader: Reader) -> Report:
    """Play the whole loop on a running stack and settle the account; bounded by the scale's `loop_seconds_max`."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    office = PostOffice(stack.mail.smtp_port, stack.mail.imap_port)
    async with client() as http:
        api = Api(stack.services["intake"].url, stack.secret, http)
        cases, letters = http_cases(scale), mail_cases(scale)
        customers = Customers(api, http, office, accounts.claims, seed=scale.seed)
        writers = Correspondents(http, office, accounts.claims, seed=scale.seed)
        coordinator = Coordinator(api, accounts.claims, merges=scale.merged)
        slow = Manner(declining=0.0, asking_back=0.0, late_tickets=8, late_answer=scale.late_answer_seconds)
        at_work = [
            Technician(
                each,
                slow if each in scale.slow_technicians else QUICK,
                api,
                accounts.claims,
                level=level,
                seed=scale.seed,
            )
            for each, level in levels_of_staff(stack.plan.directory).items()
        ]
        sending_seconds = len(cases) / scale.requests_per_second
        arrivals = [
            paced(cases, scale.requests_per_second, customers.live),
            paced(letters, max(1.0, len(letters) / sending_seconds), writers.live),
            coordinator.intervene(cases),
        ]
        people = _all_of([*(each.work() for each in at_work), *arrivals])
        try:
            wanted = len(cases) + len(letters)
            settled = await _until_settled(accounts, wanted, scale.loop_seconds_max, view, people)
        finally:
            customers.closing.set()
            writers.closing.set()
            people.cancel()
            await asyncio.gather(people, return_exceptions=True)
    seconds = loop.time() - began
    view.show(seconds, "settling the account")
    await asyncio.to_thread(reader.read_to_end, _READ_SECONDS)
    answers = {f"http_{method.casefold()}_ms": spread(taken) for method, taken in api.answered_ms.items()}
    more = {"loop_seconds": round(seconds, 1), "settled": settled, "client_retries": api.retries, **answers}
    return await _settle(accounts, office, more)


async def _until_settled(
    accounts: Accounts, wanted: int, seconds_max: float, view: View, people: "asyncio.Future[Any]"
) -> bool:
    """Wait until every request was sent and nothing is open any more; tell whether it came to that in time.

    Raises:
        BaseException: what ended the people, who never end by themselves.
    """
    loop = asyncio.get_running_loop()
    began, looked, quiet = loop.time(), 0.0, 0
    note = ""
    while loop.time() - began < seconds_max:
        if people.done() and (error := people.exception()) is not None:
            raise error
        if loop.time() - looked >= _AUDIT_SECONDS:
            looked = loop.time()
            missing = wanted - len(accounts.claims.accepted)
            matters = accounts.open_matters() if missing == 0 else []
            note = f"{missing} to be sent" if missing else f"{len(matters)} open"
            quiet = quiet + 1 if missing == 0 and not matters else 0
            if quiet >= _STABLE_LOOKS:
                return True
        view.show(loop.time() - began, note)
        await asyncio.sleep(_LOOK_SECONDS)
    return False


async def _settle(accounts: Accounts, office: PostOffice, more: dict[str, Any]) -> Report:
    claims, books = accounts.claims, accounts.books
    findings = accounts.open_matters()
    short, found = await _mails_found(office, books)
    findings += short
    return report_of(claims, books, findings, {**more, "mails_in_mailboxes": found})


async def _mails_found(office: PostOffice, books: Books) -> tuple[list[Finding], int]:
    """Count the mailboxes of everyone that a mail was sent to: what counts as sent must lie there."""
    with books.lock:
        mails = {
            (books.deliveries[delivery_id].address, mail)
            for delivery_id, mail in books.mails.items()
            if delivery_id in books.deliveries
        }
        sent = Counter(address for address, _ in mails)
    gate = asyncio.Semaphore(_COUNTERS)

    async def count(address: str) -> int:
        async with gate:
            try:
                return await asyncio.to_thread(office.count, address)
            except (OSError, imaplib.IMAP4.error):
                return 0

    counts = await asyncio.gather(*(count(address) for address in sent))
    findings = [
        Finding(address, f"{wanted} mails were sent there and {there} lie in the mailbox")
        for (address, wanted), there in zip(sent.items(), counts, strict=True)
        if there < wanted
    ]
    return findings, sum(counts)


def _all_of(parts: list[Coroutine[Any, Any, None]]) -> "asyncio.Future[Any]":
    """Run all of these beside each other; the first that fails ends the others."""

    async def together() -> None:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(part)

    return asyncio.ensure_future(together())
