"""Every case of sla-cases.jsonl, exactly; and what `explain` does with lines that are none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.sla_monitor.adapters.explain import explain, explain_lines

ROOT = Path(__file__).parents[3]
CASES_FILE = ROOT / "tests" / "data" / "sla-cases.jsonl"
SHARED_FILE = ROOT.parent / "shared" / "sla-cases.jsonl"
CASES: list[dict[str, Any]] = [json.loads(line) for line in CASES_FILE.read_text(encoding="utf-8").splitlines()]
GOOD = next(case for case in CASES if case["id"] == "priority-raised-retargets-from-start")


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_case_is_answered_as_expected(case: dict[str, Any]) -> None:
    reports = explain(case)
    for target, expected in case["expect"].items():
        assert {field: reports[target][field] for field in expected} == expected


@pytest.mark.skipif(not SHARED_FILE.exists(), reason="a clone has no shared folder beside it")
def test_the_copy_of_the_cases_is_identical_to_the_shared_one() -> None:
    assert CASES_FILE.read_bytes() == SHARED_FILE.read_bytes()


def test_a_target_that_never_started_is_left_out() -> None:
    case = next(case for case in CASES if case["id"] == "no-next-response-before-first")
    assert set(explain(case)) == {"first_response"}


def test_what_happens_after_now_is_not_known_and_what_happens_at_now_is() -> None:
    case = GOOD | {"now": "2026-01-07T10:59:59Z"}
    assert explain(case)["resolution"]["priority"] == "P3"
    assert explain(case | {"now": "2026-01-07T11:00:00Z"})["resolution"]["priority"] == "P1"


def test_before_it_is_opened_a_ticket_has_no_targets() -> None:
    assert explain(GOOD | {"now": "2026-01-07T09:00:00Z"}) == {}


def test_a_report_shows_what_was_consumed_and_when_it_stood_still() -> None:
    case = next(case for case in CASES if case["id"] == "hold-to-the-close")
    report = explain(case)["resolution"]
    assert report["segments"] == [
        {"start": "2024-01-18T15:00:00Z", "end": "2024-01-18T15:30:00Z"},
        {"start": "2024-01-18T16:30:00Z", "end": "2024-01-18T16:40:00Z"},
    ]
    assert report["pauses"] == [{"start": "2024-01-18T15:30:00Z", "end": "2024-01-18T16:30:00Z", "status": "on_hold"}]


def test_a_changed_priority_hides_no_breach() -> None:
    case = GOOD | {
        "events": [
            {"at": "2026-01-07T10:00:00Z", "type": "opened", "priority": "P1"},
            {"at": "2026-01-07T12:30:00Z", "type": "priority", "to": "P3"},
        ],
        "now": "2026-01-07T12:40:00Z",
    }
    report = explain(case)["resolution"]
    assert report["state"] == "running"
    assert [(g["generation"], g["priority"], g["state"]) for g in report["earlier_generations"]] == [
        (1, "P1", "breached")
    ]


def test_a_reopening_hides_no_breach() -> None:
    case = GOOD | {
        "events": [
            {"at": "2026-01-07T10:00:00Z", "type": "opened", "priority": "P1"},
            {"at": "2026-01-07T12:30:00Z", "type": "resolved"},
            {"at": "2026-01-07T13:00:00Z", "type": "reopened"},
        ],
        "now": "2026-01-07T13:10:00Z",
    }
    report = explain(case)["resolution"]
    assert (report["cycle"], report["state"], report["due_at"]) == (2, "running", "2026-01-07T15:00:00Z")
    assert [(c["cycle"], c["state"]) for c in report["earlier_cycles"]] == [(1, "breached")]


def test_a_target_that_the_priority_lacks_is_left_out_until_it_has_it_again() -> None:
    events = [
        {"at": "2026-01-07T10:00:00Z", "type": "opened", "priority": "P3"},
        {"at": "2026-01-07T10:10:00Z", "type": "priority", "to": "P9"},
        {"at": "2026-01-07T10:20:00Z", "type": "priority", "to": "P1"},
    ]
    assert explain(GOOD | {"events": events, "now": "2026-01-07T10:15:00Z"}) == {}
    report = explain(GOOD | {"events": events})["resolution"]
    assert (report["due_at"], report["generation"]) == ("2026-01-07T12:00:00Z", 3)


def test_a_generation_that_is_superseded_at_due_exactly_was_in_time() -> None:
    events = [
        {"at": "2026-01-07T10:00:00Z", "type": "opened", "priority": "P1"},
        {"at": "2026-01-07T12:00:00Z", "type": "priority", "to": "P3"},
    ]
    report = explain(GOOD | {"events": events, "now": "2026-01-07T12:00:01Z"})["resolution"]
    assert [generation["state"] for generation in report["earlier_generations"]] == ["superseded"]


def test_paused_at_due_exactly_is_paused_without_due_and_breached_a_moment_later() -> None:
    events = [
        {"at": "2026-01-07T10:00:00Z", "type": "opened", "priority": "P1"},
        {"at": "2026-01-07T12:00:00Z", "type": "status", "to": "pending"},
    ]
    at_due = explain(GOOD | {"events": events, "now": "2026-01-07T12:00:00Z"})["resolution"]
    later = explain(GOOD | {"events": events, "now": "2026-01-07T12:00:01Z"})["resolution"]
    assert (at_due["state"], at_due["due_at"]) == ("paused", None)
    assert (later["state"], later["due_at"]) == ("breached", "2026-01-07T12:00:00Z")


def test_stopped_while_paused_with_budget_left_is_met_without_due() -> None:
    events = [
        {"at": "2026-01-07T10:00:00Z", "type": "opened", "priority": "P1"},
        {"at": "2026-01-07T11:00:00Z", "type": "status", "to": "pending"},
        {"at": "2026-01-09T12:00:00Z", "type": "resolved"},
    ]
    report = explain(GOOD | {"events": events, "now": "2026-01-10T00:00:00Z"})["resolution"]
    assert (report["state"], report["due_at"], report["elapsed_seconds"]) == ("met", None, 3600.0)


def test_a_next_response_never_pauses_whatever_the_policy_says() -> None:
    events = [
        {"at": "2026-01-07T10:00:00Z", "type": "opened", "priority": "P1"},
        {"at": "2026-01-07T10:10:00Z", "type": "agent_replied"},
        {"at": "2026-01-07T10:20:00Z", "type": "customer_replied"},
        {"at": "2026-01-07T10:25:00Z", "type": "status", "to": "pending"},
    ]
    targets = {"P1": {"next_response": {"seconds": 3600, "pause_on": ["pending"]}}}
    report = explain(GOOD | {"targets": targets, "events": events, "now": "2026-01-07T11:00:00Z"})["next_response"]
    assert (report["state"], report["due_at"]) == ("running", "2026-01-07T11:20:00Z")


def test_while_the_priority_lacks_the_target_it_pauses_as_if_nothing_were_said() -> None:
    events = [
        {"at": "2026-01-07T10:00:00Z", "type": "opened", "priority": "P9"},
        {"at": "2026-01-07T10:10:00Z", "type": "status", "to": "pending"},
        {"at": "2026-01-07T10:40:00Z", "type": "status", "to": "open"},
        {"at": "2026-01-07T10:50:00Z", "type": "priority", "to": "P1"},
    ]
    report = explain(GOOD | {"events": events, "now": "2026-01-07T11:00:00Z"})["resolution"]
    assert (report["elapsed_seconds"], report["due_at"]) == (1800.0, "2026-01-07T12:30:00Z")


def test_fractions_of_a_second_are_kept() -> None:
    events = [{"at": "2026-01-07T10:00:00.25Z", "type": "opened", "priority": "P1"}]
    assert explain(GOOD | {"events": events})["resolution"]["due_at"] == "2026-01-07T12:00:00.250000Z"


WEEK = {"mon": [["09:00", "18:00"]]}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "never open": ({"calendar": {"timezone": "UTC", "hours": {}}}, "the calendar never opens"),
    "closed every day": ({"calendar": {"timezone": "UTC", "hours": {"mon": []}}}, "the calendar never opens"),
    "overlapping": (
        {"calendar": {"timezone": "UTC", "hours": {"mon": [["09:00", "12:00"], ["11:00", "18:00"]]}}},
        "mon: intervals overlap",
    ),
    "reversed": (
        {"calendar": {"timezone": "UTC", "hours": {"mon": [["18:00", "09:00"]]}}},
        "mon: 18:00 to 09:00 is reversed or empty",
    ),
    "no such zone": ({"calendar": {"timezone": "Mars/Base", "hours": WEEK}}, "unknown time zone 'Mars/Base'"),
    "a folder of zones": ({"calendar": {"timezone": "Europe", "hours": WEEK}}, "unknown time zone 'Europe'"),
    "unknown event": (
        {"events": [{"at": "2026-01-07T10:00:00Z", "type": "exploded"}]},
        "event 1: unknown type 'exploded'",
    ),
    "event type no text": (
        {"events": [{"at": "2026-01-07T10:00:00Z", "type": ["opened"]}]},
        "event 1: unknown type ['opened']",
    ),
    "no budget": (
        {"targets": {"P1": {"resolution": {"seconds": 0}}}},
        "targets of P1: resolution: the budget is not positive: 0 seconds",
    ),
    "negative budget": (
        {"targets": {"P1": {"resolution": {"seconds": -1}}}},
        "targets of P1: resolution: the budget is not positive: -1 seconds",
    ),
    "unknown target": (
        {"targets": {"P1": {"happiness": {"seconds": 1}}}},
        "targets of P1: unknown target 'happiness'",
    ),
    "unreadable instant": (
        {"events": [{"at": "yesterday", "type": "opened", "priority": "P1"}]},
        "event 1: 'yesterday' is no instant: Invalid RFC3339 encoded datetime",
    ),
    "no offset": (
        {"now": "2026-01-07T10:00:00"},
        "'2026-01-07T10:00:00' is no instant: Expected `datetime` with a timezone component",
    ),
    "never opened": ({"events": []}, "a ticket is opened once, not 0 times"),
    "opened without priority": (
        {"events": [{"at": "2026-01-07T10:00:00Z", "type": "opened"}]},
        "event 1: opened has no priority",
    ),
}


@pytest.mark.parametrize(("change", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_bad_case_is_refused_with_its_reason_and_the_next_is_answered(change: dict[str, Any], reason: str) -> None:
    lines = [json.dumps(GOOD | change | {"id": "bad"}).encode(), json.dumps(GOOD).encode()]
    answers = [json.loads(line) for line in explain_lines(lines)]
    assert answers[0] == {"id": "bad", "error": reason}
    assert answers[1]["targets"]["resolution"]["due_at"] == "2026-01-07T12:00:00Z"


@pytest.mark.parametrize("line", [b"{", b"[]", b"\xff\xfe", b'"text"', b"[" * 100_000, b"{}"])
def test_a_line_that_is_no_case_is_refused_and_the_next_is_answered(line: bytes) -> None:
    answers = [json.loads(answer) for answer in explain_lines([line, b"", json.dumps(GOOD).encode()])]
    assert len(answers) == 2
    assert answers[0]["id"] is None
    assert answers[0]["error"]
    assert answers[1]["id"] == GOOD["id"]


def test_the_command_answers_each_line_and_loads_no_kafka() -> None:
    program = (
        "import sys; from services.sla_monitor.__main__ import main; main(['explain']); "
        "loaded = {name.partition('.')[0] for name in sys.modules}; "
        "sys.exit(9 if loaded & {'confluent_kafka', 'aiokafka', 'faust', 'redis'} else 0)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        input=CASES_FILE.read_bytes(),
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert [json.loads(line)["id"] for line in run.stdout.splitlines()] == [case["id"] for case in CASES]


def test_an_unknown_command_is_answered_with_the_usage() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "services.sla_monitor", "explode"],
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert run.returncode == 2
    assert b"usage" in run.stderr
