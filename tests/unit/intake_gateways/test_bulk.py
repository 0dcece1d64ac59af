"""One call for many tickets: what is written for each, what each is told, and what is refused as a whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from httpx2 import Response

from schemas.ids import ticket_id
from schemas.ticket_commands import AssignTicket, ChangeStatus, ReleaseTicket, TransferTicket
from schemas.topics import AUDIT, TICKET_COMMANDS
from schemas.vocabulary import Status
from services._runtime.clock import ManualClock
from services._runtime.web.audited import audited_route
from services._runtime.web.tokens import issue_access
from services._runtime.web.web import create_web
from services.intake.api.access import Gatekeeper
from services.intake.api.bulk import LOOKED_UP_AT_ONCE, BulkGateway, bulk_router
from services.intake.api.command_bodies import BULK_TICKETS_MAX
from services.intake.api.commands import SOURCE
from services.intake.api.idempotency import IdempotencyStore
from tests.kafka_stand_in import KafkaStandIn
from tests.served import SECRET

NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TICKETS: Final = [ticket_id("acme", "portal", str(number)) for number in range(2 * LOOKED_UP_AT_ONCE + 1)]
STRANGE: Final = ticket_id("other", "portal", "theirs")


class Shown:
    """A ticket of the read model, as far as it is asked for."""

    def __init__(self, known: str) -> None:
        self.ticket_id = known
        self.requester_id = "r-1"


class ShownTickets:
    """A read model of these tickets alone."""

    async def find(self, tenant: str, wanted: str) -> Shown | None:
        return Shown(wanted) if tenant == "acme" and wanted in TICKETS else None


class Memory:
    """What Redis would keep of the calls."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    async def put(self, key: str, value: str, *, ttl_seconds: int) -> None:
        del ttl_seconds
        self.kept[key] = value

    async def put_if_absent(self, key: str, value: str, *, ttl_seconds: int) -> str | None:
        del ttl_seconds
        before = self.kept.get(key)
        self.kept.setdefault(key, value)
        return before


