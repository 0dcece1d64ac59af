"""The HTTP edge of intake on a real Kafka and Redis: what a 202 promises, and what is refused and how."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import httpx
import pytest
import redis as redis_client

from schemas import ticket_events as events
from schemas import topics
from schemas.contract import contract_of
from schemas.directory import CustomerDefined
from schemas.ids import ticket_id
from schemas.intake_requests import RequestReceived
from services._runtime.clock import ManualClock, SystemClock
from services._runtime.directory.directory import Directory
from services._runtime.web.tokens import AUDIENCE_PROGRESS, AUDIENCE_SURVEY, issue_link
from services.intake.api.words import ZH_CN
from services.intake.app import Edges
from services.intake.settings import IntakeSettings
from tests.integration.intake_bed import (
    START,
    Life,
    bearer,
    edges_of,
    encoded,
    in_loop,
    make_topics,
    new_tenant,
    records,
    settings_for,
    wait_for,
)

pytestmark = pytest.mark.integration

DATABASE: Final = 6
NOWHERE: Final = "127.0.0.1:1"
BODY: Final[dict[str, Any]] = {
    "channel": "portal",
    "external_id": "order-1",
    "requester": {"requester_id": "r-1", "email": "li@acme.example", "language": "en"},
    "subject": "Printer",
    "body": "It does not print.",
    "impact": "minor",
}


@pytest.fixture
def settings(local_kafka: str, local_redis: str) -> Iterator[IntakeSettings]:
    """Yield settings for a Redis database of this module's own, emptied before each test."""
    make_topics(local_kafka)
    url = local_redis.rpartition("/")[0] + f"/{DATABASE}"
    with redis_client.Redis.from_url(url) as client:
        client.flushdb()
        yield settings_for(local_kafka, url)
        client.flushdb()


def directory_with_acme() -> Directory:
    directory = Directory()
    acme = CustomerDefined.closed_validate(
        {"customer_id": "acme", "company": "Acme 公司", "tier": "vip", "email_domains": ["acme.example"]}
    )
    directory.apply("directory.customers", "acme", encoded("t", "acme", "d-1", acme, START))
    directory.passed("directory.customers", 0)
    return directory


@asynccontextmanager
async def projected(edges: Edges, *lives: Life) -> AsyncIterator[None]:
    """Have the read model show tickets."""
    task = asyncio.create_task(edges.read_model().run())
    try:
        await edges.producer.send_all([record for life in lives for record in life.written])

        async def is_shown() -> bool:
            stats = await edges.views.stats("any")
            shown = [await edges.views.sequence(life.tenant, life.ticket_id) for life in lives]
            return stats.fresh and shown == [len(life.written) for life in lives]

        await wait_for(is_shown, "the tickets are shown")
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def assigned(tenant: str, external_id: str = "order-1", requester_id: str = "r-1") -> Life:
    return (
        Life(tenant, ticket_id(tenant, "portal", external_id))
        .tell(
            events.TicketOpened,
            "new",
            channel="portal",
            external_id=external_id,
            conversation=external_id,
            requester={"requester_id": requester_id, "email": "li@acme.example", "language": "en"},
            subject="Printer <b>on fire</b>",
            body="It burns.",
            impact="outage",
            urgency="high",
            priority="P1",
        )
        .tell(events.TicketQueued, "queued", pool="emea", priority="P1", generation=1, reason="opened")
        .tell(events.TicketAssigned, "assigned", pool="emea", technician_id="tech-1", generation=1)
    )


def pointers(answer: httpx.Response) -> set[str]:
    return {error["pointer"] for error in answer.json()["errors"]}


# ---------------------------------------------------------------- requests


