from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.vocabulary import Medium, Role
from services.notifier.adapters.package_data import load_audience, load_library, refuse_missing
from services.notifier.domain.audience import InvalidAudience, Told, parse_audience
from services.notifier.domain.nodes import Node, Voice

EMAIL = [Medium.EMAIL]
BUNDLING = {
    "window_seconds": {"P0": 10, "default": 60},
    "burst_messages": 3,
    "late_after_seconds": 30,
    "at_once": ["P0"],
}


def rules(**nodes: Any) -> dict[str, Any]:
    """Return rules that tell nobody but for `nodes`."""
    stated = {str(node): {"default": {}} for node in Node} | nodes
    return {"version": 1, "give_up_after_seconds": {"default": 60}, "bundling": BUNDLING, "nodes": stated}


def test_a_priority_without_rules_of_its_own_has_the_default() -> None:
    audience = parse_audience(rules(opened={"P0": {"director": ["email"]}, "default": {"requester": ["email"]}}), EMAIL)
    assert audience.told(Node.OPENED, "P0") == (Told(Role.DIRECTOR, Medium.EMAIL),)
    assert audience.told(Node.OPENED, "P1") == (Told(Role.REQUESTER, Medium.EMAIL),)
    assert audience.told(Node.CLOSED, "P0") == ()


def test_how_long_is_tried_falls_back_to_the_default_too() -> None:
    data = rules() | {"give_up_after_seconds": {"P0": 900, "default": 3600}}
    audience = parse_audience(data, EMAIL)
    assert audience.give_up_after("P0") == timedelta(minutes=15)
    assert audience.give_up_after("P3") == timedelta(hours=1)


def test_the_role_of_an_escalation_is_left_open() -> None:
    audience = parse_audience(rules(escalated={"default": {"escalated_to": ["email"]}}), EMAIL)
    assert audience.told(Node.ESCALATED, "P0") == (Told(None, Medium.EMAIL),)
    assert list(audience.voices()) == [(Node.ESCALATED, Voice.STAFF)]


def test_the_rules_know_which_templates_they_need() -> None:
    audience = parse_audience(
        rules(opened={"P0": {"lead": ["email"]}, "default": {"requester": ["email"]}}, closed={"default": {}}), EMAIL
    )
    assert list(audience.voices()) == [(Node.OPENED, Voice.CUSTOMER), (Node.OPENED, Voice.STAFF)]


def test_what_waits_for_a_bundle_is_what_is_late_or_not_urgent_and_comes_from_a_clock() -> None:
    audience = parse_audience(rules(), EMAIL)
    waits, late = audience.bundling.waits, timedelta(seconds=31)
    assert waits(Node.ESCALATED, "P0", late)
    assert not waits(Node.ESCALATED, "P0", timedelta(seconds=30))
    assert waits(Node.SLA_WARNED, "P2", timedelta(0))
    assert not waits(Node.RESOLVED, "P2", late)
    assert (audience.window("P0"), audience.window("P3")) == (timedelta(seconds=10), timedelta(minutes=1))


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"version": 2}, "version: 1"),
        ({"surprise": 1}, "unknown fields: surprise"),
        ({"nodes": []}, "nodes: a mapping"),
        ({"nodes": {"opened": {"default": {}}}}, "nodes: missing: assigned"),
        ({"nodes": {**rules()["nodes"], "eaten": {"default": {}}}}, "nodes: unknown: eaten"),
        (rules(opened={"P0": {}}), "nodes.opened: has no default"),
        (rules(opened={"default": {"boss": ["email"]}}), "nodes.opened.default.boss: unknown role"),
        (rules(opened={"default": {"lead": ["pigeon"]}}), "nodes.opened.default.lead: unknown medium 'pigeon'"),
        (rules(opened={"default": {"lead": ["in_app"]}}), "nothing sends through in_app; use email"),
        (rules(opened={"default": {"lead": "email"}}), "nodes.opened.default.lead: a list of media"),
        (rules(opened={"default": {"lead": []}}), "nodes.opened.default.lead: a list of media"),
        (rules(opened={"default": {"escalated_to": ["email"]}}), "nodes.opened.default.escalated_to: only"),
        (rules(opened={"default": ["lead"]}), "nodes.opened.default: a mapping"),
        (rules(opened={0: {}, "default": {}}), "nodes.opened: 0 is no name"),
        (rules(sla_surge={"default": {"requester": ["email"]}}), "sla_surge is for director, emergency_team, lead"),
        (rules(survey_offered={"default": {"lead": ["email"]}}), "survey_offered is for the requester alone"),
        ({"give_up_after_seconds": {"P0": 60}}, "give_up_after_seconds: has no default"),
        ({"give_up_after_seconds": {"default": 0}}, "give_up_after_seconds.default: a number above 0"),
        ({"give_up_after_seconds": {"default": True}}, "give_up_after_seconds.default: a number above 0"),
        ({"give_up_after_seconds": {"default": 10**9}}, "at most 604800"),
        ({"bundling": None}, "bundling: a mapping"),
        ({"bundling": {**BUNDLING, "extra": 1}}, "bundling: has at_once, burst_messages"),
        ({"bundling": {**BUNDLING, "window_seconds": {"P0": 1}}}, "bundling.window_seconds: has no default"),
        ({"bundling": {**BUNDLING, "late_after_seconds": 0}}, "bundling.late_after_seconds.default: a number above 0"),
        ({"bundling": {**BUNDLING, "burst_messages": -1}}, "bundling.burst_messages: a whole number"),
        ({"bundling": {**BUNDLING, "at_once": "P0"}}, "bundling.at_once: a list"),
    ],
)
def test_rules_that_cannot_be_used_are_refused_with_the_place(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidAudience) as refused:
        parse_audience({**rules(), **deepcopy(changes)}, EMAIL)
    assert place in str(refused.value)


def test_a_file_that_cannot_be_read_or_is_no_yaml_is_refused_by_name(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("nodes: [")
    for path in (broken, tmp_path / "absent.yaml"):
        with pytest.raises(InvalidAudience, match=path.name):
            load_audience(path, EMAIL)


def test_a_companys_own_rules_replace_the_packages(tmp_path: Path) -> None:
    path = tmp_path / "audience.yaml"
    path.write_text(yaml.safe_dump(rules(closed={"default": {"director": ["email"]}})))
    assert load_audience(path, EMAIL).told(Node.CLOSED, "P3") == (Told(Role.DIRECTOR, Medium.EMAIL),)


def test_rules_that_speak_where_no_template_exists_are_refused() -> None:
    audience = parse_audience(rules(sla_warned={"default": {"requester": ["email"]}}), EMAIL)
    with pytest.raises(InvalidAudience, match=r"sla_warned\.customer\.en, sla_warned\.customer\.zh-CN"):
        refuse_missing(audience, load_library())


def test_the_packages_rules_have_all_their_templates_in_both_languages() -> None:
    audience = load_audience(None, EMAIL)
    refuse_missing(audience, load_library())
    assert {node for node, _ in audience.voices()} == set(Node)