class Site:
    """The bulks in process."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.kafka = KafkaStandIn()
        self.memory = Memory()
        calls = IdempotencyStore(self.memory, keep_seconds=600)  # type: ignore[arg-type]
        gateway = BulkGateway(ShownTickets(), self.kafka, calls, self.clock, "http://edge")  # type: ignore[arg-type]
        router = APIRouter(route_class=audited_route(self.kafka, SECRET, self.clock, source=SOURCE))
        bulk_router(Gatekeeper(SECRET, self.clock), gateway, router)
        self.client = TestClient(create_web("intake", clock=self.clock, routers=(router,)))

    def post(
        self, action: str, body: Any, *, role: str = "coordinator", who: str = "boss", key: str | None = None
    ) -> Response:
        token = issue_access(
            SECRET, tenant="acme", subject=who, roles={role}, now=NOW, expires_at=NOW + timedelta(hours=1)
        )
        headers = {"Authorization": f"Bearer {token}", **({"Idempotency-Key": key} if key is not None else {})}
        return self.client.post(f"/v1/bulk/{action}", json=body, headers=headers)

    def audits(self) -> list[tuple[str, str, str, str]]:
        return [(each.actor.actor_id, each.action, each.entity, each.outcome) for each in self.kafka.on(AUDIT)]


@pytest.fixture
def site() -> Site:
    return Site()


CASES: Final[list[tuple[str, dict[str, Any], str, type, dict[str, Any]]]] = [
    ("assign", {"technician_id": "li"}, "coordinator", AssignTicket.struct, {"technician_id": "li"}),
    ("take", {}, "technician", AssignTicket.struct, {"technician_id": "me"}),
    ("release", {"reason": "a course"}, "coordinator", ReleaseTicket.struct, {"reason": "a course"}),
    (
        "hold",
        {"reason": "no parts"},
        "technician",
        ChangeStatus.struct,
        {"status": Status.ON_HOLD, "reason": "no parts"},
    ),
    (
        "transfer",
        {"pool": "billing", "skills": ["tax"], "reason": "invoices"},
        "system",
        TransferTicket.struct,
        {"pool": "billing", "skills": ["tax"], "reason": "invoices"},
    ),
]


@pytest.mark.parametrize(("action", "body", "role", "kind", "fields"), CASES, ids=[case[0] for case in CASES])
def test_every_ticket_gets_the_command_with_an_outcome_and_an_audit_record_of_its_own(
    site: Site, action: str, body: dict[str, Any], role: str, kind: type, fields: dict[str, Any]
) -> None:
    answer = site.post(action, {"ticket_ids": TICKETS, **body}, role=role, who="me")
    assert answer.status_code == 202
    commands = site.kafka.commands()
    assert [type(each) for each in commands] == [kind] * len(TICKETS)
    assert [each.ticket_id for each in commands] == TICKETS
    assert all({name: getattr(each, name) for name in fields} == fields for each in commands)
    assert {each.actor.actor_id for each in commands} == {"me"}
    assert site.audits() == [("me", action, each, "accepted") for each in TICKETS]
    told = answer.json()
    assert (told["accepted"], told["refused"]) == (len(TICKETS), 0)
    assert [each["ticket_id"] for each in told["outcomes"]] == TICKETS
    assert len({each["command_id"] for each in told["outcomes"]}) == len(TICKETS)
    assert told["outcomes"][0]["events_url"] == f"http://edge/v1/tickets/{TICKETS[0]}/events"


def test_a_ticket_that_is_not_the_callers_is_refused_alone_and_the_others_go_on(site: Site) -> None:
    answer = site.post("release", {"ticket_ids": [TICKETS[0], STRANGE, TICKETS[1]], "reason": "a course"})
    assert answer.status_code == 202
    told = answer.json()
    assert (told["accepted"], told["refused"]) == (2, 1)
    assert [each["outcome"] for each in told["outcomes"]] == ["accepted", "refused", "accepted"]
    assert told["outcomes"][1]["problem"]["type"] == "urn:aftercare:problem:ticket-not-found"
    assert [each.ticket_id for each in site.kafka.commands()] == TICKETS[:2]
    assert site.audits()[1] == ("boss", "release", STRANGE, "refused: ticket-not-found")


def test_a_ticket_named_twice_and_in_other_letters_gets_one_command(site: Site) -> None:
    answer = site.post("release", {"ticket_ids": [TICKETS[0], TICKETS[0].lower(), TICKETS[0]], "reason": "a course"})
    assert [each["ticket_id"] for each in answer.json()["outcomes"]] == TICKETS[:1]
    assert len(site.kafka.commands()) == 1


def test_the_same_bulk_under_its_key_is_written_once_and_another_one_is_refused(site: Site) -> None:
    body = {"ticket_ids": TICKETS, "technician_id": "li"}
    first, again = (site.post("assign", body, key="k") for _ in range(2))
    other = site.post("assign", {**body, "technician_id": "wu"}, key="k")
    assert first.json() == again.json()
    assert (other.status_code, other.headers["content-type"]) == (422, "application/problem+json")
    assert other.json()["type"] == "urn:aftercare:problem:idempotency-key-reused"
    assert len(site.kafka.commands()) == len(TICKETS)


def test_a_bulk_that_comes_again_after_its_memory_was_lost_has_the_same_command_ids(site: Site) -> None:
    first = site.post("assign", {"ticket_ids": TICKETS, "technician_id": "li"}, key="k")
    site.memory.kept.clear()
    again = site.post("assign", {"ticket_ids": TICKETS, "technician_id": "li"}, key="k")
    assert first.json() == again.json()


def test_without_kafka_nothing_is_accepted(site: Site) -> None:
    site.kafka.gone = True
    answer = site.post("release", {"ticket_ids": TICKETS, "reason": "a course"}, key="k")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    site.kafka.gone = False
    assert site.post("release", {"ticket_ids": TICKETS, "reason": "a course"}, key="k").json()["accepted"] == len(
        TICKETS
    )


@pytest.mark.parametrize(
    ("action", "body", "pointer"),
    [
        ("release", {"ticket_ids": [], "reason": "x"}, "#/ticket_ids"),
        ("release", {"ticket_ids": TICKETS}, "#/reason"),
        ("release", {"ticket_ids": [TICKETS[0]] * (BULK_TICKETS_MAX + 1), "reason": "x"}, "#/ticket_ids"),
        ("release", {"ticket_ids": ["no id!"], "reason": "x"}, "#/ticket_ids/0"),
        ("assign", {"ticket_ids": TICKETS, "technician_id": "li", "pool": "x"}, "#/pool"),
    ],
)
def test_a_bulk_that_makes_no_sense_is_refused_whole_and_says_where(
    site: Site, action: str, body: Any, pointer: str
) -> None:
    answer = site.post(action, body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    assert site.kafka.on(TICKET_COMMANDS) == []
    assert site.audits() == [("boss", f"bulk_{action}", "", "refused: validation")]


@pytest.mark.parametrize(
    ("action", "role"), [("assign", "requester"), ("assign", "system"), ("take", "coordinator"), ("hold", "requester")]
)
def test_who_may_not_is_refused_whole_and_audited(site: Site, action: str, role: str) -> None:
    answer = site.post(action, {"ticket_ids": TICKETS, "technician_id": "li", "reason": "x"}, role=role)
    assert answer.status_code == 403
    assert site.kafka.on(TICKET_COMMANDS) == []
    assert site.audits() == [("boss", f"bulk_{action}", "", "refused: forbidden")]