@in_loop
async def test_an_accepted_request_is_in_kafka_before_the_answer(settings: IntakeSettings) -> None:
    tenant = new_tenant("accepted")
    clock = ManualClock(SystemClock().now())
    async with edges_of(settings, clock, directory_with_acme()) as (_, client):
        answer = await client.post("/v1/requests", json=BODY, headers=bearer(settings, tenant, "portal", "system"))
    assert answer.status_code == 202
    expected = ticket_id(tenant, "portal", "order-1")
    assert answer.json()["ticket_id"] == expected
    assert answer.json()["status_url"] == f"http://edge/v1/tickets/{expected}"
    [event] = records(settings.kafka_bootstrap, topics.INTAKE_REQUESTS, tenant)
    data = RequestReceived.closed_validate(event["data"])
    assert (data.external_id, data.subject, data.known_ticket_id) == ("order-1", "Printer", None)
    # The directory says who they are; what they read is their own word.
    assert (data.requester.company, data.requester.tier, data.requester.language) == ("Acme 公司", "vip", "en")
    assert event["time"] == clock.now().isoformat().replace("+00:00", "Z")
    assert event["subject"] == expected
    assert event["traceparent"].startswith("00-")
    assert "acme" not in event["_key"]


@in_loop
async def test_the_same_request_again_gets_the_same_answer_and_writes_nothing(settings: IntakeSettings) -> None:
    tenant = new_tenant("again")
    headers = {**bearer(settings, tenant, "portal", "system"), "Idempotency-Key": "key-1"}
    body = {name: value for name, value in BODY.items() if name != "external_id"}
    async with edges_of(settings) as (_, client):
        first = await client.post("/v1/requests", json=body, headers=headers)
        second = await client.post("/v1/requests", json=body, headers=headers)
        other = await client.post("/v1/requests", json={**body, "subject": "Other"}, headers=headers)
    assert first.json() == second.json()
    assert first.json()["ticket_id"] == ticket_id(tenant, "portal", "key-1")
    assert other.status_code == 422
    assert other.json()["type"] == "urn:aftercare:problem:idempotency-key-reused"
    assert len(records(settings.kafka_bootstrap, topics.INTAKE_REQUESTS, tenant)) == 1


@in_loop
async def test_a_request_sent_again_after_redis_was_lost_is_the_same_ticket_and_event(settings: IntakeSettings) -> None:
    tenant = new_tenant("lost")
    headers = bearer(settings, tenant, "portal", "system")
    async with edges_of(settings) as (_, client):
        first = await client.post("/v1/requests", json=BODY, headers=headers)
        with redis_client.Redis.from_url(settings.redis_url) as redis:
            redis.flushdb()
        second = await client.post("/v1/requests", json=BODY, headers=headers)
    assert first.json()["ticket_id"] == second.json()["ticket_id"]
    written = records(settings.kafka_bootstrap, topics.INTAKE_REQUESTS, tenant)
    assert len({event["id"] for event in written}) == 1
    assert len({event["_key"] for event in written}) == 1


@in_loop
async def test_without_kafka_nothing_is_accepted_and_the_repetition_keeps_the_first_receipt(
    settings: IntakeSettings,
) -> None:
    tenant = new_tenant("no-kafka")
    headers = bearer(settings, tenant, "portal", "system")
    clock = ManualClock(SystemClock().now())
    received_at = clock.now()
    gone = settings_for(NOWHERE, settings.redis_url)
    async with edges_of(gone, clock) as (_, client):
        refused = await client.post("/v1/requests", json=BODY, headers=headers)
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["content-type"] == "application/problem+json"
    clock.advance(timedelta(minutes=5))
    async with edges_of(settings, clock) as (_, client):
        accepted = await client.post("/v1/requests", json=BODY, headers=headers)
    assert accepted.status_code == 202
    [event] = records(settings.kafka_bootstrap, topics.INTAKE_REQUESTS, tenant)
    assert event["time"] == received_at.isoformat().replace("+00:00", "Z")


@in_loop
async def test_without_redis_nothing_is_accepted(settings: IntakeSettings) -> None:
    tenant = new_tenant("no-redis")
    async with edges_of(settings_for(settings.kafka_bootstrap, f"redis://{NOWHERE}/0")) as (_, client):
        headers = bearer(settings, tenant, "portal", "system")
        refused = await client.post("/v1/requests", json=BODY, headers=headers)
        query = await client.get("/v1/tickets/T-8ZKD-3M0Q-V7XA-2HRC", headers=headers)
    assert (refused.status_code, query.status_code) == (503, 503)
    assert "retry-after" in refused.headers
    assert records(settings.kafka_bootstrap, topics.INTAKE_REQUESTS, tenant) == []


