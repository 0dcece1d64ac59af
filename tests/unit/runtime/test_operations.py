"""What operators are told: findings with advice, lag by input, who works."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from schemas.topics import TICKET_EVENTS
from services._runtime.kafka.topic_plan import Plan
from services._runtime.operations import findings
from services._runtime.operations.findings import Brokers, Level
from services._runtime.operations.lag import age, as_json, lines_of
from services._runtime.operations.progress import Member, PartitionLag, Progress
from services._runtime.operations.status import health_lines, processor_lines

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def progress(*, members: int = 1, waits: timedelta | None = None) -> Progress:
    since = None if waits is None else NOW - waits
    return Progress(
        "sla_monitor",
        "stable" if members else "empty",
        [Member(f"sla_monitor-{number}", "10.0.0.7", 8) for number in range(members)],
        [
            PartitionLag("ticket.events", 0, 90, 100, since),
            PartitionLag("ticket.events", 1, 50, 50),
            PartitionLag("sla_monitor.retry", 0, 0, 0),
        ],
    )


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3_600, "1 h 0 min"), (90_000, "1 d 1 h")]
)
def test_an_age_is_told_in_its_two_largest_units(seconds: int, words: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == words


def test_lag_is_told_by_input_topic_or_by_the_partitions_that_are_behind() -> None:
    _, events, retry = lines_of([progress(waits=timedelta(seconds=75))], NOW)
    assert events.split() == ["sla_monitor", "ticket.events", "10", "1", "min", "15", "s"]
    assert retry.split() == ["sla_monitor", "sla_monitor.retry", "0"]
    _, only = lines_of([progress()], NOW, partitions=True)
    assert only.split() == ["sla_monitor", "ticket.events/0", "10"]


def test_a_processor_that_never_committed_is_not_passed_over() -> None:
    lines = list(lines_of([Progress("router.pools", "dead", [], [])], NOW))
    assert lines[1].split(maxsplit=1) == ["router.pools", "has committed nothing yet"]


def test_machines_are_told_the_same() -> None:
    told = as_json(progress(waits=timedelta(seconds=75)))
    assert (told["lag_records"], told["waiting_since"]) == (10, "2026-03-02T08:58:45+00:00")
    assert told["members"] == [{"id": "sla_monitor-0", "host": "10.0.0.7", "partitions": 8}]


def test_who_works_is_told_and_where_nobody_does() -> None:
    first, member = processor_lines([progress()], NOW)
    assert "10 records behind" in first
    assert member.split() == ["sla_monitor-0", "10.0.0.7", "8", "partitions"]
    (only,) = processor_lines([progress(members=0)], NOW)
    assert "nobody works" in only


def test_a_process_says_what_it_waits_for_and_a_silent_one_is_named() -> None:
    report = {"ready": False, "parts": {"pools": {"ready": False, "status": "restoring 3 of 8"}}}
    assert [line.split(maxsplit=1)[1] for line in health_lines("http://a:1", report)] == [
        "NOT READY",
        "not ready: restoring 3 of 8",
    ]
    assert list(health_lines("http://a:1", None)) == [f"{'http://a:1':<32} does not answer"]


def test_a_processor_without_members_fails_and_one_that_is_long_behind_warns() -> None:
    assert findings.of_processor(progress(), NOW).level is Level.OK
    assert findings.of_processor(progress(waits=timedelta(seconds=60)), NOW).level is Level.OK
    slow = findings.of_processor(progress(waits=timedelta(seconds=61)), NOW)
    assert (slow.level, "61 s" in slow.found) == (Level.WARN, True)
    dead = findings.of_processor(progress(members=0), NOW)
    assert (dead.level, dead.advice) == (Level.FAIL, "start sla_monitor")


@pytest.mark.parametrize(
    ("brokers", "replication", "levels"),
    [
        (Brokers(3, [], []), 3, [Level.OK, Level.OK]),
        (Brokers(2, [], []), 3, [Level.FAIL, Level.OK]),
        (Brokers(1, [], []), 1, [Level.WARN, Level.OK]),
        (Brokers(3, ["a/0"], []), 3, [Level.OK, Level.WARN]),
        (Brokers(3, ["a/0"], ["b/1"]), 3, [Level.OK, Level.FAIL]),
    ],
)
def test_brokers_must_be_enough_and_partitions_led_and_copied(
    brokers: Brokers, replication: int, levels: list[Level]
) -> None:
    assert [finding.level for finding in findings.of_brokers(brokers, replication)] == levels


def test_long_lists_are_cut() -> None:
    many = Brokers(3, [f"a/{number}" for number in range(7)], [])
    assert "a/4 and 2 more" in list(findings.of_brokers(many, 3))[1].found


@pytest.mark.parametrize(
    ("plan", "level"),
    [
        (Plan(), Level.OK),
        (Plan(change={"ticket.events": {"retention.ms": "1"}}), Level.WARN),
        (Plan(create=(TICKET_EVENTS,)), Level.FAIL),
        (Plan(refusals=("ticket.events has 8 partitions",)), Level.FAIL),
    ],
)
def test_topics_are_held_against_what_is_declared(plan: Plan, level: Level) -> None:
    assert findings.of_topics(plan).level is level


def test_a_directory_without_people_is_no_use_and_one_without_policies_goes_by_the_products_own() -> None:
    full = dict.fromkeys((*findings.KINDS_NEEDED, *findings.KINDS_WITH_DEFAULTS), 1)
    assert [each.level for each in findings.of_directory(full)] == [Level.OK]
    (finding,) = findings.of_directory({**full, "technicians": 0})
    assert (finding.level, finding.found) == (Level.FAIL, "none of technicians")
    (finding,) = findings.of_directory({**full, "sla_policies": 0})
    assert finding.level is Level.WARN


def test_redis_must_answer_keep_its_keys_and_have_our_time() -> None:
    well = {"maxmemory_policy": "noeviction"}
    assert {each.level for each in findings.of_redis(well, timedelta())} == {Level.OK}
    assert [each.level for each in findings.of_redis({"maxmemory_policy": "allkeys-lru"}, timedelta(seconds=-2))] == [
        Level.WARN,
        Level.WARN,
    ]
    assert [each.level for each in findings.of_redis(None, timedelta())] == [Level.FAIL]


def test_settings_dead_letters_and_mail_say_where_to_look() -> None:
    assert findings.of_settings("intake", ["AFTERCARE_SECRET: Field required"]).level is Level.FAIL
    assert findings.of_settings("intake", []).level is Level.OK
    assert findings.of_dead_letters("router", 2).advice == "python -m services dlq list router"
    assert findings.of_dead_letters("router", 0).level is Level.OK
    assert findings.of_mail("mail out (SMTP)", "mail:25", reached=False).level is Level.FAIL
    assert findings.of_mail("mail out (SMTP)", "mail:25", reached=True).level is Level.OK
