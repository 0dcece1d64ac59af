"""`GET /v1/assignments/{ticket}/why`, over the logs of a day in a file."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from schemas.topics import ROUTING_TURNS, TICKET_ASSIGNMENTS
from services._runtime.clock import ManualClock
from services._runtime.kafka.bounded import BrokersSilentError
from services._runtime.web.tokens import issue_access
from services._runtime.web.web import create_web
from services.router.adapters.replay.asking import Replays
from services.router.adapters.replay.command import why as why_command
from services.router.adapters.replay.source import FileLogs
from services.router.adapters.replay.why import Rules
from services.router.api.why import why_router
from services.router.domain.reasons import LogTooLongError
from services.router.handlers import router_topology
from tests.served import SECRET
from tests.topology.router_day import PARTITION, Day
from tests.topology.routing import SETTINGS

STEPS = 60
RULES = Rules(router_topology(SETTINGS), SETTINGS.policy)


def write_logs(day: Day, path: Path) -> None:
    """The logs as `FileLogs` reads them."""
    told = [(each.topic, each.offset, each.key, each.value) for each in day.records]
    said = [
        (topic.name, number, output.key, output.value)
        for topic in (TICKET_ASSIGNMENTS, ROUTING_TURNS)
        for number, output in enumerate(day.router.driver.read_bytes(topic))
    ]
    lines = [
        json.dumps(
            {
                "topic": topic,
                "partition": PARTITION,
                "offset": offset,
                "key": (key or b"").decode(),
                "value": json.loads(value or b"null"),
            }
        )
        for topic, offset, key, value in (*told, *said)
    ]
    path.write_text("\n".join(lines))


@pytest.fixture(scope="module")
def day() -> Day:
    made = Day(5, people=5)
    made.run(STEPS)
    return made


@pytest.fixture(scope="module")
def log_file(day: Day, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("why") / "day.jsonl"
    write_logs(day, path)
    return path


def ask(logs: Any, path: str, *roles: str, tenant: str = "acme") -> Any:
    clock = ManualClock(Day(0).router.driver.now)
    now = clock.now()
    web = create_web("router", clock=clock, routers=(why_router(SECRET, Replays(logs, RULES), clock),))
    token = issue_access(
        SECRET, tenant=tenant, subject="x", roles=set(roles), now=now, expires_at=now + timedelta(hours=1)
    )
    return TestClient(web).get(path, headers={"Authorization": f"Bearer {token}"})


def test_the_answer_is_the_decision_with_everyone_and_equal_to_what_was_decided(log_file: Path) -> None:
    answer = ask(FileLogs(log_file), "/assignments/T-0003/why?limit=2", "coordinator")
    assert answer.status_code == 200
    found = answer.json()
    assert found["equal"] is True
    assert found["told"] == found["replayed"]
    assert found["candidates_count"] == 5
    assert len(found["candidates"]) == 2
    assert set(found["candidates"][0]) >= {"technician_id", "verdicts", "dropped_by", "parts", "weight", "place"}


def test_a_generation_can_be_asked_for(log_file: Path) -> None:
    found = ask(FileLogs(log_file), "/v1/assignments/T-0003/why?generation=1", "technician").json()
    assert found["generation"] == 1


def test_customers_and_other_tenants_are_told_nothing(log_file: Path) -> None:
    assert ask(FileLogs(log_file), "/v1/assignments/T-0003/why", "requester").status_code == 403
    assert ask(FileLogs(log_file), "/v1/assignments/T-0003/why", "technician", tenant="other").status_code == 404


def test_a_log_that_is_too_long_for_a_request_names_the_command() -> None:
    class Long:
        def said(self) -> Any:
            raise LogTooLongError("ticket.assignments holds 3 records, more than 2")

        def work(self, partition: int | None = None) -> Any:
            raise AssertionError(partition)

    answer = ask(Long(), "/v1/assignments/T-0003/why", "technician")
    assert answer.status_code == 422
    assert "python -m services.router why T-0003" in answer.json()["detail"]


def test_brokers_that_are_silent_mean_try_again() -> None:
    class Silent:
        def said(self) -> Any:
            raise BrokersSilentError("nobody answers")

        def work(self, partition: int | None = None) -> Any:
            raise AssertionError(partition)

    answer = ask(Silent(), "/v1/assignments/T-0003/why", "technician")
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


def test_the_command_shows_the_same(log_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert why_command(["T-0003", "--input", str(log_file)]) == 0
    assert "comes to what was decided" in capsys.readouterr().out
    assert why_command(["T-0003", "--input", str(log_file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["equal"] is True
    assert why_command(["T-NEVER", "--input", str(log_file)]) == 1
    assert "no decision on T-NEVER" in capsys.readouterr().err