@in_loop
async def test_a_malformed_request_is_told_every_wrong_field_by_pointer(settings: IntakeSettings) -> None:
    tenant = new_tenant("malformed")
    wrong = {
        "channel": "email",
        "external_id": "",
        "requester": {"requester_id": "r", "email": "no address", "shoe_size": 43},
        "subject": 7,
        "users_affected_percent": 101,
        "colour": "red",
    }
    async with edges_of(settings) as (_, client):
        headers = bearer(settings, tenant, "portal", "system")
        answer = await client.post("/v1/requests", json=wrong, headers=headers)
        no_json = await client.post("/v1/requests", content=b"{", headers=headers)
        unnamed = await client.post(
            "/v1/requests", json={name: value for name, value in BODY.items() if name != "external_id"}, headers=headers
        )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointers(answer) == {
        "#/channel",
        "#/external_id",
        "#/requester/email",
        "#/requester/shoe_size",
        "#/subject",
        "#/body",
        "#/users_affected_percent",
        "#/colour",
    }
    assert "no address" not in answer.text
    assert no_json.status_code == 422
    assert pointers(unnamed) == {"#/external_id"}


@in_loop
async def test_nobody_is_let_in_without_a_token_of_ours(settings: IntakeSettings) -> None:
    async with edges_of(settings) as (_, client):
        none = await client.post("/v1/requests", json=BODY)
        forged = await client.post("/v1/requests", json=BODY, headers={"Authorization": "Bearer a.b.c"})
        link = issue_link(
            settings.secret,
            audience=AUDIENCE_PROGRESS,
            tenant="t",
            subject="T-1",
            now=SystemClock().now(),
            expires_at=SystemClock().now() + timedelta(days=1),
        )
        not_for_this = await client.post("/v1/requests", json=BODY, headers={"Authorization": f"Bearer {link}"})
    assert [each.status_code for each in (none, forged, not_for_this)] == [401, 401, 401]


@in_loop
async def test_a_customers_own_token_can_neither_speak_for_others_nor_claim_a_tier(settings: IntakeSettings) -> None:
    tenant = new_tenant("own")
    headers = bearer(settings, tenant, "r-1", "requester")
    claims = {**BODY, "requester": {"requester_id": "r-1", "company": "Acme", "tier": "vip"}}
    async with edges_of(settings) as (_, client):
        other = await client.post("/v1/requests", json={**BODY, "requester": {"requester_id": "r-2"}}, headers=headers)
        own = await client.post("/v1/requests", json=claims, headers=headers)
        systems = await client.post("/v1/requests", json=claims, headers=bearer(settings, tenant, "desk", "system"))
    assert other.status_code == 403
    # The same external id, guessed by a customer, is not the ticket of whoever has it in the portal.
    assert own.json()["ticket_id"] != systems.json()["ticket_id"]
    by_customer, by_system = (
        next(e["data"]["requester"] for e in found if e["subject"] == each.json()["ticket_id"])
        for found in [records(settings.kafka_bootstrap, topics.INTAKE_REQUESTS, tenant)]
        for each in (own, systems)
    )
    assert (by_customer.get("company"), by_customer["tier"]) == (None, "standard")
    assert (by_system["company"], by_system["tier"]) == ("Acme", "vip")


@in_loop
async def test_messages_of_one_conversation_follow_the_first_one_and_then_its_open_ticket(
    settings: IntakeSettings,
) -> None:
    tenant = new_tenant("chat")
    headers = bearer(settings, tenant, "chat", "system")
    message = {**BODY, "channel": "chat", "conversation": "room 7, Li Wei"}
    async with edges_of(settings) as (edges, client):
        first = await client.post("/v1/requests", json={**message, "external_id": "m-1"}, headers=headers)
        second = await client.post("/v1/requests", json={**message, "external_id": "m-2"}, headers=headers)
        [one, two] = records(settings.kafka_bootstrap, topics.INTAKE_REQUESTS, tenant)
        assert one["_key"] == two["_key"]
        assert "Li" not in one["_key"]
        # Not opened yet: expected, but not known, so nothing is promised to the normaliser.
        assert second.json()["ticket_id"] == first.json()["ticket_id"]
        assert "known_ticket_id" not in two["data"]
        life = Life(tenant, first.json()["ticket_id"])
        opening = {
            "external_id": "m-1",
            "conversation": one["data"]["conversation"],
            "requester": {"requester_id": "r-1", "tier": "standard", "language": "en"},
            "channel": "chat",
        }
        life.tell(
            events.TicketOpened,
            "new",
            **opening,
            subject="s",
            body="b",
            impact="minor",
            urgency="low",
            priority="P3",
        )
        async with projected(edges, life):
            await client.post("/v1/requests", json={**message, "external_id": "m-3"}, headers=headers)
    [*_, three] = sorted(records(settings.kafka_bootstrap, topics.INTAKE_REQUESTS, tenant), key=lambda e: e["time"])
    assert three["data"]["known_ticket_id"] == life.ticket_id


