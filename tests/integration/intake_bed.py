"""What the tests of intake's edges share: topics on a real Kafka, an HTTP client in process, ticket events by hand."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import httpx
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from schemas import envelope, topics
from schemas.contract import Contract
from schemas.ids import event_id
from schemas.topics import Topic
from services._runtime.clock import Clock, SystemClock
from services._runtime.directory.directory import Directory
from services._runtime.kafka.producer import Outgoing
from services._runtime.web.tokens import issue_access
from services.intake.app import Edges
from services.intake.settings import IntakeSettings
from tests.integration.reading import read_events
from tests.stack import PARTITIONS

SECRET: Final = "x" * 32
WAIT_SECONDS: Final = 20.0
START: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
USED: Final = (
    topics.INTAKE_REQUESTS,
    topics.TICKET_COMMANDS,
    topics.TICKET_EVENTS,
    topics.TICKET_SLA,
    topics.TICKET_ASSIGNMENTS,
    topics.TICKET_NOTIFICATIONS,
    topics.TICKET_FEEDBACK,
    topics.AUDIT,
)
_tenants = count(1)


def new_tenant(label: str) -> str:
    """Return a tenant that no other test has: what keeps tests apart that share a broker."""
    return f"{label}-{next(_tenants)}"


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test on a loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **fixtures: Any) -> None:
        asyncio.run(test(*args, **fixtures))

    return run


def make_topics(bootstrap: str) -> None:
    """Create the topics that intake's edges use, unless they are there."""
    new = [NewTopic(topic.name, PARTITIONS, 1) for topic in USED]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics(new, request_timeout=20).values():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def settings_for(kafka: str, redis: str, **more: Any) -> IntakeSettings:
    """Return settings that point at the test's servers."""
    given = {"kafka_bootstrap": kafka, "redis_url": redis, "secret": SECRET, "public_url": "http://edge", **more}
    return IntakeSettings(**given)


def bearer(settings: IntakeSettings, tenant: str, subject: str, *roles: str) -> dict[str, str]:
    """Return the header of a caller."""
    now = SystemClock().now()
    token = issue_access(
        settings.secret, tenant=tenant, subject=subject, roles=set(roles), now=now, expires_at=now + timedelta(hours=1)
    )
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def edges_of(
    settings: IntakeSettings, clock: Clock | None = None, directory: Directory | None = None
) -> AsyncIterator[tuple[Edges, httpx.AsyncClient]]:
    """Yield the edges of one process and a client of its API."""
    edges = Edges(settings, directory or Directory(), clock or SystemClock())
    transport = httpx.ASGITransport(edges.web())
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
            yield edges, client
    finally:
        await edges.producer.stop()
        await edges.redis.stop()


def records(bootstrap: str, topic: Topic, tenant: str) -> list[dict[str, Any]]:
    """Return the events of a tenant on a topic up to its end, with the record's key as `_key`."""
    events = read_events(bootstrap, topic.name, PARTITIONS, committed=False)
    return [{**event, "_key": key} for key, event in events if event["tenant"] == tenant]


async def wait_for(condition: Callable[[], Coroutine[Any, Any, bool]], what: str) -> None:
    """Poll a condition for a bounded time; raises AssertionError saying `what` did not come about."""
    try:
        await _poll(condition)
    except TimeoutError:
        raise AssertionError(f"not within {WAIT_SECONDS:g} s: {what}") from None


async def _poll(condition: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not await condition():  # noqa: ASYNC110 - what is waited for happens in Redis, Kafka or a mail server
            await asyncio.sleep(0.03)


class Life:
    """The events of one ticket, written as the ledger would write them."""

    def __init__(self, tenant: str, ticket_id: str) -> None:
        self.tenant = tenant
        self.ticket_id = ticket_id
        self.written: list[Outgoing] = []

    def tell(self, contract: type[Contract], status: str, **fields: Any) -> Life:
        """Add the next event, a minute after the last."""
        sequence = len(self.written) + 1
        at = START + timedelta(minutes=sequence)
        data = contract.closed_validate(
            {
                "ticket_id": self.ticket_id,
                "sequence": sequence,
                "status": status,
                "cause": f"cause-{sequence}",
                "decided_at": at,
                "position": "t/0/0",
                **fields,
            }
        )
        value = encoded(self.tenant, self.ticket_id, event_id(self.ticket_id, sequence), data, at)
        self.written.append(Outgoing(topics.TICKET_EVENTS.name, self.ticket_id, value))
        return self


def encoded(tenant: str, ticket_id: str, name: str, data: Contract, at: datetime) -> bytes:
    """Return an event in its envelope."""
    return envelope.encode(
        type_name=data.type_name,
        event_id=name,
        source="/test",
        time=at,
        subject=ticket_id,
        tenant=tenant,
        data=data,
    )


def events_named(found: Sequence[dict[str, Any]], contract: type[Contract]) -> list[dict[str, Any]]:
    """Return those of one type."""
    return [event for event in found if event["type"] == contract.type_name]
