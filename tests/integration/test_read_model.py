"""The read model on a real Kafka and a real Redis: what it shows, and that losing or sharing it breaks nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import pytest
import redis as redis_client

from schemas import ticket_events as events
from schemas import topics
from schemas.ids import ticket_id
from schemas.ticket_sla import TargetMet, TargetStarted
from services._runtime.clock import SystemClock
from services._runtime.engine.records import Record
from services._runtime.kafka.follower import Batch
from services._runtime.kafka.producer import Outgoing
from services._runtime.view import slices as slices_module
from services._runtime.view.slices import TopicRewoundError, slices_of
from services.intake.adapters.keys import POSITIONS
from services.intake.adapters.read_model.projecting import change_of
from services.intake.adapters.read_model.queries import ViewRebuilding
from services.intake.app import Edges
from services.intake.settings import IntakeSettings
from tests.integration.intake_bed import (
    START,
    Life,
    edges_of,
    encoded,
    in_loop,
    make_topics,
    new_tenant,
    settings_for,
    wait_for,
)

pytestmark = pytest.mark.integration

DATABASE: Final = 5
REQUESTER: Final = {"requester_id": "r-1", "company": "Acme", "tier": "vip", "language": "en"}


@pytest.fixture
def settings(local_kafka: str, local_redis: str) -> Iterator[IntakeSettings]:
    """Yield settings for a Redis database of this module's own, emptied before each test."""
    make_topics(local_kafka)
    url = local_redis.rpartition("/")[0] + f"/{DATABASE}"
    flush(url)
    yield settings_for(local_kafka, url)
    flush(url)


def flush(url: str) -> None:
    with redis_client.Redis.from_url(url) as client:
        client.flushdb()


def dump(url: str, tenant: str) -> dict[str, Any]:
    """Return everything Redis holds of a tenant, times to live left out."""
    readers = {
        "hash": lambda client, key: client.hgetall(key),
        "list": lambda client, key: client.lrange(key, 0, -1),
        "zset": lambda client, key: client.zrange(key, 0, -1, withscores=True),
        "string": lambda client, key: client.get(key),
    }
    with redis_client.Redis.from_url(url, decode_responses=True) as client:
        keys = client.keys(f"aftercare:{tenant}:*")
        return {key: readers[client.type(key)](client, key) for key in sorted(keys)}


