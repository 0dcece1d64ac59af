"""A replay judges as production does, and says what a proposal would have changed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from benchmarks.sla_history import history
from schemas.ticket_sla import TargetBreached, TargetBreachRetracted, TargetMet
from schemas.topics import TICKET_EVENTS, TICKET_SLA
from schemas.vocabulary import Language
from services._runtime.clock import ManualClock
from services._runtime.directory.directory import Directory
from services.sla_monitor.adapters.what_if import words as words_module
from services.sla_monitor.adapters.what_if.command import what_if
from services.sla_monitor.adapters.what_if.page import render
from services.sla_monitor.adapters.what_if.proposal import InvalidProposal, read_proposal, sides_of
from services.sla_monitor.adapters.what_if.replay import Replay
from services.sla_monitor.adapters.what_if.report import Report, report_of
from services.sla_monitor.adapters.what_if.source import Raw, file_parts
from services.sla_monitor.domain.what_if import ABSENT
from services.sla_monitor.settings import PolicySettings
from tests.topology.monitored import Monitored

START: Final = datetime(2026, 7, 1, tzinfo=UTC)
UNTIL: Final = datetime(2026, 8, 20, tzinfo=UTC)
TICKETS: Final = 120
PACKAGED: Final = Path(__file__).parents[3] / "services" / "sla_monitor" / "policies" / "cn-standard.yaml"

Write = Callable[[str], Path]


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return [told.value for told in history(TICKETS, 3, START, 14)]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        path = tmp_path / "proposed.yaml"
        path.write_text(text, "utf-8")
        return path

    return written


def replayed(lines: list[bytes], policy: Path, until: datetime = UNTIL, **more: Any) -> Report:
    """The report of a replay of lines under a proposal."""
    proposal = read_proposal(policy, more.pop("calendars", []), more.pop("replaces", None))
    directory = Directory()
    replay = Replay(sides_of(proposal, directory, PolicySettings()), directory, START, until)
    replay.run([(Raw(f"line {number}", line) for number, line in enumerate(lines))])
    return report_of(replay, proposal, START, until, more.pop("zone", _shanghai()))


def _shanghai() -> Any:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - beside its only use

    return ZoneInfo("Asia/Shanghai")


def revised() -> str:
    """The standard policy as its next version."""
    return PACKAGED.read_text("utf-8").replace("version: 1", "version: 2", 1)


def shares(report: Report, side: str) -> dict[str, tuple[int, int]]:
    """Met and breached by target."""
    return {row.target: (getattr(row, side).met, getattr(row, side).breached) for row in report.overall}


def test_what_the_replay_says_of_today_is_what_production_told(lines: list[bytes]) -> None:
    monitored = Monitored(START)
    for line in lines:
        event = json.loads(line)
        monitored.driver.advance_to(datetime.fromisoformat(event["time"]))
        monitored.driver.send_bytes(TICKET_EVENTS, event["subject"], line)
    monitored.driver.advance_to(UNTIL)
    assert monitored.driver.dead_letters() == []
    verdicts: dict[tuple[str, str, int], str] = {}
    for event in monitored.driver.read(TICKET_SLA):
        key = (event.data.ticket_id, event.data.target, event.data.cycle)
        if isinstance(event.data, TargetBreached):
            verdicts[key] = "breached"
        elif isinstance(event.data, TargetMet):
            verdicts.setdefault(key, "met")
        assert not isinstance(event.data, TargetBreachRetracted)
    told = Counter((target, verdict) for (_, target, _), verdict in verdicts.items())
    found = shares(replayed(lines, PACKAGED), "now")
    assert sum(met for met, _ in found.values()) > TICKETS
    for target, (met, breached) in found.items():
        assert (target, met, breached) == (target, told[target, "met"], told[target, "breached"])


def test_the_policy_of_today_as_a_proposal_changes_nothing(lines: list[bytes], write: Write) -> None:
    report = replayed(lines, write(revised()))
    assert report.tickets == TICKETS
    assert (report.tickets_changed, report.directions, report.moved) == (0, [], [])
    assert shares(report, "now") == shares(report, "then")
    assert report.pressure.now == report.pressure.then


def test_a_shorter_budget_turns_some_met_into_breached_and_none_back(lines: list[bytes], write: Write) -> None:
    shorter = revised().replace("86400, pause", "3600, pause")
    report = replayed(lines, write(shorter))
    assert report.tickets_changed > 0
    assert {(way.now, way.then) for way in report.directions} == {("met", "breached")}
    assert {row.target for row in report.moved} == {"resolution"}
    assert all(row.over_seconds > 0 for row in report.moved)
    widest = [row.over_seconds for row in report.moved]
    assert widest == sorted(widest, reverse=True)
    whole = next(row for row in report.overall if row.target == "resolution")
    assert whole.now.met - whole.then.met == whole.then.breached - whole.now.breached == report.directions[0].clocks


def test_a_target_that_a_proposal_drops_is_absent_and_no_changed_verdict(lines: list[bytes], write: Write) -> None:
    text = re.sub(r"\n    next_response: \{.*\}", "", PACKAGED.read_text("utf-8"))
    report = replayed(lines, write(text))
    assert ABSENT not in {way.then for way in report.directions}
    row = next(row for row in report.overall if row.target == "next_response")
    assert row.now.attainment is not None


def test_tickets_opened_outside_the_time_are_left_out(lines: list[bytes]) -> None:
    report = replayed(lines, PACKAGED, until=START + timedelta(days=7))
    assert 0 < report.tickets < TICKETS


def test_a_line_that_no_one_can_read_is_told_and_the_rest_goes_on(lines: list[bytes]) -> None:
    broken = [*lines[:5], b"{not json", b'{"specversion": "1.0"}', *lines[5:]]
    report = replayed(broken, PACKAGED)
    assert report.tickets == TICKETS
    assert report.skipped.count == 2
    assert report.skipped.shown[0].startswith("line 5: ")


def test_copies_of_events_change_nothing(lines: list[bytes]) -> None:
    twice = [line for line in lines for _ in range(2)]
    assert shares(replayed(twice, PACKAGED), "now") == shares(replayed(lines, PACKAGED), "now")


def test_pressure_counts_every_due_time_once(lines: list[bytes]) -> None:
    report = replayed(lines, PACKAGED)
    weeks = (UNTIL - START) / timedelta(days=7)
    clocks = sum(met + breached for met, breached in shares(report, "now").values())
    due = sum(sum(day) for day in report.pressure.now) * weeks
    # A clock that stopped while paused has no due time, one that was re-targeted has one of each generation.
    assert clocks * 0.8 < due < clocks * 1.2
    assert all(hour.then >= 1 for hour in report.pressure.busiest)


def test_a_proposal_that_no_ticket_would_go_by_is_refused(write: Write) -> None:
    text = PACKAGED.read_text("utf-8").replace("policy_id: cn-standard", "policy_id: elsewhere")
    proposal = read_proposal(write(text), [], None)
    with pytest.raises(InvalidProposal, match="--instead-of"):
        sides_of(proposal, Directory(), PolicySettings())
    assert sides_of(read_proposal(write(text), [], "cn-standard"), Directory(), PolicySettings())


def test_a_calendar_that_nobody_knows_is_refused_and_one_that_is_given_is_used(
    lines: list[bytes], write: Write, tmp_path: Path
) -> None:
    text = PACKAGED.read_text("utf-8").replace("version: 1", "version: 2\ncalendar_id: mornings", 1)
    proposal = read_proposal(write(text), [], None)
    with pytest.raises(InvalidProposal, match="mornings"):
        sides_of(proposal, Directory(), PolicySettings())
    calendar = tmp_path / "mornings.yaml"
    calendar.write_text(
        "calendar_id: mornings\ntimezone: Asia/Shanghai\nhours: {mon: [['09:00', '12:00']]}\nholidays: [2026-07-06]\n"
    )
    report = replayed(lines, write(text), calendars=[calendar])
    hours = {hour for day in report.pressure.then for hour, due in enumerate(day) if due}
    assert hours <= {8, 9, 10, 11, 12} | hours_of_others(report)
    assert report.tickets_changed > 0


def hours_of_others(report: Report) -> set[int]:
    """Hours that tickets of other policies are due in, which the proposal doesn't touch."""
    return {hour for day in report.pressure.now for hour, due in enumerate(day) if due}


