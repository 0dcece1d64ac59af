"""Kafka or Redis is away: callers hear so in time, what was accepted is kept, and services come back by themselves."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

import aiohttp
import pytest
import redis

from deploy.local import services
from deploy.local.demo.api import Api, client, now_ms
from deploy.local.demo.claims import Accepted
from deploy.local.demo.customers import SOURCE, Customers, paced
from deploy.local.demo.mailbox import PostOffice
from deploy.local.demo.scenario import levels_of_staff
from tests.e2e.bed import Bed, plain_cases, running_stack, until

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.timeout(300)]

ANSWER_SECONDS = 10.0
RECOVER_SECONDS = 60.0
EACH_TIME = 8
NOBODY_ACCEPTS = {"AFTERCARE_ACCEPT_WITHIN_SECONDS": "0"}


REFUSED: dict[str, Any] = {
    "channel": "phone",
    "external_id": "while-away",
    "requester": {"requester_id": "caller-1"},
    "subject": "无法登录",
    "body": "无法登录",
}


class Refusal(NamedTuple):
    """An answer over HTTP."""

    status: int
    media_type: str
    retry_after: str
    document: dict[str, Any]


class Desk:
    """Sends requests on a running stack, and looks at what became of them."""

    def __init__(self, bed: Bed, http: aiohttp.ClientSession) -> None:
        self.bed = bed
        self.http = http
        self.api = Api(bed.stack.services["intake"].url, bed.stack.secret, http, give_up_seconds=RECOVER_SECONDS)
        office = PostOffice(bed.stack.mail.smtp_port, bed.stack.mail.imap_port)
        self.customers = Customers(self.api, http, office, bed.accounts.claims, seed=2)
        self.token = self.api.token("probe", "coordinator")

    async def send_some(self, first_number: int) -> None:
        await paced(plain_cases(EACH_TIME, first_number=first_number), 8.0, self.customers.live)

    async def refused(self) -> Refusal:
        """The answer to one request while something is away."""
        headers = {"Authorization": f"Bearer {self.api.token(SOURCE, 'system')}"}
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        url = f"{self.api.base_url}/v1/requests"
        async with self.http.post(url, json=REFUSED, headers=headers, timeout=timeout) as answer:
            document = json.loads(await answer.text())
            return Refusal(answer.status, answer.content_type, answer.headers["Retry-After"], document)

    async def send_the_refused_again(self) -> None:
        """What was refused may have been written all the same: sent again it is one ticket."""
        answer = await self.api.send_request(REFUSED, token=self.api.token(SOURCE, "system"))
        claim = Accepted("phone", REFUSED["external_id"], now_ms(), answer["ticket_id"])
        self.bed.accounts.claims.accepted.append(claim)

    async def settled(self) -> None:
        """Wait until everything accepted is a ticket, and every ticket is with a technician."""

        def is_settled() -> bool:
            statuses = self.bed.accounts.books.statuses()
            everyone = sum(statuses.values())
            return self.bed.unaccounted() == [] and statuses["assigned"] == everyone >= len(
                self.bed.accounts.claims.accepted
            )

        await until(is_settled, RECOVER_SECONDS, "everything accepted to be a ticket with a technician")

    async def all_ready(self) -> None:
        def ready() -> bool:
            return all(service.is_ready() for service in self.bed.stack.services.values())

        await until(ready, services.READY_SECONDS, "the services to be ready again")

    async def held(self) -> dict[str, list[dict[str, Any]]]:
        ids = levels_of_staff(self.bed.stack.plan.directory)
        return {each: await self.api.held_by(each, token=self.token) for each in ids}


def assert_is_come_back_later(answer: Refusal) -> None:
    assert answer.status == answer.document["status"] == 503
    assert answer.media_type == "application/problem+json"
    assert int(answer.retry_after) >= 1


def test_without_kafka_requests_are_refused_in_time_and_all_goes_on_when_it_is_back() -> None:
    async def run(bed: Bed) -> None:
        async with client() as http:
            desk = Desk(bed, http)
            await desk.send_some(0)
            await desk.settled()
            bed.stack.kafka.kill_node(1)
            assert_is_come_back_later(await desk.refused())
            bed.stack.kafka.start_node(1)
            await asyncio.to_thread(bed.stack.kafka.wait_ready)
            await desk.send_the_refused_again()
            await desk.send_some(100)
            await desk.all_ready()
            await desk.settled()
        await asyncio.to_thread(bed.reader.read_to_end, RECOVER_SECONDS)

    with running_stack("kafka", settings=NOBODY_ACCEPTS) as bed:
        asyncio.run(run(bed))
    books = bed.accounts.books
    assert bed.accounts.claims.troubles == []
    assert len(bed.accounts.claims.accepted) == 2 * EACH_TIME + 1
    assert (books.duplicate_ids(), books.dead_letters) == ([], [])


def test_without_redis_requests_are_refused_in_time_and_an_emptied_one_is_filled_again() -> None:
    async def run(bed: Bed) -> None:
        async with client() as http:
            desk = Desk(bed, http)
            await desk.send_some(0)
            await desk.settled()
            bed.stack.redis.stop()
            assert_is_come_back_later(await desk.refused())
            bed.stack.redis.start()
            await asyncio.to_thread(bed.stack.redis.wait_ready)
            await desk.send_the_refused_again()
            await desk.send_some(100)
            await desk.settled()
            before = await _stable_view(desk)
            with redis.Redis.from_url(bed.stack.redis.url) as emptied:
                emptied.flushall()
            assert await _stable_view(desk) == before
            await desk.send_some(200)
            await desk.settled()
            assert all(service.is_ready() for service in bed.stack.services.values())
        await asyncio.to_thread(bed.reader.read_to_end, RECOVER_SECONDS)

    with running_stack("redis", ("intake", "router"), settings=NOBODY_ACCEPTS) as bed:
        asyncio.run(run(bed))
    books = bed.accounts.books
    assert bed.accounts.claims.troubles == []
    assert len(bed.accounts.claims.accepted) == 3 * EACH_TIME + 1
    assert (books.duplicate_ids(), books.dead_letters) == ([], [])


async def _stable_view(desk: Desk) -> dict[str, set[str]]:
    """What the read model says each technician has, once it agrees with the tickets' own events."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + RECOVER_SECONDS
    while True:
        held = await desk.held()
        shown = {each: {str(ticket["ticket_id"]) for ticket in tickets} for each, tickets in held.items() if tickets}
        if shown == desk.bed.accounts.books.held_by():
            return shown
        assert loop.time() < ends_at, "the read model was not rebuilt in time"
        await asyncio.sleep(0.2)