@asynccontextmanager
async def projecting(edges: Edges) -> AsyncIterator[None]:
    task = asyncio.create_task(edges.read_model().run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def opened(tenant: str, external_id: str = "x-1") -> Life:
    life = Life(tenant, ticket_id(tenant, "portal", external_id))
    life.tell(
        events.TicketOpened,
        "new",
        channel="portal",
        external_id=external_id,
        conversation=f"portal-{external_id}",
        requester=REQUESTER,
        subject="Printer",
        body="It is on fire. " * 1_000,
        impact="outage",
        urgency="high",
        priority="P1",
        missing_fields=["version"],
    )
    return life.tell(
        events.TicketClassified,
        "classified",
        category="technical",
        priority="P1",
        priority_reason="r",
        pool="emea",
        skills=["printers"],
        level="L1",
    ).tell(events.TicketQueued, "queued", pool="emea", priority="P1", generation=1, reason="opened")


def assigned(tenant: str, external_id: str = "x-1", technician: str = "tech-1") -> Life:
    return opened(tenant, external_id).tell(
        events.TicketAssigned, "assigned", pool="emea", technician_id=technician, generation=1
    )


def resolved(tenant: str, external_id: str = "x-1") -> Life:
    return (
        assigned(tenant, external_id)
        .tell(events.TicketAccepted, "in_progress", technician_id="tech-1")
        .tell(events.AgentReplied, "in_progress", technician_id="boss", body="We are on our way.")
        .tell(
            events.TicketResolved,
            "resolved",
            technician_id="tech-1",
            solution="Extinguished.",
            closes_at=START + timedelta(days=3),
        )
    )


async def shown(edges: Edges, life: Life) -> None:
    """Wait until the view has a ticket's last event."""

    async def is_shown() -> bool:
        return await edges.views.sequence(life.tenant, life.ticket_id) == len(life.written)

    await wait_for(is_shown, "the ticket is shown")


@in_loop
async def test_a_ticket_is_shown_as_its_events_left_it(settings: IntakeSettings) -> None:
    life = resolved(new_tenant("shown"))
    async with edges_of(settings) as (edges, _), projecting(edges):
        await edges.producer.send_all(life.written)
        await shown(edges, life)
        ticket = await edges.views.find(life.tenant, life.ticket_id)
        timeline = await edges.views.timeline(life.tenant, life.ticket_id, after=3, limit=10)
    assert ticket is not None
    assert (ticket.status, ticket.priority, ticket.pool, ticket.level) == ("resolved", "P1", "emea", "L1")
    assert (ticket.technician_id, ticket.company, ticket.tier, ticket.language) == ("tech-1", "Acme", "vip", "en")
    assert (ticket.skills, ticket.missing_fields) == (["printers"], ["version"])
    assert ticket.body is not None
    assert len(ticket.body) == 4_000
    assert ticket.opened_at == "2026-03-02T09:01:00.000000Z"
    assert ticket.resolved_at == "2026-03-02T09:07:00.000000Z"
    assert [entry.type for entry in timeline] == ["assigned", "accepted", "agent_replied", "resolved"]
    assert timeline[-1].text == "Extinguished."
    assert timeline[-1].cause == "cause-7"


@in_loop
async def test_a_technician_holds_what_is_in_work_and_nothing_else(settings: IntakeSettings) -> None:
    tenant = new_tenant("held")
    first, second = assigned(tenant, "a"), assigned(tenant, "b")
    # A coordinator's answer does not make the ticket theirs.
    first.tell(events.AgentReplied, "assigned", technician_id="boss", body="Soon.")
    async with edges_of(settings) as (edges, _), projecting(edges):
        await edges.producer.send_all([*first.written, *second.written])
        await shown(edges, first)
        await shown(edges, second)
        held = await edges.views.held_by(tenant, "tech-1", limit=10)
        assert {ticket.ticket_id for ticket in held.tickets} == {first.ticket_id, second.ticket_id}
        assert (await edges.views.held_by(tenant, "boss", limit=10)).tickets == []
        second.tell(events.TicketDeclined, "classified", technician_id="tech-1", reason="busy")
        second.tell(events.TicketQueued, "queued", pool="emea", priority="P1", generation=2, reason="declined")
        second.tell(events.TicketAssigned, "assigned", pool="emea", technician_id="tech-2", generation=2)
        await edges.producer.send_all(second.written[-3:])
        await shown(edges, second)
        assert [t.ticket_id for t in (await edges.views.held_by(tenant, "tech-1", limit=10)).tickets] == [
            first.ticket_id
        ]
        assert [t.ticket_id for t in (await edges.views.held_by(tenant, "tech-2", limit=10)).tickets] == [
            second.ticket_id
        ]


@in_loop
async def test_lists_by_status_come_in_pages_without_gaps_or_repeats(settings: IntakeSettings) -> None:
    tenant = new_tenant("pages")
    lives = [opened(tenant, f"p-{number}") for number in range(7)]
    async with edges_of(settings) as (edges, _), projecting(edges):
        await edges.producer.send_all([record for life in lives for record in life.written])
        for life in lives:
            await shown(edges, life)
        seen: list[str] = []
        cursor: str | None = None
        for _page in range(4):
            page = await edges.views.in_status(tenant, "queued", limit=3, cursor=cursor)
            seen += [ticket.ticket_id for ticket in page.tickets]
            cursor = page.next
            if cursor is None:
                break
    # All opened in the same microsecond, which is the hardest case for a cursor.
    assert sorted(seen) == sorted(life.ticket_id for life in lives)


@in_loop
async def test_counts_are_of_tickets_by_status_and_channel_and_of_events_by_type(settings: IntakeSettings) -> None:
    tenant = new_tenant("counts")
    lives = [opened(tenant, "a"), assigned(tenant, "b"), resolved(tenant, "c")]
    async with edges_of(settings) as (edges, _), projecting(edges):
        await edges.producer.send_all([record for life in lives for record in life.written])
        for life in lives:
            await shown(edges, life)
        stats = await edges.views.stats(tenant)
    assert stats.status == {"queued": 1, "assigned": 1, "resolved": 1}
    assert stats.channel == {"portal": 3}
    assert stats.events["ticket.opened"] == 3
    assert stats.events["ticket.assigned"] == 2


@in_loop
async def test_the_clocks_of_a_ticket_are_shown_even_when_they_come_before_it(settings: IntakeSettings) -> None:
    life = opened(new_tenant("clocks"))
    clock = {
        "ticket_id": life.ticket_id,
        "target": "resolution",
        "cycle": 1,
        "generation": 1,
        "priority": "P1",
        "policy_id": "p",
        "policy_version": 1,
        "started_at": START,
        "due_at": START + timedelta(hours=4),
        "budget_seconds": 14_400.0,
        "elapsed_seconds": 0.0,
        "decided_at": START,
        "position": "t/0/0",
    }
    started = TargetStarted.closed_validate(clock)
    met = TargetMet.closed_validate({**clock, "stopped_at": START, "segments": [], "elapsed_seconds": 60.0})
    at_once = [
        Outgoing(topics.TICKET_SLA.name, life.ticket_id, encoded(life.tenant, life.ticket_id, name, data, START))
        for name, data in (("started", started), ("met", met))
    ]
    async with edges_of(settings) as (edges, _), projecting(edges):
        await edges.producer.send_all(at_once[:1])

        async def is_counted() -> bool:
            return (await edges.views.stats(life.tenant)).events.get("sla.target_started") == 1

        await wait_for(is_counted, "the clock is counted")
        # Only its clock is known: that is no ticket yet.
        assert await edges.views.sequence(life.tenant, life.ticket_id) == 0
        await edges.producer.send_all(life.written)
        await shown(edges, life)
        ticket = await edges.views.find(life.tenant, life.ticket_id)
        assert ticket is not None
        assert [(t.target, t.state) for t in ticket.targets] == [("resolution", "running")]
        await edges.producer.send_all(at_once[1:])

        async def is_met() -> bool:
            found = await edges.views.find(life.tenant, life.ticket_id)
            return found is not None and found.targets[0].state == "met"

        await wait_for(is_met, "the target is met")


@in_loop
async def test_a_flushed_redis_is_rebuilt_from_the_topics_to_the_same_view(settings: IntakeSettings) -> None:
    tenant = new_tenant("flushed")
    lives = [resolved(tenant, f"f-{number}") for number in range(20)]
    async with edges_of(settings) as (edges, _), projecting(edges):
        await edges.producer.send_all([record for life in lives for record in life.written])
        for life in lives:
            await shown(edges, life)
        before = dump(settings.redis_url, tenant)
        flush(settings.redis_url)
        # Nothing new is written: the reader must notice by itself.
        for life in lives:
            await shown(edges, life)
        assert dump(settings.redis_url, tenant) == before


@in_loop
async def test_nobody_is_told_that_a_ticket_does_not_exist_while_the_view_is_rebuilt(settings: IntakeSettings) -> None:
    life = opened(new_tenant("rebuilding"))
    async with edges_of(settings) as (edges, _):
        with pytest.raises(ViewRebuilding):
            await edges.views.find(life.tenant, life.ticket_id)
        async with projecting(edges):

            async def is_fresh() -> bool:
                return (await edges.views.stats(life.tenant)).fresh

            await wait_for(is_fresh, "the view is fresh")
            assert await edges.views.find(life.tenant, life.ticket_id) is None


@in_loop
async def test_two_instances_that_project_at_once_apply_everything_once(settings: IntakeSettings) -> None:
    tenant = new_tenant("two")
    lives = [resolved(tenant, f"t-{number}") for number in range(40)]
    records = [record for life in lives for record in life.written]
    async with edges_of(settings) as (one, _), edges_of(settings) as (two, _):
        # Both believe that they hold the lease, as after a pause: only idempotence keeps the view right.
        async with projecting(one):
            task = asyncio.create_task(without_lease(two).run())
            for start in range(0, len(records), 20):
                await one.producer.send_all(records[start : start + 20])
            for life in lives:
                await shown(one, life)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        stats = await one.views.stats(tenant)
        timeline = await one.views.timeline(tenant, lives[0].ticket_id, after=0, limit=100)
    assert stats.status == {"resolved": 40}
    assert stats.events["ticket.opened"] == 40
    assert [entry.sequence for entry in timeline] == list(range(1, 8))


def without_lease(edges: Edges) -> Any:
    model = edges.read_model()

    class Always:
        async def hold(self) -> bool:
            return True

        async def release(self) -> None:
            return None

    model._lease = Always()  # type: ignore[assignment]
    return model


@in_loop
async def test_positions_that_were_lost_alone_count_nothing_twice(settings: IntakeSettings) -> None:
    tenant = new_tenant("positions")
    life = resolved(tenant)
    async with edges_of(settings) as (edges, _), projecting(edges):
        await edges.producer.send_all(life.written)
        await shown(edges, life)
        before = dump(settings.redis_url, tenant)
        later = opened(tenant, "later")
        with redis_client.Redis.from_url(settings.redis_url, decode_responses=True) as client:
            known = set(client.hkeys(POSITIONS))
            client.delete(POSITIONS)
            await edges.producer.send_all(later.written)
            await shown(edges, later)

            async def all_read_again() -> bool:
                return known <= set(client.hkeys(POSITIONS))

            await wait_for(all_read_again, "every partition is read again")
        after = dump(settings.redis_url, tenant)
    key = f"aftercare:{tenant}:ticket:{life.ticket_id}"
    assert {name: after[name] for name in (key, key + ":events")} == {
        name: before[name] for name in (key, key + ":events")
    }
    assert after[f"aftercare:{tenant}:stats:status"] == {
        "new": "0",
        "classified": "0",
        "queued": "1",
        "assigned": "0",
        "in_progress": "0",
        "resolved": "1",
    }


@in_loop
async def test_ended_tickets_leave_after_a_while_and_open_ones_stay(settings: IntakeSettings) -> None:
    tenant = new_tenant("leave")
    ended, reopened = resolved(tenant, "ended"), resolved(tenant, "reopened")
    for life in (ended, reopened):
        life.tell(events.TicketClosed, "closed", reason="confirmed")
    reopened.tell(events.TicketReopened, "classified", reason="still burning", cycle=2)
    async with edges_of(settings) as (edges, _), projecting(edges):
        await edges.producer.send_all([*ended.written, *reopened.written])
        await shown(edges, ended)
        await shown(edges, reopened)
        with redis_client.Redis.from_url(settings.redis_url) as client:
            for suffix in ("", ":events"):
                assert client.ttl(f"aftercare:{tenant}:ticket:{ended.ticket_id}{suffix}") > 89 * 86_400
                assert client.ttl(f"aftercare:{tenant}:ticket:{reopened.ticket_id}{suffix}") == -1
        again = await edges.views.find(tenant, reopened.ticket_id)
        assert again is not None
        assert (again.status, again.cycle, again.closed_at, again.resolved_at) == ("classified", 2, None, None)


@in_loop
async def test_a_refusal_for_a_ticket_that_does_not_exist_makes_none(settings: IntakeSettings) -> None:
    tenant = new_tenant("refused")
    life = Life(tenant, ticket_id(tenant, "portal", "nothing"))
    life.tell(events.CommandRefused, "cancelled", command="c", command_id="i", reason="no such ticket")
    async with edges_of(settings) as (edges, _), projecting(edges):
        await edges.producer.send_all(life.written)

        async def is_counted() -> bool:
            return (await edges.views.stats(tenant)).events == {"ticket.command_refused": 1}

        await wait_for(is_counted, "the refusal is counted")
        assert await edges.views.sequence(tenant, life.ticket_id) == 0
        assert (await edges.views.stats(tenant)).status == {}


@in_loop
async def test_records_that_no_one_can_read_do_not_stop_the_view(settings: IntakeSettings) -> None:
    life = opened(new_tenant("unreadable"))
    broken = [
        Outgoing(topics.TICKET_EVENTS.name, life.ticket_id, b"{not json"),
        Outgoing(topics.TICKET_EVENTS.name, life.ticket_id, life.written[0].value.replace(b'"new"', b'"no such"')),  # type: ignore[union-attr]
        Outgoing(topics.TICKET_EVENTS.name, life.ticket_id, None),
    ]
    async with edges_of(settings) as (edges, _), projecting(edges):
        await edges.producer.send_all([*broken, *life.written])
        await shown(edges, life)


@in_loop
async def test_a_thread_is_found_by_message_and_conversation_once_its_ticket_is_open(settings: IntakeSettings) -> None:
    tenant = new_tenant("thread")
    life = opened(tenant, "first-mail")
    life.tell(events.CustomerReplied, "queued", message_id="second-mail", channel="portal", body="more")
    now = START + timedelta(hours=1)
    async with edges_of(settings) as (edges, _), projecting(edges):
        await edges.producer.send_all(life.written)
        await shown(edges, life)
        by_first = await edges.threads.find(tenant, "portal", messages=["?", "first-mail"], conversation=None, now=now)
        by_second = await edges.threads.find(tenant, "portal", messages=["second-mail"], conversation=None, now=now)
        by_name = await edges.threads.find(tenant, "portal", messages=[], conversation="portal-first-mail", now=now)
        elsewhere = await edges.threads.find(
            new_tenant("x"), "portal", messages=["first-mail"], conversation=None, now=now
        )
    assert by_first.ticket_id == by_second.ticket_id == by_name.ticket_id == life.ticket_id
    assert by_second.conversation == "portal-first-mail"
    assert elsewhere.ticket_id is None


@in_loop
async def test_messages_for_a_merged_ticket_go_to_the_one_it_went_into_and_for_an_old_one_to_none(
    settings: IntakeSettings,
) -> None:
    tenant = new_tenant("merged")
    kept, merged, old = opened(tenant, "kept"), opened(tenant, "merged"), resolved(tenant, "old")
    merged.tell(events.TicketMerged, "merged", into_ticket_id=kept.ticket_id)
    old.tell(events.TicketClosed, "closed", reason="confirmed")
    async with edges_of(settings) as (edges, _), projecting(edges):
        await edges.producer.send_all([*kept.written, *merged.written, *old.written])
        for life in (kept, merged, old):
            await shown(edges, life)
        soon, late = START + timedelta(days=1), START + timedelta(days=60)
        assert await edges.threads.open_ticket(tenant, merged.ticket_id, now=late) == kept.ticket_id
        assert await edges.threads.open_ticket(tenant, old.ticket_id, now=soon) == old.ticket_id
        assert await edges.threads.open_ticket(tenant, old.ticket_id, now=late) is None


def test_a_topic_that_was_made_anew_is_noticed() -> None:
    value = opened("rewound").written[0].value
    batch = Batch([Record("ticket.events", 0, 3, b"k", value)], {("ticket.events", 0): 4}, 0)
    with pytest.raises(TopicRewoundError):
        slices_of(batch, {("ticket.events", 0): 500}, change_of)


@in_loop
async def test_hundreds_of_tickets_a_second_are_projected(settings: IntakeSettings) -> None:
    tenant = new_tenant("load")
    lives = [resolved(tenant, f"l-{number}") for number in range(500)]
    records = [
        Record("ticket.load", 0, offset, b"k", record.value)
        for offset, record in enumerate(record for life in lives for record in life.written)
    ]
    clock = SystemClock()
    async with edges_of(settings) as (edges, _):
        projector = edges.read_model()._projector
        reached = {("ticket.load", 0): slices_module.FROM_THE_BEGINNING}
        began_seconds = clock.monotonic_seconds()
        for start in range(0, len(records), 500):
            part = records[start : start + 500]
            batch = Batch(part, {("ticket.load", 0): part[-1].offset + 1}, 0)
            assert await projector.apply(slices_of(batch, reached, change_of))
            reached.update(batch.positions)
        seconds = clock.monotonic_seconds() - began_seconds
        assert (await edges.views.stats(tenant)).status == {"resolved": 500}
    rate = len(records) / seconds
    print(f"read model: {rate:,.0f} events/s")
    assert rate > 2_000