# ---------------------------------------------------------------- commands

COMMANDS: Final = [
    ("accept", None, "technician", "aftercare.command.accept_assignment.v1"),
    ("decline", {"reason": "busy"}, "technician", "aftercare.command.decline_assignment.v1"),
    ("release", {"reason": "going home"}, "technician", "aftercare.command.release_ticket.v1"),
    ("transfer", {"pool": "billing", "reason": "an invoice"}, "coordinator", "aftercare.command.transfer_ticket.v1"),
    ("reply", {"body": "On our way."}, "technician", "aftercare.command.reply_to_customer.v1"),
    ("status", {"status": "pending"}, "technician", "aftercare.command.change_status.v1"),
    ("resolve", {"solution": "Replaced."}, "technician", "aftercare.command.resolve_ticket.v1"),
    ("priority", {"priority": "P0", "reason": "worse"}, "coordinator", "aftercare.command.change_priority.v1"),
    ("assign", {"technician_id": "tech-2"}, "coordinator", "aftercare.command.assign_ticket.v1"),
    ("confirm", None, "requester", "aftercare.command.confirm_resolution.v1"),
    ("reopen", {"reason": "burns again"}, "requester", "aftercare.command.reopen_ticket.v1"),
    ("escalate", {"reason": "nobody calls"}, "requester", "aftercare.command.escalate_ticket.v1"),
    ("acknowledge", {"target": "resolution", "cycle": 1}, "technician", "aftercare.command.acknowledge_escalation.v1"),
    ("plan", {"plan": "Replace it."}, "technician", "aftercare.command.submit_plan.v1"),
    (
        "policy",
        {"policy_id": "cn-vip", "policy_version": 1, "reason": "upgraded"},
        "coordinator",
        "aftercare.command.change_policy.v1",
    ),
    ("cancel", {"reason": "never mind"}, "requester", "aftercare.command.cancel_ticket.v1"),
]


@in_loop
async def test_every_command_is_written_as_its_contract_says_and_audited(settings: IntakeSettings) -> None:
    tenant = new_tenant("commands")
    life, other = assigned(tenant), assigned(tenant, "order-2")
    subjects = {"technician": "tech-1", "coordinator": "boss", "requester": "r-1"}
    async with edges_of(settings) as (edges, client), projected(edges, life, other):
        answers = {}
        for action, body, role, _ in COMMANDS:
            headers = bearer(settings, tenant, subjects[role], role)
            answers[action] = await client.post(f"/v1/tickets/{life.ticket_id}/{action}", json=body, headers=headers)
        answers["merge"] = await client.post(
            f"/v1/tickets/{life.ticket_id.lower()}/merge",
            json={"into_ticket_id": other.ticket_id},
            headers=bearer(settings, tenant, "boss", "coordinator"),
        )
    assert {action: answer.status_code for action, answer in answers.items()} == dict.fromkeys(answers, 202)
    written = {event["id"]: event for event in records(settings.kafka_bootstrap, topics.TICKET_COMMANDS, tenant)}
    for action, _, role, type_name in [*COMMANDS, ("merge", None, "coordinator", "aftercare.command.merge_ticket.v1")]:
        event = written[answers[action].json()["command_id"]]
        assert (event["type"], event["_key"], event["subject"]) == (type_name, life.ticket_id, life.ticket_id)
        contract = contract_of(type_name)
        assert contract is not None
        contract.closed_validate(event["data"])
        assert event["data"]["actor"] == {"kind": role, "actor_id": subjects[role]}
    audited = records(settings.kafka_bootstrap, topics.AUDIT, tenant)
    assert sorted(e["data"]["action"] for e in audited) == sorted(answers)
    assert {(e["data"]["entity"], e["data"]["outcome"]) for e in audited} == {(life.ticket_id, "accepted")}
    assert {e["_key"] for e in audited} == set(subjects.values())


