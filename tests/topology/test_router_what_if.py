"""What-if of assignment: today's side is what happened, and the other side is what other people or rules would do."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest

from benchmarks.router_history import DAY, history
from schemas.routing_policy import RoutingPolicy
from services.router.adapters.replay.source import FileLogs
from services.router.adapters.what_if.command import sides_of, what_if
from services.router.adapters.what_if.history import History, history_of
from services.router.adapters.what_if.proposal import Proposal, read_proposal
from services.router.adapters.what_if.report import Sides
from services.router.adapters.what_if.words import WORDS, wait
from services.router.domain.workload import Placed, breaches_of, waits_of

SAMPLE = Path("docs/router-what-if")
TODAY = SAMPLE / "today.yaml"
PROPOSED = SAMPLE / "proposed-roster.yaml"
TICKETS = 140
# Before the day shift goes home: from then on work changes hands, which starts waits of its own.
UNTIL = DAY + timedelta(hours=17, minutes=50)


@pytest.fixture(scope="module")
def day_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("what-if") / "day.jsonl"
    path.write_bytes(b"\n".join(history(TODAY, TICKETS, 7)))
    return path


@cache
def _history(path: Path) -> History:
    logs = FileLogs(path)
    return history_of(logs.work(), logs.said(), None, DAY, UNTIL)


@cache
def _sides(path: Path, proposed: Path) -> Sides:
    return sides_of(_history(path), read_proposal(proposed, None))


def fates(placed: list[Placed]) -> set[tuple[object, ...]]:
    return {(each.ticket_id, each.offered_at, each.assigned_at, each.technician_id) for each in placed}


def test_todays_side_is_what_really_happened(day_file: Path) -> None:
    recorded = _history(day_file).recorded
    simulated = _sides(day_file, PROPOSED).now.placed
    assert len(recorded) > TICKETS * 0.8
    assert fates(simulated) == fates(recorded)


def test_the_same_roster_proposed_changes_nothing(day_file: Path) -> None:
    sides = _sides(day_file, TODAY)
    assert fates(sides.then.placed) == fates(sides.now.placed)
    assert sides.then.waiting == sides.now.waiting


def test_people_get_work_in_the_hours_of_the_proposed_shifts(day_file: Path) -> None:
    sides = _sides(day_file, PROPOSED)
    late = "chen-jie"  # from half past eight today, from one in the afternoon as proposed

    def hours(placed: list[Placed]) -> list[int]:
        return [
            int((each.assigned_at - DAY) / timedelta(hours=1))
            for each in placed
            if each.technician_id == late and each.assigned_at is not None
        ]

    assert min(hours(sides.now.placed)) < 13
    assert min(hours(sides.then.placed)) >= 13


def test_with_half_the_people_work_waits_longer_and_more_of_it_is_late(day_file: Path) -> None:
    whole = read_proposal(TODAY, None).technicians or ()
    sides = sides_of(_history(day_file), Proposal(whole[:6], None))
    now, then = (waits_of(side.placed, UNTIL) for side in (sides.now, sides.then))
    assert then.mean_seconds > 2 * now.mean_seconds
    assert breaches_of(sides.then.placed, UNTIL).breached > breaches_of(sides.now.placed, UNTIL).breached
    assert {each.technician_id for each in sides.then.placed if each.technician_id} <= {
        each.technician_id for each in whole[:6]
    }


def test_other_rules_spread_the_same_work_otherwise(day_file: Path) -> None:
    policy = RoutingPolicy.new(version=2, load_factor=0.01, fairness_factor=10.0)
    sides = sides_of(_history(day_file), Proposal(None, policy))
    assert fates(sides.then.placed) != fates(sides.now.placed)
    assert len(sides.then.placed) == pytest.approx(len(sides.now.placed), rel=0.1)


def test_the_command_reports_to_the_terminal_as_json_and_as_a_page(
    day_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, data = tmp_path / "report.html", tmp_path / "report.json"
    window = ["--since", DAY.isoformat(), "--until", UNTIL.isoformat(), "--input", str(day_file)]
    status = what_if(["--roster", str(PROPOSED), *window, "--lang", "en", "--html", str(page), "--json", str(data)])
    assert status == 0
    assert "mean wait" in capsys.readouterr().out
    report = json.loads(data.read_text())
    assert report["waits"][0]["now"] == report["recorded"]
    assert report["waits"][0]["then"]["pieces"] > TICKETS * 0.8
    assert [row["priority"] for row in report["waits"]] == ["", "P0", "P1", "P2", "P3"]
    text = page.read_text()
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "")
    assert "chen-jie" in text


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([], "nothing to compare"),
        (["--policy", "nowhere.yaml"], "nowhere.yaml"),
        (["--policy", str(PROPOSED)], "proposed-roster.yaml"),
        (["--roster", str(PROPOSED), "--pool", "elsewhere"], "no work in that time"),
    ],
)
def test_what_cannot_be_used_is_said(
    day_file: Path, options: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert what_if([*options, "--since", DAY.isoformat(), "--until", UNTIL.isoformat(), "--input", str(day_file)]) == 1
    assert reason in capsys.readouterr().err


def test_a_file_that_is_no_log_is_refused_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "day.jsonl"
    path.write_text("{}\n")
    assert what_if(["--roster", str(PROPOSED), "--since", "2026-11-25", "--input", str(path)]) == 1
    assert "day.jsonl:1" in capsys.readouterr().err


def test_both_languages_say_the_same_things_and_waits_are_spelled() -> None:
    assert len({frozenset(words) for words in WORDS.values()}) == 1
    assert (wait(42), wait(600), wait(7_500)) == ("42 s", "10 min 0 s", "2 h 5 min")
