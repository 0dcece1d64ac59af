"""Calendars with public holidays: what is packaged agrees with the libraries, and what is written can be read."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import chinese_calendar
import pytest
import yaml

from services.sla_monitor.adapters.packaged import packaged_calendars
from services.sla_monitor.adapters.public_days import public_days, write_calendar
from services.sla_monitor.domain.calendar_form import parse_calendar

OFFICE_FILE = Path(__file__).parents[3] / "services" / "sla_monitor" / "calendars" / "cn-office.yaml"


def test_the_packaged_office_is_open_on_exactly_the_working_days_of_china() -> None:
    hours = packaged_calendars()["cn-office"]
    day = date(2025, 1, 1)
    while day < date(2027, 1, 1):
        intervals = hours.days.get(day, hours.week[day.weekday()])
        assert bool(intervals) == chinese_calendar.is_workday(day), day
        day += timedelta(days=1)


def test_the_packaged_office_is_what_the_command_in_its_first_lines_writes() -> None:
    text = OFFICE_FILE.read_text("utf-8")
    command = " ".join(line.strip("# \\") for line in text.splitlines() if line.startswith("#"))
    arguments = command.partition("calendar --")[2].split()
    assert write_calendar(["--" + arguments[0], *arguments[1:]]) == "".join(
        line + "\n" for line in text.splitlines() if not line.startswith("#")
    )


def test_other_countries_have_holidays_and_no_worked_weekends() -> None:
    days = public_days("DE", [2026])
    assert date(2026, 5, 1) in days.holidays
    assert days.worked == []


def test_what_is_written_can_be_read() -> None:
    text = write_calendar(
        ["--country", "DE", "--year", "2026", "--timezone", "Europe/Berlin", "--open", "08:00-17:00", "--id", "de"]
    )
    hours = parse_calendar(yaml.safe_load(text))
    assert hours.days[date(2026, 12, 25)] == ()
    assert hours.week[0] == ((8 * 3600, 17 * 3600),)


@pytest.mark.parametrize(
    "change",
    [["--country", "ZZ"], ["--year", "2099"], ["--timezone", "Nowhere"], ["--open", "17:00-08:00"], ["--open", "noon"]],
)
def test_what_cannot_be_written_ends_with_a_message(change: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    good = ["--country", "CN", "--year", "2026", "--timezone", "UTC", "--open", "08:00-17:00", "--id", "x"]
    with pytest.raises(SystemExit):
        write_calendar([*good, *change])
    assert "error:" in capsys.readouterr().err
