"""Which policy and calendar count: the directory's, else the next best, and never none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from msgspec.structs import replace

from services._runtime.directory.directory import Directory
from services.sla_monitor.adapters.packaged import packaged_calendars, packaged_policies, policy_of
from services.sla_monitor.adapters.terms import DirectoryTerms
from services.sla_monitor.domain.conditions import Profile
from services.sla_monitor.domain.instants import SECOND_US, from_datetime
from services.sla_monitor.domain.policy import InvalidPolicy
from services.sla_monitor.settings import SlaMonitorSettings
from tests.unit.sla_monitor.records import calendar_record, policy_record

ANYBODY = Profile(tier="standard", channel="portal", priority="P1")
VIP = Profile(tier="vip", channel="phone", product="scanhub", contract="gold", pool="north", priority="P0")
OPENED_AT = datetime(2026, 1, 7, 8, 0, tzinfo=UTC)
MONDAYS = {"timezone": "UTC", "hours": {"mon": [["09:00", "17:00"]]}}


def terms_in(directory: Directory, **settings: Any) -> DirectoryTerms:
    return DirectoryTerms(directory, SlaMonitorSettings.model_validate({"secret": "s" * 32, **settings}))


def definition(policy_id: str = "cn-standard", version: int = 1, seconds: int = 60, more: str = "") -> str:
    return (
        f"policy_id: {policy_id}\nversion: {version}\n{more}\ntargets: {{P1: {{resolution: {{seconds: {seconds}}}}}}}"
    )


@pytest.fixture
def directory() -> Directory:
    return Directory()


def test_without_a_directory_the_packaged_policy_counts(directory: Directory) -> None:
    terms = terms_in(directory)
    assert terms.at_opening(ANYBODY, OPENED_AT) == packaged_policies()["cn-standard"]
    assert terms_in(directory, sla_policy="cn-demo").at_opening(VIP, OPENED_AT).policy_id == "cn-demo"


def test_the_highest_version_in_effect_at_the_opening_counts(directory: Directory) -> None:
    for version, days in ((1, -10), (2, -1), (3, 1)):
        record = policy_record(
            "cn-standard", version, definition(version=version), effective_from=OPENED_AT + timedelta(days=days)
        )
        directory.apply(*record)
    terms = terms_in(directory)
    assert terms.at_opening(ANYBODY, OPENED_AT).version == 2
    assert terms.at_opening(ANYBODY, OPENED_AT + timedelta(days=1)).version == 3
    assert terms.policy("cn-standard", 1).version == 1


def test_a_definition_may_state_itself_when_it_comes_into_effect(directory: Directory) -> None:
    text = definition(version=2, more="effective_from: 2026-01-08T00:00:00+08:00")
    directory.apply(*policy_record("cn-standard", 2, text))
    terms = terms_in(directory)
    assert terms.at_opening(ANYBODY, OPENED_AT).version == 1
    assert terms.at_opening(ANYBODY, OPENED_AT + timedelta(hours=8)).version == 2


def test_the_first_policy_whose_conditions_hold_counts_by_rank(directory: Directory) -> None:
    records = (
        ("z-first", "rank: 1\nwhen: {pool: [north, south], contract: gold}"),
        ("b-later", "rank: 2\nwhen: {tier: vip}"),
        ("a-later", "rank: 2\nwhen: {channel: [phone]}"),
        ("for-nobody", "rank: 0\nwhen: {product: labelpro}"),
        ("unconditional", "rank: 0"),
    )
    for policy_id, more in records:
        directory.apply(*policy_record(policy_id, 1, definition(policy_id, more=more)))
    terms = terms_in(directory)
    chosen = {
        name: terms.at_opening(profile, OPENED_AT).policy_id
        for name, profile in {
            "all hold": VIP,
            "another pool": replace(VIP, pool="west"),
            "another pool and channel": replace(VIP, pool="west", channel="email"),
            "none holds": ANYBODY,
        }.items()
    }
    assert chosen == {
        "all hold": "z-first",
        "another pool": "a-later",
        "another pool and channel": "b-later",
        "none holds": "cn-standard",
    }


def test_a_vip_gets_the_packaged_policy_that_stands_beside_the_default_one(directory: Directory) -> None:
    assert terms_in(directory).at_opening(VIP, OPENED_AT).policy_id == "cn-vip"
    assert terms_in(directory, sla_policy="cn-demo").at_opening(VIP, OPENED_AT).policy_id == "cn-demo"


def test_conditions_are_those_of_the_version_in_effect(directory: Directory) -> None:
    later = OPENED_AT + timedelta(days=1)
    directory.apply(*policy_record("gold", 1, definition("gold", 1, more="when: {contract: silver}")))
    directory.apply(*policy_record("gold", 2, definition("gold", 2, more="when: {contract: gold}"), later))
    terms = terms_in(directory)
    gold = replace(ANYBODY, contract="gold")
    assert terms.at_opening(gold, OPENED_AT).policy_id == "cn-standard"
    assert terms.at_opening(gold, later).policy_id == "gold"


def test_a_ticket_is_moved_only_to_exactly_the_version_named(directory: Directory) -> None:
    directory.apply(*policy_record("gold", 2, definition("gold", 2)))
    terms = terms_in(directory)
    found = terms.find("gold", 2)
    assert found is not None
    assert found.ref == "gold@2"
    with structlog.testing.capture_logs() as lines:
        assert terms.find("gold", 1) is None
        assert terms.find("gold", 1) is None
    assert [line["event"] for line in lines] == ["policy_to_move_to_missing"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (definition(seconds=0), "budget is not positive"),
        (definition(version=9), "that of cn-standard version 9"),
        (definition(policy_id="other"), "that of other version 1"),
        ("targets: [", "cn-standard:1: while parsing"),
        ("", "expected a mapping"),
    ],
)
def test_a_definition_that_cannot_be_used_is_told_once_and_passed_over(
    directory: Directory, text: str, reason: str
) -> None:
    directory.apply(*policy_record("cn-standard", 1, definition(seconds=77)))
    directory.apply(*policy_record("cn-standard", 2, text))
    terms = terms_in(directory)
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            assert terms.at_opening(ANYBODY, OPENED_AT).version == 1
            assert terms.policy("cn-standard", 1).targets["P1"]["resolution"].budget_us == 77 * SECOND_US
    assert [line["event"] for line in lines] == ["policy_refused"]
    assert reason in lines[0]["reason"]


def test_a_version_that_is_gone_is_replaced_by_the_next_best(directory: Directory) -> None:
    directory.apply(*policy_record("cn-gold", 2, definition("cn-gold", 2)))
    terms = terms_in(directory)
    with structlog.testing.capture_logs() as lines:
        assert terms.policy("cn-gold", 1).version == 2
        assert terms.policy("cn-standard", 7) == packaged_policies()["cn-standard"]
        assert terms.policy("never-heard", 1) == packaged_policies()["cn-standard"]
    assert [line["event"] for line in lines] == [
        "policy_version_missing",
        "policy_version_missing",
        "policy_version_missing",
        "policy_missing",
    ]


def test_a_policy_is_compiled_once_until_it_changes(directory: Directory) -> None:
    directory.apply(*policy_record("cn-standard", 1, definition(seconds=60)))
    terms = terms_in(directory)
    first = terms.policy("cn-standard", 1)
    assert terms.policy("cn-standard", 1) is first
    directory.apply(*policy_record("cn-standard", 1, definition(seconds=90)))
    assert terms.policy("cn-standard", 1).targets["P1"]["resolution"].budget_us == 90 * SECOND_US


def test_a_calendar_is_the_directorys_then_the_packaged_one_then_always(directory: Directory) -> None:
    terms = terms_in(directory)
    day = from_datetime(OPENED_AT), from_datetime(OPENED_AT + timedelta(days=1))
    assert terms.calendar(None).between(*day) == 24 * 3600 * SECOND_US
    assert terms.calendar("cn-office").between(*day) == 7.5 * 3600 * SECOND_US
    with structlog.testing.capture_logs() as lines:
        assert terms.calendar("nobody-has-it").between(*day) == 24 * 3600 * SECOND_US
        assert terms.calendar("nobody-has-it").between(*day) == 24 * 3600 * SECOND_US
    assert [line["event"] for line in lines] == ["calendar_missing"]
    directory.apply(*calendar_record("cn-office", 2, **MONDAYS))
    assert terms.calendar("cn-office").between(*day) == 0
    assert terms.calendar("cn-office") is terms.calendar("cn-office")


def test_a_calendar_that_cannot_be_used_leaves_the_last_one_in_force(directory: Directory) -> None:
    directory.apply(*calendar_record("mondays", 1, **MONDAYS))
    terms = terms_in(directory)
    good = terms.calendar("mondays")
    bad: list[dict[str, Any]] = [
        {"timezone": "UTC", "hours": {}},
        {"timezone": "UTC", "hours": {}, "overrides": {"2026-01-07": [["09:00", "17:00"]]}},
        {"timezone": "Nowhere/Else", "hours": MONDAYS["hours"]},
    ]
    for version, fields in enumerate(bad, start=2):
        directory.apply(*calendar_record("mondays", version, **fields))
        with structlog.testing.capture_logs() as lines:
            assert terms.calendar("mondays") is good
            assert terms.calendar("mondays") is good
        assert [line["event"] for line in lines] == ["calendar_refused"]
    topic, key, _ = calendar_record("mondays", 4, **MONDAYS)
    directory.apply(topic, key, None)
    assert terms.calendar("mondays") is good


def test_packaged_policies_name_only_calendars_that_are_packaged() -> None:
    calendars = packaged_calendars()
    assert {policy.calendar_id for policy in packaged_policies().values()} <= {None, *calendars}
    assert set(packaged_policies()) == {"cn-standard", "cn-vip", "cn-demo"}


def test_a_text_that_nests_without_end_is_refused() -> None:
    with pytest.raises(InvalidPolicy, match="bomb"):
        policy_of("a: " + "[" * 20_000, "bomb")
