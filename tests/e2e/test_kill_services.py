"""Services are killed under load: what was accepted is one ticket, and loads stay what technicians hold."""

import asyncio

import aiohttp
import pytest

from deploy.local import services
from deploy.local.demo.api import Api, client
from deploy.local.demo.customers import Customers, paced
from deploy.local.demo.mailbox import PostOffice
from deploy.local.demo.scenario import levels_of_staff
from deploy.local.demo.technicians import QUICK, Technician
from services.intake.handlers.census import COUNTED
from tests.e2e.bed import Bed, plain_cases, running_stack, until
from tests.e2e.watching import tickets_shown

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.timeout(300)]

REQUESTS = 60
REQUESTS_PER_SECOND = 5.0
RETRY_SECONDS = 60.0
SETTLE_SECONDS = 60.0


async def _kill_and_start_again(bed: Bed, name: str) -> None:
    service = bed.stack.services[name]
    service.kill()
    bed.stack.restart_service(name)
    await until(service.is_ready, services.READY_SECONDS, f"{name} to be ready again")


async def _killings(bed: Bed) -> None:
    """Kill the ledger's process, and once it is back the router, each with tickets under way."""
    opened = bed.accounts.books.lives
    await until(lambda: len(opened) >= REQUESTS // 10, SETTLE_SECONDS, "the first tickets")
    await _kill_and_start_again(bed, "intake")
    await _kill_and_start_again(bed, "router")


async def _load(bed: Bed, http: aiohttp.ClientSession, api: Api) -> None:
    claims = bed.accounts.claims
    office = PostOffice(bed.stack.mail.smtp_port, bed.stack.mail.imap_port)
    customers = Customers(api, http, office, claims, seed=1)
    working = [
        Technician(each, QUICK, api, claims, level=level, seed=1).work()
        for each, level in list(levels_of_staff(bed.stack.plan.directory).items())[::2]
    ]
    people = [asyncio.ensure_future(each) for each in working]
    try:
        await asyncio.gather(
            paced(plain_cases(REQUESTS), REQUESTS_PER_SECOND, customers.live),
            _killings(bed),
        )
        await until(lambda: bed.unaccounted() == [], SETTLE_SECONDS, "every accepted request to be one ticket")
    finally:
        for each in people:
            each.cancel()
        await asyncio.gather(*people, return_exceptions=True)
    await until(lambda: not _waiting(bed), SETTLE_SECONDS, "every ticket to be somebody's or over")
    await until(lambda: not bed.unequal_loads(), SETTLE_SECONDS, "the router to know what technicians hold")


def _waiting(bed: Bed) -> int:
    now = bed.accounts.books.statuses()
    return now["new"] + now["classified"] + now["queued"]


def _counted(bed: Bed) -> dict[str, int]:
    """How many tickets there are in each status that the gauges show, by the tickets' own events."""
    statuses = bed.accounts.books.statuses()
    return {status.value: statuses[status.value] for status in COUNTED if statuses[status.value]}


def test_killing_the_ledger_and_then_the_router_loses_nothing_and_doubles_nothing() -> None:
    async def run(bed: Bed) -> dict[str, set[str]]:
        async with client() as http:
            api = Api(bed.stack.services["intake"].url, bed.stack.secret, http, give_up_seconds=RETRY_SECONDS)
            await _load(bed, http, api)
            shown = {}
            for each in levels_of_staff(bed.stack.plan.directory):
                held = await api.held_by(each, token=api.token(each, "technician"))
                shown[each] = {str(ticket["ticket_id"]) for ticket in held}
        await asyncio.to_thread(bed.reader.read_to_end, SETTLE_SECONDS)
        # Its process was killed: what it shows now was rebuilt from the state, not counted from zero.
        await until(lambda: tickets_shown(bed.stack.services["intake"]) == _counted(bed), SETTLE_SECONDS, "the gauges")
        return {each: tickets for each, tickets in shown.items() if tickets}

    with running_stack("kills", ("intake", "router")) as bed:
        shown = asyncio.run(run(bed))
    books, claims = bed.accounts.books, bed.accounts.claims
    assert claims.troubles == []
    assert len(claims.accepted) == REQUESTS
    assert bed.unaccounted() == []
    assert books.duplicate_ids() == []
    assert books.dead_letters == []
    assert bed.unequal_loads() == {}
    assert shown == books.held_by()
    assert sum(map(len, shown.values())) > 0  # half of the technicians never work, so tickets stay with them