@in_loop
async def test_a_refused_command_is_audited_with_what_it_was_refused_for(settings: IntakeSettings) -> None:
    tenant = new_tenant("refused")
    life = assigned(tenant)
    technician = bearer(settings, tenant, "tech-1", "technician")
    async with edges_of(settings) as (edges, client), projected(edges, life):
        forbidden = await client.post(
            f"/v1/tickets/{life.ticket_id}/assign",
            json={"technician_id": "x"},
            headers=bearer(settings, tenant, "r-1", "requester"),
        )
        missing = await client.post(f"/v1/tickets/{life.ticket_id}/resolve", json={}, headers=technician)
        broken = await client.post(f"/v1/tickets/{life.ticket_id}/resolve", content=b"{", headers=technician)
        unknown = await client.post("/v1/tickets/T-0000-0000-0000-0000/accept", headers=technician)
        nobody = await client.post(f"/v1/tickets/{life.ticket_id}/accept")
        merged = await client.post(
            f"/v1/tickets/{life.ticket_id}/merge", json={"into_ticket_id": "T-0000-0000-0000-0000"}, headers=technician
        )
    codes = [each.status_code for each in (forbidden, missing, broken, unknown, nobody, merged)]
    assert codes == [403, 422, 422, 404, 401, 422]
    assert pointers(missing) == {"#/solution"}
    assert records(settings.kafka_bootstrap, topics.TICKET_COMMANDS, tenant) == []
    audited = records(settings.kafka_bootstrap, topics.AUDIT, tenant)
    assert sorted((e["data"]["action"], e["data"]["outcome"], e["_key"]) for e in audited) == [
        ("accept", "refused: ticket-not-found", "tech-1"),
        ("assign", "refused: forbidden", "r-1"),
        ("merge", "refused: merge-target-unknown", "tech-1"),
        ("resolve", "refused: validation", "tech-1"),
        ("resolve", "refused: validation", "tech-1"),
    ]


@in_loop
async def test_a_command_under_a_key_is_carried_out_once_even_when_redis_forgets(settings: IntakeSettings) -> None:
    tenant = new_tenant("command-key")
    life = assigned(tenant)
    headers = {**bearer(settings, tenant, "tech-1", "technician"), "Idempotency-Key": "k"}
    url = f"/v1/tickets/{life.ticket_id}/reply"
    async with edges_of(settings) as (edges, client), projected(edges, life):
        first = await client.post(url, json={"body": "Hello"}, headers=headers)
        second = await client.post(url, json={"body": "Hello"}, headers=headers)
        other = await client.post(url, json={"body": "Goodbye"}, headers=headers)
        with redis_client.Redis.from_url(settings.redis_url) as redis:
            redis.delete(*redis.keys(f"aftercare:{tenant}:call:*"))
        third = await client.post(url, json={"body": "Hello"}, headers=headers)
    assert first.json() == second.json() == third.json()
    assert other.status_code == 422
    assert {e["id"] for e in records(settings.kafka_bootstrap, topics.TICKET_COMMANDS, tenant)} == {
        first.json()["command_id"]
    }


@in_loop
async def test_two_equal_commands_without_a_key_are_two(settings: IntakeSettings) -> None:
    tenant = new_tenant("keyless")
    life = assigned(tenant)
    async with edges_of(settings) as (edges, client), projected(edges, life):
        ids = {
            (
                await client.post(
                    f"/v1/tickets/{life.ticket_id}/reply",
                    json={"body": "Hello"},
                    headers=bearer(settings, tenant, "tech-1", "technician"),
                )
            ).json()["command_id"]
            for _ in range(2)
        }
    assert len(ids) == 2


