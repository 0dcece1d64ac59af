"""Rules are checked whole before a request meets them."""

from __future__ import annotations

import copy
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.vocabulary import Channel, Impact, Tier, Urgency
from services.intake.adapters.rule_file import STANDARD, load_rules
from services.intake.domain.rules import InvalidRules, parse_rules


def standard() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(STANDARD.read_text(encoding="utf-8"))
    return copy.deepcopy(data)


def test_the_standard_rules_give_every_combination_a_priority() -> None:
    rules = load_rules()
    assert rules.label == "cn-standard v1"
    assert set(rules.priorities) == set(product(Impact, Urgency, Tier))


def test_a_vip_customer_never_waits_longer_than_a_standard_one() -> None:
    rules = load_rules()
    for impact, urgency in product(Impact, Urgency):
        vip, standard_tier = (rules.priorities[impact, urgency, tier][0] for tier in (Tier.VIP, Tier.STANDARD))
        assert vip <= standard_tier


def test_a_worse_impact_or_urgency_never_lowers_the_priority() -> None:
    rules = load_rules()
    for tier in Tier:
        for urgency in Urgency:
            column = [rules.priorities[impact, urgency, tier][0] for impact in Impact]
            assert column == sorted(column)
        for impact in Impact:
            row = [rules.priorities[impact, urgency, tier][0] for urgency in Urgency]
            assert row == sorted(row)


def test_standard_conversations_end_before_tickets_can_no_longer_be_reopened() -> None:
    rules = load_rules()
    assert set(rules.threading.open_seconds) == set(Channel) - {Channel.SURVEY}
    assert max(rules.threading.open_seconds.values()) < 14 * 86_400


BROKEN = [
    (lambda data: data.pop("routes"), "routes"),
    (lambda data: data.update(colour="red"), "colour"),
    (lambda data: data.update(default_issue_type="none"), "default_issue_type"),
    (lambda data: data["issue_types"]["other"].update(required=["shoe_size"]), "shoe_size"),
    (lambda data: data["issue_types"]["other"].update(category="magic"), "magic"),
    (lambda data: data["priorities"].pop(), "impact question"),
    (lambda data: data["priorities"][0].update(priority="urgent!"), "priorit"),
    (lambda data: data.update(least_levels={"P9": "L2"}), "P9"),
    (lambda data: data["routes"].pop(), "last one"),
    (lambda data: data.update(routes=[]), "last one"),
    (lambda data: data["routes"].insert(0, {"pool": "x", "issue_type": ["nothing"]}), "nothing"),
    (lambda data: data["threading"]["open_seconds"].update(email=-1), "open_seconds"),
    (lambda data: data.update(redact=["everything"]), "everything"),
]


@pytest.mark.parametrize(("change", "named"), BROKEN, ids=[named for _, named in BROKEN])
def test_rules_with_a_gap_or_an_unknown_word_are_refused_by_name(change: Any, named: str) -> None:
    data = standard()
    change(data)
    with pytest.raises(InvalidRules, match=named):
        parse_rules(data)


def test_a_file_that_holds_no_rules_is_refused_by_name(tmp_path: Path) -> None:
    for text in ("just words", "a: [", ""):
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InvalidRules, match=r"mine\.yaml"):
            load_rules(path)
