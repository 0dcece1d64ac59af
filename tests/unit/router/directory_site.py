"""The directory's API in process: what it writes is read back into its directory, as by way of Kafka."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter
from fastapi.testclient import TestClient
from httpx2 import Response

from schemas.topics import AUDIT, DIRECTORY, ROUTING_WORK
from schemas.vocabulary import Presence
from services._runtime.clock import ManualClock
from services._runtime.directory.directory import Directory
from services._runtime.web.audited import Action, audited_route
from services._runtime.web.tokens import issue_access
from services._runtime.web.web import create_web
from services.router.adapters.directory_writer import SOURCE, KafkaDirectory
from services.router.api.directory import DirectoryApi, directory_router
from services.router.api.presence import presence_router
from tests.kafka_stand_in import KafkaStandIn
from tests.served import SECRET

NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TIMEOUT_SECONDS: Final = 60


class Attended:
    """Notes who was heard of and what was declared."""

    def __init__(self) -> None:
        self.beats: list[tuple[str, str, Presence]] = []
        self.declared: list[tuple[str, str, Presence, str]] = []

    async def beat(self, tenant: str, technician_id: str, pool: str, presence: Presence) -> bool:
        del tenant
        self.beats.append((technician_id, pool, presence))
        return True

    async def declare(self, technician_id: str, pool: str, presence: Presence, action: Action) -> None:
        self.declared.append((technician_id, pool, presence, action.principal.subject))


class DirectorySite:
    """The API with a client; `put` and the like act as a coordinator unless told otherwise."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.kafka = KafkaStandIn()
        self.directory = Directory()
        self.attended = Attended()
        writer = KafkaDirectory(self.kafka, self.directory, self.clock)
        api = DirectoryApi(self.directory, writer)
        audits = audited_route(self.kafka, SECRET, self.clock, source=SOURCE, entity="entity_id")
        routes = APIRouter(route_class=audits)
        directory_router(SECRET, api, self.clock, routes)
        presence_router(SECRET, api, self.attended, self.clock, routes, TIMEOUT_SECONDS)
        self.client = TestClient(create_web("router", clock=self.clock, routers=(routes,)))
        self._read = 0

    def ask(
        self, method: str, path: str, body: Any = None, *, role: str = "coordinator", who: str = "boss"
    ) -> Response:
        """Call it, and let the directory read what was written."""
        token = issue_access(
            SECRET, tenant="acme", subject=who, roles={role}, now=NOW, expires_at=NOW + timedelta(hours=1)
        )
        answer = self.client.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})
        self.read()
        self.clock.advance(timedelta(seconds=1))
        return answer

    def put(self, path: str, body: Any, **who: str) -> Response:
        """As `ask`."""
        return self.ask("PUT", path, body, **who)

    def read(self) -> None:
        """Let the directory catch up."""
        topics = {topic.name for topic in DIRECTORY.values()}
        for record in self.kafka.sent[self._read :]:
            if record.topic in topics:
                self.directory.apply(record.topic, record.key, record.value)
        self._read = len(self.kafka.sent)

    def told(self) -> list[Any]:
        """What routers were told."""
        return self.kafka.on(ROUTING_WORK)

    def audits(self) -> list[tuple[str, str, str, str]]:
        """Who did what to which entity, with which outcome."""
        return [(each.actor.actor_id, each.action, each.entity, each.outcome) for each in self.kafka.on(AUDIT)]


def technician(**changes: Any) -> dict[str, Any]:
    """The body of someone in the pool `north`."""
    return {
        "name": "李娜",
        "email": "li.na@aftercare.example",
        "pool": "north",
        "team": "field",
        "skills": ["scanner"],
        "languages": ["zh-CN"],
        "level": "L2",
        "capacity": 3,
        **changes,
    }
