"""Policies and calendars that can't be used are refused with file, line and reason, when they are loaded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.sla_monitor.__main__ import main
from services.sla_monitor.adapters.checking import check_text
from services.sla_monitor.domain.calendar import InvalidCalendar
from services.sla_monitor.domain.policy import InvalidPolicy

NOW = datetime(2026, 1, 7, tzinfo=UTC)
PACKAGE = Path(__file__).parents[3] / "services" / "sla_monitor"
POLICY = """policy_id: small
version: 1
warn_at: [0.5]
escalation:
  - role: supervisor
  - role: director
    after_seconds: 60
targets:
  P0:
    resolution:
      seconds: 100
"""
CALENDAR = """calendar_id: small
version: 1
timezone: UTC
hours:
  mon: [['09:00', '12:00']]
  tue:
  - ['09:00', '12:00']
overrides:
  2026-01-07: [['09:00', '10:00']]
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("seconds: 100", "seconds: -1", "f.yaml:11: targets of P0: resolution: the budget is not positive: -1 seconds"),
        ("    resolution:", "    joy:", "f.yaml:10: targets of P0: unknown target 'joy'"),
        ("role: director", "roles: []", "f.yaml:6: escalation step 2: role is missing: a step without recipients"),
        ("after_seconds: 60", "after_seconds: -60", "f.yaml:7: escalation step 2: after_seconds: is negative"),
        ("[0.5]", "[1.5]", "f.yaml:3: warn_at holds fractions"),
        ("version: 1", "version: one", "f.yaml:2: version counts from 1, got 'one'"),
        ("targets:", "targets: [", "f.yaml:10: while parsing a flow sequence: expected"),
        (
            "    resolution:",
            "    resolution: {seconds: 1}\n    resolution:",
            "f.yaml:11: resolution is given twice",
        ),
        (POLICY, "[" * 20_000, "f.yaml:1: nested too deeply"),
        (
            "targets:",
            "surges:\n  - {window_seconds: 900, breaches: 20}\n  - window_seconds: 900\n    breaches: 1\ntargets:",
            "f.yaml:11: surge rule 2: breaches: expected a whole number from 2 to 1000000, got 1",
        ),
    ],
)
def test_a_policy_is_refused_with_file_line_and_reason(old: str, new: str, told: str) -> None:
    with pytest.raises(InvalidPolicy) as refused:
        check_text(POLICY.replace(old, new), "f.yaml", NOW)
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("UTC", "Mars/Base", "f.yaml:3: unknown time zone 'Mars/Base'"),
        ("['09:00', '12:00']]", "['12:00', '09:00']]", "f.yaml:5: mon: 12:00 to 09:00 is reversed or empty"),
        (
            "  - ['09:00', '12:00']",
            "  - ['09:00', '12:00']\n  - ['11:00', '13:00']",
            "f.yaml:6: tue: intervals overlap",
        ),
        ("'10:00'", "'25:00'", "f.yaml:9: 2026-01-07: '25:00' is not a time of day"),
        ("  mon:", "  moon:", "f.yaml:5: unknown weekday 'moon'"),
        ("overrides:", "colour: red\noverrides:", "f.yaml:8: a calendar has no colour"),
    ],
)
def test_a_calendar_is_refused_with_file_line_and_reason(old: str, new: str, told: str) -> None:
    with pytest.raises(InvalidCalendar) as refused:
        check_text(CALENDAR.replace(old, new, 1), "f.yaml", NOW)
    assert str(refused.value).startswith(told)


def test_a_calendar_with_nothing_open_in_the_next_year_is_refused() -> None:
    closed = [(NOW + timedelta(days=day)).date().isoformat() for day in range(-2, 370)]
    text = CALENDAR.split("overrides", maxsplit=1)[0] + "holidays: [" + ", ".join(closed) + "]\n"
    with pytest.raises(InvalidCalendar, match=r"f\.yaml:4: nothing is open in the year after 2026-01-07"):
        check_text(text, "f.yaml", NOW)
    assert check_text(text, "f.yaml", NOW + timedelta(days=30)) == "calendar small, version 1"


def test_the_packaged_policies_and_calendars_pass_their_own_check(capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(path) for path in sorted(PACKAGE.glob("*/*.yaml"))]
    assert main(["check", *files]) == 0
    told = capsys.readouterr().out
    assert "policy cn-standard, version 1" in told
    assert "calendar cn-office, version 1" in told


def test_the_command_names_each_bad_file_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad, good = tmp_path / "bad.yaml", tmp_path / "good.yaml"
    bad.write_text(POLICY.replace("100", "0"), "utf-8")
    good.write_text(POLICY, "utf-8")
    assert main(["check", str(bad), str(good), str(tmp_path / "none.yaml")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{bad}:11: ")
    assert lines[1] == f"{good}: policy small, version 1"
    assert "No such file" in lines[2]