@in_loop
async def test_customers_and_tenants_see_and_move_only_what_is_theirs(settings: IntakeSettings) -> None:
    tenant = new_tenant("theirs")
    life = assigned(tenant)
    url = f"/v1/tickets/{life.ticket_id}"
    async with edges_of(settings) as (edges, client), projected(edges, life):
        own = bearer(settings, tenant, "r-1", "requester")
        for stranger in (
            bearer(settings, tenant, "r-2", "requester"),
            bearer(settings, "elsewhere", "boss", "coordinator"),
        ):
            assert (await client.get(url, headers=stranger)).status_code == 404
            assert (await client.get(url + "/events", headers=stranger)).status_code == 404
            assert (await client.post(url + "/cancel", json={"reason": "r"}, headers=stranger)).status_code == 404
        assert (await client.get(url, headers=own)).status_code == 200
        assert (await client.get("/v1/tickets?status=assigned", headers=own)).status_code == 403
        assert (await client.get("/v1/stats", headers=own)).status_code == 403


# ---------------------------------------------------------------- queries


@in_loop
async def test_queries_show_a_ticket_its_events_lists_and_counts(settings: IntakeSettings) -> None:
    tenant = new_tenant("queries")
    lives = [assigned(tenant, f"o-{number}") for number in range(3)]
    boss = bearer(settings, tenant, "boss", "coordinator")
    async with edges_of(settings) as (edges, client), projected(edges, *lives):
        ticket = (await client.get(f"/v1/tickets/{lives[0].ticket_id}", headers=boss)).json()
        happened = (await client.get(f"/v1/tickets/{lives[0].ticket_id}/events?after=1", headers=boss)).json()
        technician = bearer(settings, tenant, "tech-1", "technician")
        held = (await client.get("/v1/technicians/tech-1/tickets", headers=technician)).json()
        others = await client.get("/v1/technicians/tech-2/tickets", headers=technician)
        page = (await client.get("/v1/tickets?status=assigned&limit=2", headers=boss)).json()
        rest = (
            await client.get("/v1/tickets", params={"status": "assigned", "cursor": page["next"]}, headers=boss)
        ).json()
        bad_cursor = await client.get("/v1/tickets?status=assigned&cursor=nonsense", headers=boss)
        too_many = await client.get("/v1/tickets?status=assigned&limit=100000", headers=boss)
        stats = (await client.get("/v1/stats", headers=boss)).json()
    assert (ticket["status"], ticket["technician_id"], ticket["sequence"]) == ("assigned", "tech-1", 3)
    assert "li@acme.example" not in json.dumps(ticket)
    assert [event["type"] for event in happened] == ["queued", "assigned"]
    assert len(held["tickets"]) == 3
    assert others.status_code == 403
    assert len({each["ticket_id"] for each in page["tickets"] + rest["tickets"]}) == 3
    assert rest["next"] is None
    assert (bad_cursor.status_code, too_many.status_code) == (422, 422)
    assert stats == {
        "status": {"assigned": 3},
        "channel": {"portal": 3},
        "events": {"ticket.assigned": 3, "ticket.opened": 3, "ticket.queued": 3},
        "fresh": True,
    }


@in_loop
async def test_a_ticket_that_the_view_lacks_is_unknown_only_once_the_view_is_whole(settings: IntakeSettings) -> None:
    tenant = new_tenant("whole")
    headers = bearer(settings, tenant, "boss", "coordinator")
    async with edges_of(settings) as (edges, client):
        url = "/v1/tickets/T-0000-0000-0000-0000"
        assert (await client.get(url, headers=headers)).status_code == 503
        async with projected(edges):
            assert (await client.get(url, headers=headers)).status_code == 404


