"""Business time at its edges: lunch, midnight, holidays, daylight saving, the ends of what calendars reach."""

from __future__ import annotations

from typing import Any

import pytest

from services.sla_monitor.domain.calendar import WEEKDAYS, BusinessCalendar, CalendarExhausted, InvalidCalendar
from services.sla_monitor.domain.calendar_form import parse_calendar
from services.sla_monitor.domain.instants import SECOND_US, from_text, to_seconds, to_text

ALL_DAY = {day: [["00:00", "24:00"]] for day in WEEKDAYS}


def calendar(timezone: str = "UTC", **form: Any) -> BusinessCalendar:
    return BusinessCalendar(parse_calendar({"timezone": timezone, **form}))


def after(business: BusinessCalendar, start: str, seconds: int) -> str:
    return to_text(business.add(from_text(start), seconds * SECOND_US))


def open_seconds(business: BusinessCalendar, start: str, stop: str) -> float:
    return to_seconds(business.between(from_text(start), from_text(stop)))


def test_a_missing_wall_time_moves_forward_by_the_gap() -> None:
    # Berlin jumps from 02:00 to 03:00 on 2025-03-30: 02:30 is 03:30, which is 01:30 UTC.
    berlin = calendar("Europe/Berlin", hours={"sun": [["02:30", "04:00"]]})
    assert after(berlin, "2025-03-30T00:00:00Z", 60) == "2025-03-30T01:31:00Z"
    assert open_seconds(berlin, "2025-03-30T00:00:00Z", "2025-03-31T00:00:00Z") == 1800


def test_intervals_that_a_gap_makes_overlap_count_once() -> None:
    # 02:15 to 02:45 moves onto 03:15 to 03:45, which the other interval already covers.
    berlin = calendar("Europe/Berlin", hours={"sun": [["02:15", "02:45"], ["03:00", "04:00"]]})
    assert open_seconds(berlin, "2025-03-30T00:00:00Z", "2025-03-31T00:00:00Z") == 3600


def test_an_interval_that_a_gap_turns_around_is_empty() -> None:
    berlin = calendar("Europe/Berlin", hours={"sun": [["02:30", "03:00"]]})
    assert open_seconds(berlin, "2025-03-30T00:00:00Z", "2025-03-31T00:00:00Z") == 0
    assert open_seconds(berlin, "2025-04-06T00:00:00Z", "2025-04-07T00:00:00Z") == 1800


def test_an_ambiguous_wall_time_is_its_first_occurrence() -> None:
    # Berlin repeats 02:00 to 03:00 on 2025-10-26; the first 02:30 is 00:30 UTC.
    berlin = calendar("Europe/Berlin", hours={"sun": [["02:30", "04:00"]]})
    assert after(berlin, "2025-10-25T00:00:00Z", 1) == "2025-10-26T00:30:01Z"
    closing = calendar("Europe/Berlin", hours={"sun": [["00:00", "02:30"]]})
    assert open_seconds(closing, "2025-10-25T00:00:00Z", "2025-10-27T00:00:00Z") == 2.5 * 3600


def test_a_day_that_is_25_hours_long_is_open_for_25_hours() -> None:
    berlin = calendar("Europe/Berlin", hours=ALL_DAY)
    assert open_seconds(berlin, "2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z") == 25 * 3600
    only_sunday = calendar("Europe/Berlin", hours={"sun": [["00:00", "24:00"]]})
    assert open_seconds(only_sunday, "2025-10-25T00:00:00Z", "2025-10-28T00:00:00Z") == 25 * 3600


def test_a_midnight_that_is_missing_opens_the_day_an_hour_later() -> None:
    # Havana jumps from 00:00 to 01:00 on 2026-03-08.
    havana = calendar("America/Havana", hours={"sun": [["00:00", "24:00"]]})
    assert after(havana, "2026-03-07T12:00:00Z", 1) == "2026-03-08T05:00:01Z"
    assert open_seconds(havana, "2026-03-07T12:00:00Z", "2026-03-10T00:00:00Z") == 23 * 3600


def test_a_budget_that_ends_at_closing_time_is_due_at_closing_time() -> None:
    office = calendar(hours={"mon": [["09:00", "12:00"], ["13:00", "17:00"]]})
    assert after(office, "2026-01-05T09:00:00Z", 3 * 3600) == "2026-01-05T12:00:00Z"
    assert after(office, "2026-01-05T09:00:00Z", 3 * 3600 + 1) == "2026-01-05T13:00:01Z"
    assert after(office, "2026-01-05T12:00:00Z", 4 * 3600) == "2026-01-05T17:00:00Z"


def test_nothing_to_use_up_is_used_up_at_once() -> None:
    office = calendar(hours={"mon": [["09:00", "12:00"]]})
    assert after(office, "2026-01-06T00:00:00Z", 0) == "2026-01-06T00:00:00Z"


def test_an_interval_is_half_open() -> None:
    office = calendar(hours={"mon": [["09:00", "12:00"]]})
    assert open_seconds(office, "2026-01-05T08:59:59Z", "2026-01-05T09:00:00Z") == 0
    assert open_seconds(office, "2026-01-05T09:00:00Z", "2026-01-05T09:00:01Z") == 1
    assert open_seconds(office, "2026-01-05T11:59:59Z", "2026-01-05T12:00:00Z") == 1
    assert open_seconds(office, "2026-01-05T12:00:00Z", "2026-01-05T12:00:01Z") == 0


