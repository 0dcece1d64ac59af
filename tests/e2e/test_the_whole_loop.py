"""A request goes in by a channel and comes out closed, told and rated, through the real stack, and is seen to."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from confluent_kafka import Producer
from rich.console import Console

from deploy.local import services
from deploy.local.demo.live import View
from deploy.local.demo.report import Report
from deploy.local.demo.scale import SMALL
from deploy.local.demo.scenario import play
from deploy.local.folders import BUILD, REPOSITORY
from deploy.local.waiting import until
from deploy.monitoring.generated import DASHBOARDS
from schemas.topics import INTAKE_REQUESTS
from services._runtime.clock import SystemClock
from services._runtime.metrics import LABELS
from services._runtime.operations.progress import PROCESSORS
from tests.e2e.bed import Bed, hurried_directory, running_stack
from tests.e2e.boards import SEEN_SECONDS, caller, watching
from tests.e2e.watching import Alarms, Prometheus, metrics_of, webhook

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

WATCHED_SECONDS = 240
"""Further back than the run began."""
ALERT_SECONDS = 60.0
CLOCK = SystemClock()
PROMTOOL = shutil.which("promtool") or "promtool"
SERIES_MAX = 4_000
FROM_PROMETHEUS = {"__name__", "job", "instance", "service", "le"}
FROM_PYTHON = {"implementation", "major", "minor", "patchlevel"}


@dataclass(frozen=True)
class Loop:
    """A stack on which the loop was played, with its report and those who looked on."""

    bed: Bed
    report: Report
    prometheus: Prometheus
    alarms: Alarms
    directory: Path


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    """Play the loop once, for all tests of this module."""
    directory = hurried_directory(tmp_path_factory.mktemp("loop"))
    settings = {"AFTERCARE_CLOSE_AFTER_SECONDS": "3"}
    with (
        webhook() as alarms,
        running_stack("loop", settings=settings, directory=directory, alerts_to=alarms.url) as bed,
        closing(Prometheus(bed.stack.prometheus.url)) as prometheus,
    ):
        # What is counted before the first look has no beginning at 0.
        seen = f'sum(up{{job="aftercare"}}) == {len(services.NAMES)}'
        until(lambda: prometheus.value(seen) > 0, ALERT_SECONDS, "Prometheus to have looked at every service")
        with View(Console(), bed.accounts.claims, bed.accounts.books) as view:
            report = asyncio.run(play(bed.stack, SMALL, bed.accounts, view, bed.reader))
        yield Loop(bed, report, prometheus, alarms, directory)


def test_every_request_becomes_one_ticket_and_every_ticket_is_brought_to_its_end(loop: Loop) -> None:
    report = loop.report
    numbers = report.numbers
    assert report.findings == ()
    assert report.wanting == ()
    assert numbers["settled"]
    assert numbers["tickets_opened"] == SMALL.tickets + SMALL.mails
    assert numbers["tickets_closed"] == numbers["tickets_opened"] - SMALL.cancelled - SMALL.merged
    assert (numbers["unaccounted"], numbers["duplicate_event_ids"], numbers["dead_letters"]) == (0, 0, 0)
    assert set(numbers["by_channel"]) == {"portal", "app", "phone", "chat", "wechat", "relay", "email"}
    assert numbers["breaches"] >= 1
    assert numbers["escalations"] >= 1
    assert numbers["ratings"] >= 1
    assert numbers["mails_in_mailboxes"] == numbers["notifications_sent"] > numbers["tickets_opened"]
    assert numbers["client_troubles"] == []
    assert 0 < numbers["accepted_to_assigned_ms"]["p50"] <= numbers["accepted_to_assigned_ms"]["p99"]


@pytest.mark.parametrize("service", services.NAMES)
def test_the_metrics_of_a_service_pass_prometheuss_own_lint(loop: Loop, service: str) -> None:
    text = metrics_of(loop.bed.stack.services[service])
    done = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert f'aftercare_build_info{{service="{service}"' in text


def test_the_metrics_agree_with_the_account(loop: Loop) -> None:
    numbers = loop.report.numbers
    expected = {
        'sum(aftercare_processor_events_total{type="ticket.opened"})': numbers["tickets_opened"],
        'sum(aftercare_processor_events_total{type="ticket.closed"})': loop.bed.accounts.books.count("ticket.closed"),
        'sum(aftercare_processor_events_total{type="notification.sent"})': numbers["notifications_sent"],
        'sum(aftercare_sla_targets_total{what="breached"})': numbers["breaches"],
        "sum(aftercare_feedback_csat_count)": numbers["ratings"],
        "sum(aftercare_ticket_assignment_seconds_count)": len(loop.bed.accounts.books.reached["assigned"]),
        "sum(aftercare_processor_dead_letters_total)": 0,
        "sum(aftercare_processor_lag_records)": 0,
        "sum(aftercare_tickets) or vector(0)": 0,
        'sum(up{job="aftercare"})': len(services.NAMES),
    }
    assert {expr: loop.prometheus.value(expr) for expr in expected} == expected
    assert loop.prometheus.rule_errors() == []


def test_what_alarms_and_sums_go_by_is_counted_from_zero(loop: Loop) -> None:
    """A series that begins with its first count hides it from `increase`: the first dead letter would alarm nobody.

    Not so what pools are told of the directory as soon as the router runs: that may be before anybody's first look.
    """
    names = "aftercare_(processor_events|processor_dead_letters|feedback_surveys)_total"
    counters = f'__name__=~"{names}", type!~"routing.(technician_rostered|policy_stated|turn_taken)"'
    began = loop.prometheus.value(f"count(min_over_time({{{counters}}}[{WATCHED_SECONDS}s]) == 0)")
    assert began == loop.prometheus.value(f"count({{{counters}}})") > 100


def test_no_label_names_a_ticket_a_tenant_or_a_person(loop: Loop) -> None:
    series = loop.prometheus.series('{job="aftercare", __name__!~"ALERTS.*"}')
    labels = {
        label: {each[label] for each in series if label in each} for label in {key for each in series for key in each}
    }
    assert labels.keys() <= LABELS.keys() | FROM_PROMETHEUS | FROM_PYTHON
    values = set().union(*labels.values())
    assert not values & _names_of_many(loop)
    assert not [value for value in values if "@" in value or re.search(r"T-[0-9a-z]{8}", value, re.IGNORECASE)]
    assert len(series) < SERIES_MAX


def _names_of_many(loop: Loop) -> set[str]:
    """Tickets, tenants, customers and technicians, by id and by name."""
    directory = yaml.safe_load(loop.directory.read_text("utf-8"))
    people = [*directory["technicians"], *directory["customers"]]
    texts = {value for each in people for value in each.values() if isinstance(value, str)} - _LANGUAGES
    texts -= {each["pool"] for each in directory["pools"]}
    return {directory["tenant"], *texts, *loop.bed.accounts.books.lives}


_LANGUAGES = {"zh-CN", "en", "vip", "standard", "L1", "L2", "L3"}


@pytest.mark.parametrize("path", sorted((REPOSITORY / DASHBOARDS).glob("*.json")), ids=lambda path: path.stem)
def test_every_query_of_every_panel_finds_data(loop: Loop, path: Path) -> None:
    board: dict[str, Any] = json.loads(path.read_text("utf-8"))
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    lines, empty = [], []
    for panel in panels:
        for target in panel["targets"]:
            expr = target["expr"].replace("$__rate_interval", "10s").replace("$__range", f"{WATCHED_SECONDS}s")
            found = loop.prometheus.ranges(expr, WATCHED_SECONDS)
            lines.append(f"{len(found):>4}  {panel['title']}  {target['refId']}  {target['expr']}")
            if not found:
                empty.append(f"{panel['title']}: {expr}")
    listed = BUILD / "monitoring" / f"{path.stem}.panels.txt"
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_text("\n".join([f"{board['title']}: series found by each query", *lines]) + "\n", "utf-8")
    print(listed.read_text("utf-8"))
    assert panels
    assert empty == []


def run_command(loop: Loop, *words: str, **changed: str) -> tuple[int, list[str]]:
    """What an operator sees of `python -m services …`, some settings changed: the exit status and the lines."""
    done = subprocess.run(
        [sys.executable, "-m", "services", *words],
        cwd=REPOSITORY,
        env={**os.environ, **loop.bed.stack.settings(), **changed},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


def test_an_operator_sees_who_works_and_that_nothing_is_left_to_do(loop: Loop) -> None:
    status, lines = run_command(loop, "status", *(each.url for each in loop.bed.stack.services.values()))
    assert status == 0
    assert {line.split()[0] for line in lines} >= set(PROCESSORS)
    assert sum(line.endswith(" ready") for line in lines) == len(services.NAMES)
    assert "dead letters open: intake 0, router 0, sla_monitor 0, notifier 0, feedback 0" in lines
    status, lines = run_command(loop, "lag", "--json")
    told = [json.loads(line) for line in lines]
    assert status == 0
    assert [each["processor"] for each in told] == list(PROCESSORS)
    assert [each["waiting_since"] for each in told] == [None] * len(PROCESSORS)
    assert all(each["partitions"] and each["members"] for each in told)


def test_the_doctor_finds_nothing_that_fails_in_a_well_stack_and_says_what_does_elsewhere(loop: Loop) -> None:
    status, lines = run_command(loop, "doctor", "--json")
    found = [json.loads(line) for line in lines]
    assert [each for each in found if each["level"] == "fail"] == []
    assert status == 0
    looked_at = {each["about"] for each in found}
    assert {"brokers", "topics", "directory", "Redis", "clocks", "mail out (SMTP)", "mail in (IMAP)"} <= looked_at
    status, lines = run_command(loop, "doctor", AFTERCARE_REDIS_URL="redis://127.0.0.1:1/0", AFTERCARE_REPLICATION="3")
    failed = [line.split(maxsplit=1)[1] for line in lines if line.startswith("FAIL")]
    assert status == 1
    assert [line.split("  ")[0] for line in failed] == ["brokers", "Redis"]


def test_what_a_coordinator_does_is_on_everyones_board_a_moment_later(loop: Loop) -> None:
    """Of the last: it spoils the account. Command, ledger, router, changelog, view and stream, for two who watch."""
    stack, pool = loop.bed.stack, "technical-support"
    boss = caller(stack.secret, "coordinator-hu", "coordinator")
    board, api = stack.services["router"].url, stack.services["intake"].url
    people = [each["technician_id"] for each in yaml.safe_load(loop.directory.read_text("utf-8"))["technicians"]]
    request = {
        "channel": "phone",
        "external_id": "board",
        "requester": {"requester_id": "board-1", "language": "en"},
        "subject": "A board to watch",
        "body": "Nothing is wrong.",
        "issue_type": "malfunction",
    }
    with (
        httpx.Client(timeout=SEEN_SECONDS, headers=boss) as client,
        watching(board, pool, boss) as one,
        watching(board, pool, caller(stack.secret, people[0], "technician")) as other,
    ):
        asked = client.post(f"{api}/v1/requests", json=request, headers=caller(stack.secret, "desk", "system"))
        ticket_id = asked.json()["ticket_id"]
        first = one.wait_for_someone(ticket_id)
        wanted = next(each for each in people if each != first)
        shown = f"{api}/v1/tickets/{ticket_id}"
        until(lambda: client.get(shown).status_code == httpx.codes.OK, SEEN_SECONDS, "intake shows the ticket")
        done = client.post(f"{api}/v1/bulk/assign", json={"ticket_ids": [ticket_id], "technician_id": wanted})
        assert (done.status_code, done.json()["accepted"]) == (202, 1), done.text
        taken_seconds = CLOCK.monotonic_seconds()
        for each in (one, other):
            each.wait_for(ticket_id, wanted)
    print(f"on both boards {CLOCK.monotonic_seconds() - taken_seconds:.2f} s after the command was taken")


def test_a_dead_letter_reaches_whoever_is_to_be_told(loop: Loop) -> None:
    """Last: it spoils the account. Nothing is pretended: a record that nobody can read, Prometheus, Alertmanager."""
    assert loop.alarms.named("DeadLetters") == []
    producer = Producer({"bootstrap.servers": loop.bed.stack.kafka.bootstrap})
    producer.produce(INTAKE_REQUESTS.name, b"this is no event", b"nobody's")
    assert producer.flush(ALERT_SECONDS) == 0
    alert = loop.alarms.wait_for("DeadLetters", ALERT_SECONDS)
    assert alert["status"] == "firing"
    assert alert["labels"] == {
        "alertname": "DeadLetters",
        "severity": "ticket",
        "processor": "intake.normaliser",
        "reason": "undecodable",
    }
    assert alert["annotations"]["summary"] == "intake.normaliser set records aside as undecodable."
    assert (REPOSITORY / alert["annotations"]["runbook"]).is_file()
