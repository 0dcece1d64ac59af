"""What kind of work a request is, how urgent, for whom, and why."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas.vocabulary import Category, Impact, Level, Urgency
from services.intake.adapters.rule_file import load_rules
from services.intake.domain.classification import Classification, classify
from services.intake.domain.rules import Route, Rules
from tests.unit.intake import values as v
from tests.unit.intake.values import request

RULES = load_rules()


def classified(rules: Rules = RULES, **fields: Any) -> Classification:
    return classify(request(**fields), rules)


@pytest.mark.parametrize(
    ("subject", "body", "issue_type"),
    [
        ("3 号产线扫码枪全部离线", "", "system_down"),
        ("Help", "The SERVER DOWN again", "system_down"),
        ("投诉", "系统故障三天没人管", "complaint"),
        ("扫码枪报错", "", "malfunction"),
        ("请问如何导出报表", "", "how_to"),
        ("申请培训", "", "training"),
        ("Good morning", "Nothing in particular", "other"),
    ],
)
def test_a_request_that_names_no_issue_type_gets_one_by_its_words(subject: str, body: str, issue_type: str) -> None:
    assert classified(subject=subject, body=body).issue_type == issue_type


def test_words_count_only_where_a_message_says_what_it_is_about() -> None:
    assert classified(body="x" * 5_000 + " server down").issue_type == "other"


def test_a_stated_issue_type_counts_whatever_the_words() -> None:
    assert classified(issue_type="billing", subject="server down").issue_type == "billing"


def test_an_issue_type_that_no_rule_knows_is_kept_and_treated_as_the_default() -> None:
    result = classified(issue_type="device_offline")
    assert (result.issue_type, result.category) == ("device_offline", Category.SERVICE)


@pytest.mark.parametrize(
    ("stated", "percent", "impact"),
    [
        (None, None, Impact.MINOR),
        (None, 9, Impact.MINOR),
        (None, 10, Impact.ABNORMAL),
        (None, 49, Impact.ABNORMAL),
        (None, 50, Impact.OUTAGE),
        (Impact.QUESTION, 50, Impact.OUTAGE),
        (Impact.OUTAGE, 1, Impact.OUTAGE),
        (Impact.QUESTION, 0, Impact.QUESTION),
        (Impact.ABNORMAL, 10, Impact.ABNORMAL),
    ],
)
def test_the_impact_is_the_worse_of_what_is_stated_and_how_many_are_hit(
    stated: Impact | None, percent: int | None, impact: Impact
) -> None:
    assert classified(issue_type="malfunction", impact=stated, users_affected_percent=percent).impact is impact


def test_priority_follows_impact_urgency_and_tier_and_says_why() -> None:
    received = request(issue_type="malfunction", urgency=Urgency.HIGH)
    standard, vip = classify(received, RULES), classify(v.vip(received), RULES)
    assert (standard.priority, vip.priority) == ("P2", "P1")
    assert vip.priority_reason == (
        "cn-standard v1: impact minor (usual for such requests), urgency high (stated), tier vip → P1: "
        "urgent for a VIP customer"
    )


def test_the_reason_names_the_share_of_users_that_decided() -> None:
    result = classified(issue_type="malfunction", users_affected_percent=60)
    assert result.priority == "P0"
    assert "60 % of users affected" in result.priority_reason


def test_missing_fields_of_the_template_are_listed() -> None:
    missing = classified(issue_type="malfunction", version="4.2", steps_to_reproduce="").missing_fields
    assert missing == ["product", "steps_to_reproduce", "screenshot_url", "users_affected_percent"]


def test_an_attachment_stands_for_the_screenshot() -> None:
    assert "screenshot_url" not in classified(issue_type="malfunction", attachments=1).missing_fields


def test_no_user_affected_is_an_answer() -> None:
    assert "users_affected_percent" not in classified(issue_type="malfunction", users_affected_percent=0).missing_fields


def test_the_first_route_that_holds_decides_and_products_are_compared_without_case() -> None:
    routes = (Route(pool="scanners", product=("scanhub",), skills=("network",), level=Level.L2), *RULES.routes)
    rules = msgspec.structs.replace(RULES, routes=routes)
    result = classified(rules, product="ScanHub", issue_type="training")
    assert (result.pool, result.skills, result.level) == ("scanners", ["network", "training"], Level.L2)
    assert classified(rules, product="labelpro", issue_type="training").pool == "customer-service"


def test_grave_work_begins_at_the_level_that_its_priority_takes() -> None:
    assert classified(issue_type="system_down").level is Level.L2
    assert classified(issue_type="malfunction").level is Level.L1