def test_an_override_beats_a_holiday_and_an_empty_one_closes_the_day() -> None:
    office = calendar(
        hours={"mon": [["09:00", "12:00"]]},
        holidays=["2026-01-05"],
        overrides={"2026-01-05": [["10:00", "11:00"]], "2026-01-12": []},
    )
    assert open_seconds(office, "2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z") == 3600
    assert open_seconds(office, "2026-01-12T00:00:00Z", "2026-01-13T00:00:00Z") == 0


def test_asking_about_earlier_years_changes_no_answer() -> None:
    office = calendar("Asia/Shanghai", hours={"mon": [["09:00", "18:00"]], "thu": [["09:00", "10:30"]]})
    asked = ("2026-01-09T09:50:00Z", 100_000)
    fresh = after(office, *asked)
    assert open_seconds(office, "2001-01-01T00:00:00Z", "2001-01-31T00:00:00Z") == 5 * 9 * 3600 + 4 * 5400
    assert open_seconds(office, "2031-01-01T00:00:00Z", "2031-01-31T00:00:00Z") == 4 * 9 * 3600 + 5 * 5400
    assert after(office, *asked) == fresh


def test_add_and_between_undo_each_other_across_years() -> None:
    office = calendar("Europe/Berlin", hours={day: [["08:00", "12:00"], ["13:00", "17:00"]] for day in WEEKDAYS[:5]})
    start = from_text("2024-02-28T10:00:00Z")
    for days in (0.3, 1, 5, 60, 400, 1500):
        span = round(days * 8 * 3600) * SECOND_US
        assert office.between(start, office.add(start, span)) == span


def test_two_calendars_that_were_asked_in_another_order_agree() -> None:
    form = {"hours": {day: [["08:00", "12:00"]] for day in WEEKDAYS[:5]}, "holidays": ["2026-05-01"]}
    forward, backward = calendar("Europe/Berlin", **form), calendar("Europe/Berlin", **form)
    starts = [from_text(f"{year}-04-30T10:00:00Z") for year in range(2020, 2032)]
    answers = [forward.add(start, 9 * 3600 * SECOND_US) for start in starts]
    assert [backward.add(start, 9 * 3600 * SECOND_US) for start in reversed(starts)] == answers[::-1]


def test_a_calendar_that_closes_for_good_refuses_what_it_cannot_answer() -> None:
    once = calendar(hours={}, overrides={"2026-01-07": [["08:00", "12:00"]]})
    assert after(once, "2026-01-07T00:00:00Z", 4 * 3600) == "2026-01-07T12:00:00Z"
    with pytest.raises(CalendarExhausted, match="not open long enough after 2026-01-07"):
        after(once, "2026-01-07T00:00:00Z", 4 * 3600 + 1)


@pytest.mark.parametrize("start", ["1969-12-31T23:59:59Z", "2100-01-01T00:00:00Z"])
def test_instants_outside_the_kept_years_are_refused(start: str) -> None:
    with pytest.raises(CalendarExhausted, match="calendars do not reach"):
        after(calendar(hours=ALL_DAY), start, 1)


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"hours": {"mo": [["09:00", "10:00"]]}}, "unknown weekday 'mo'"),
        ({"hours": {"mon": [["9:00", "10:00"]]}}, "not a time of day such as"),
        ({"hours": {"mon": [["09:60", "10:00"]]}}, "not a time of day"),
        ({"hours": {"mon": [["09:00", "24:01"]]}}, "not a time of day"),
        ({"hours": {"mon": [["24:00", "24:00"]]}}, "reversed or empty"),
        ({"hours": {"mon": [["09:00"]]}}, "not an \\[open, close\\] pair"),
        ({"hours": {"mon": "09:00-10:00"}}, "expected a list"),
        ({"hours": {"mon": [["09:00", "10:00"]]}, "holidays": ["2026-02-30"]}, "not a date"),
        ({"hours": {"mon": [["09:00", "10:00"]]}, "holidays": "2026-02-03"}, "list of dates"),
        ({"hours": {"mon": [["09:00", "10:00"]]}, "overrides": {"2026-01-01": [["12:00", "11:00"]]}}, "reversed"),
        ({"hours": {"mon": [["09:00", "10:00"]]}, "holiday": []}, "a calendar has no holiday"),
        ({"hours": {"mon": [["09:00", "10:00"]]}, "timezone": None}, "unknown time zone None"),
        ({"hours": {"mon": [["09:00", "10:00"]]}, "timezone": "../../etc/passwd"}, "unknown time zone"),
        ({"hours": []}, "expected hours as a mapping"),
    ],
)
def test_a_calendar_that_cannot_be_used_is_refused_with_its_reason(form: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidCalendar, match=reason):
        calendar(**form)


def test_touching_intervals_are_one_and_order_does_not_matter() -> None:
    office = calendar(hours={"mon": [["12:00", "17:00"], ["09:00", "12:00"]]})
    assert after(office, "2026-01-05T09:00:00Z", 4 * 3600) == "2026-01-05T13:00:00Z"
    spans = list(office.spans(from_text("2026-01-05T00:00:00Z"), from_text("2026-01-06T00:00:00Z"), limit=10))
    assert len(spans) == 1
