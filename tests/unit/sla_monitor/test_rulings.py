"""What tickets are judged by is put together once, and anew when the directory changes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services._runtime.directory.directory import Directory
from services.sla_monitor.adapters.terms import DirectoryTerms
from services.sla_monitor.domain.conditions import Profile
from services.sla_monitor.domain.instants import SECOND_US
from services.sla_monitor.handlers import Rulings
from services.sla_monitor.settings import SlaMonitorSettings
from services.sla_monitor.state import Kept, Regime
from tests.unit.sla_monitor.records import calendar_record, policy_record

KEPT = Kept("acme", (Regime("gold", 1, "office"),), Profile(priority="P1"))
MONDAYS: Any = {"timezone": "UTC", "hours": {"mon": [["09:00", "17:00"]]}}
TUESDAYS: Any = {"timezone": "UTC", "hours": {"tue": [["09:00", "17:00"]]}}


def definition(seconds: int, more: str = "") -> str:
    return f"policy_id: gold\nversion: 1\n{more}\ntargets: {{P1: {{resolution: {{seconds: {seconds}}}}}}}"


def terms_in(directory: Directory) -> DirectoryTerms:
    return DirectoryTerms(directory, SlaMonitorSettings.model_validate({"secret": "s" * 32}))


def test_a_ruling_is_kept_until_the_directory_changes() -> None:
    directory = Directory()
    directory.apply(*policy_record("gold", 1, definition(60)))
    directory.apply(*calendar_record("office", 1, **MONDAYS))
    rulings = Rulings(terms_in(directory))
    first = rulings.of(KEPT)
    assert rulings.of(KEPT) is first
    directory.apply(*policy_record("gold", 1, definition(90)))
    assert rulings.of(KEPT).policy.targets["P1"]["resolution"].budget_us == 90 * SECOND_US
    monday = rulings.of(KEPT).calendar.main
    directory.apply(*calendar_record("office", 2, **TUESDAYS))
    assert rulings.of(KEPT).calendar.main is not monday


def test_a_policy_whose_conditions_change_is_chosen_by_the_new_ones() -> None:
    directory = Directory()
    directory.apply(*policy_record("gold", 1, definition(60, "when: {tier: vip}")))
    terms = terms_in(directory)
    opened_at = datetime(2026, 1, 7, 8, 0, tzinfo=UTC)
    profile = Profile(tier="key", priority="P1")
    assert terms.at_opening(profile, opened_at).policy_id == "cn-standard"
    directory.apply(*policy_record("gold", 1, definition(60, "when: {tier: key}")))
    assert terms.at_opening(profile, opened_at).policy_id == "gold"