@in_loop
async def test_the_api_describes_itself(settings: IntakeSettings) -> None:
    async with edges_of(settings) as (_, client):
        described = (await client.get("/openapi.json")).json()
    actions = (
        "accept",
        "decline",
        "release",
        "transfer",
        "reply",
        "resolve",
        "status",
        "priority",
        "assign",
        "confirm",
        "reopen",
        "cancel",
        "merge",
    )
    for path in ("/v1/requests", *(f"/v1/tickets/{{ticket_id}}/{action}" for action in actions)):
        assert "202" in described["paths"][path]["post"]["responses"]
    body = described["paths"]["/v1/requests"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["additionalProperties"] is False
    assert "HTTPBearer" in json.dumps(described["paths"]["/v1/requests"]["post"]["security"])


# ---------------------------------------------------------------- progress page


def link(settings: IntakeSettings, life: Life, audience: str = AUDIENCE_PROGRESS, days: int = 1) -> str:
    now = SystemClock().now()
    token = issue_link(
        settings.secret,
        audience=audience,
        tenant=life.tenant,
        subject=life.ticket_id,
        now=now,
        expires_at=now + timedelta(days=days),
    )
    return f"/progress/{token}"


@in_loop
async def test_the_progress_page_shows_the_way_of_a_ticket_in_both_languages(settings: IntakeSettings) -> None:
    life = assigned(new_tenant("page"))
    life.tell(events.TicketDeclined, "classified", technician_id="tech-1", reason="too hot")
    life.tell(events.TicketQueued, "queued", pool="emea", priority="P1", generation=2, reason="declined")
    life.tell(events.TicketAssigned, "assigned", pool="emea", technician_id="tech-2", generation=2)
    life.tell(events.TicketAccepted, "in_progress", technician_id="tech-2")
    life.tell(events.AgentReplied, "in_progress", technician_id="tech-2", body="<script>alert(1)</script> soon")
    async with edges_of(settings) as (edges, client), projected(edges, life):
        own = await client.get(link(settings, life))
        chinese = await client.get(link(settings, life) + "?lang=zh-CN", headers={"Accept-Language": "en"})
        latest = await client.get(link(settings, life) + "/latest")
    assert own.status_code == 200
    assert '<html lang="en">' in own.text
    for words in ("In progress", "Assigned to an engineer", "The engineer answered", "2026-03-02 17:01"):
        assert words in own.text
    assert "处理中" in chinese.text
    assert "工程师已回复" in chinese.text
    # What people wrote is text, never markup; who declined and why is nobody's business outside.
    assert "<script>alert" not in own.text
    assert "&lt;b&gt;on fire" in own.text
    assert "too hot" not in own.text
    assert "tech-2" not in own.text
    assert own.headers["referrer-policy"] == "no-referrer"
    assert own.headers["cache-control"] == "no-store"
    assert latest.json() == {"sequence": len(life.written)}
    assert f'data-sequence="{len(life.written)}"' in own.text


@in_loop
async def test_the_link_of_an_accepted_request_works_before_its_ticket_exists(settings: IntakeSettings) -> None:
    tenant = new_tenant("early")
    async with edges_of(settings) as (_, client):
        accepted = await client.post("/v1/requests", json=BODY, headers=bearer(settings, tenant, "portal", "system"))
        page = await client.get(accepted.json()["progress_url"], headers={"Accept-Language": "en-GB,en;q=0.9"})
    assert page.status_code == 200
    assert "registering" in page.text
    assert accepted.json()["ticket_id"] in page.text


@in_loop
async def test_a_link_that_is_forged_expired_or_for_something_else_opens_nothing(settings: IntakeSettings) -> None:
    life = assigned(new_tenant("links"))
    async with edges_of(settings) as (_, client):
        for path in (
            "/progress/abc",
            link(settings, life)[:-3] + "AAA",
            link(settings, life, audience=AUDIENCE_SURVEY),
            link(settings, life, days=-1),
        ):
            page = await client.get(path)
            assert page.status_code == 404
            assert life.ticket_id not in page.text
            assert ZH_CN["expired"] in page.text
            assert (await client.get(path + "/latest")).status_code == 404


@in_loop
async def test_without_redis_the_page_says_so_in_words(settings: IntakeSettings) -> None:
    life = assigned(new_tenant("dark"))
    async with edges_of(settings_for(settings.kafka_bootstrap, f"redis://{NOWHERE}/0")) as (_, client):
        page = await client.get(link(settings, life) + "?lang=en")
    assert page.status_code == 503
    assert "your request is safe" in page.text


@in_loop
async def test_the_pages_script_and_style_are_served_and_nothing_else_of_the_folder(settings: IntakeSettings) -> None:
    async with edges_of(settings) as (_, client):
        assert (await client.get("/assets/progress.js")).headers["content-type"].startswith("text/javascript")
        assert (await client.get("/assets/progress.css")).status_code == 200
        assert (await client.get("/assets/progress.html")).status_code == 404