def test_the_command_writes_json_and_a_page_and_says_what_is_wrong(
    lines: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = tmp_path / "events.jsonl"
    events.write_bytes(b"\n".join(lines))
    given = ["--policy", str(PACKAGED), "--since", "2026-07-01", "--until", UNTIL.isoformat(), "--input", str(events)]
    page, data = tmp_path / "report.html", tmp_path / "report.json"
    clock = ManualClock(UNTIL)
    assert what_if([*given, "--html", str(page), "--json", str(data), "--lang", "en"], clock) == 0
    report = msgspec.json.decode(data.read_bytes(), type=Report)
    assert report.tickets == TICKETS
    assert "What if" in capsys.readouterr().out
    assert page.read_text("utf-8").startswith("<!doctype html>")
    bad = tmp_path / "bad.yaml"
    bad.write_text("policy_id: x\nversion: 0\ntargets: {}\n")
    assert what_if(["--policy", str(bad), *given[2:]], clock) == 1
    assert "bad.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("lang", list(Language))
def test_the_page_stands_alone_in_each_language(lines: list[bytes], lang: Language) -> None:
    report = msgspec.structs.replace(replayed(lines, PACKAGED), title="<b>bold</b>")
    text = render(report, lang)
    for outside in ("<script", "http://", "https://", "@import"):
        assert outside not in text
    assert "<b>bold</b>" not in text
    assert text.count("<svg") == text.count("</svg>") >= 6
    assert words_module.WORDS[lang]["pressure"] in text


def test_both_languages_say_the_same_things() -> None:
    assert set(words_module.ZH_CN) == set(words_module.EN)
    assert set(words_module.WORDS) == set(Language)


@pytest.mark.parametrize(
    ("seconds", "said"), [(90, "2 min"), (3_600, "1 h 0 min"), (-90_000, "1 d 1 h"), (59 * 60, "59 min")]
)
def test_spans_are_said_in_their_two_largest_units(seconds: float, said: str) -> None:
    assert words_module.duration(seconds) == said


def test_a_file_is_read_line_by_line_and_blank_ones_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"one\n\n  \ntwo")
    parts: Iterator[Any] = file_parts(path)
    assert [(raw.place, raw.value.strip()) for raw in next(parts)] == [
        ("events.jsonl:1", b"one"),
        ("events.jsonl:4", b"two"),
    ]
