"""What a run reports: the shape that others read, the goals, and the page made of it."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import tables
from benchmarks.__main__ import SECTIONS
from benchmarks.engines.audit import Audit
from benchmarks.engines.catalog import ENGINES, PEERS
from benchmarks.engines.progress import Stretch
from benchmarks.engines.running import Speed
from benchmarks.report import Report, judge
from benchmarks.section import Goal, Section
from benchmarks.sections.throughput import summed_up, turned
from deploy.local.folders import REPOSITORY

FAST = Goal("fast", ("speed", "per_second"), at_least=2.0)
EXACT = Audit(1_000, outputs=1_000, missing=0, doubled=0, strange=0, changelog_keys=1_000)


def _section(name: str, *goals: Goal) -> Section:
    return Section(name, lambda _: {}, goals)


def _speed(engine: str, per_second: float, cpu_microseconds: float, audit: Audit = EXACT) -> Speed:
    stretch = Stretch(1_000, 1_000 / per_second, cpu_microseconds / 1_000, machine_seconds=1.0)
    return Speed(engine, stretch, stretch, audit)


def test_every_section_has_a_name_of_its_own() -> None:
    names = [section.name for section in SECTIONS]

    assert len(set(names)) == len(names)


def test_the_ratios_have_one_entry_a_peer_and_divide_ours_by_theirs() -> None:
    speeds = {engine.name: [_speed(engine.name, 100.0, 20.0)] for engine in PEERS}
    speeds["aftercare"] = [_speed("aftercare", 150.0, 10.0)]

    entries = summed_up(speeds)

    wanted = {"kafka_streams", "quix", "faust_exactly_once", "faust_at_least_once", "bare_loop"}
    assert entries["ratios"] == dict.fromkeys(wanted, 1.5)
    assert entries["cpu_ratio_kafka_streams"] == 0.5


def test_what_a_peer_lost_or_doubled_stands_in_the_report() -> None:
    lossy = Audit(1_000, outputs=1_001, missing=2, doubled=3, strange=0, changelog_keys=1_000)
    speeds: dict[str, list[Speed]] = {engine.name: [] for engine in ENGINES} | {
        "quix": [_speed("quix", 1.0, 1.0), _speed("quix", 1.0, 1.0, lossy)]
    }

    quix = summed_up(speeds)["throughput"]["quix"]

    assert (quix["exact"], quix["missing"], quix["doubled"]) == (False, 2, 3)


def test_an_engine_that_could_not_be_measured_has_no_ratio() -> None:
    speeds = {engine.name: [_speed(engine.name, 1.0, 1.0)] for engine in ENGINES} | {"quix": []}

    entries = summed_up(speeds)

    assert "quix" not in entries["ratios"]
    assert "quix" not in entries["throughput"]


def test_each_round_begins_with_another_engine() -> None:
    rounds = [turned(ENGINES, number) for number in range(3)]

    assert [each[0] for each in rounds] == list(ENGINES[:3])
    assert all(sorted(engine.name for engine in each) == sorted(engine.name for engine in ENGINES) for each in rounds)


@pytest.mark.parametrize(
    ("entries", "measured", "met"),
    [
        ({"speed": {"per_second": 2.0}}, 2.0, True),
        ({"speed": {"per_second": 1.9}}, 1.9, False),
        ({"speed": 3}, None, None),
        ({}, None, None),
    ],
)
def test_a_goal_stands_beside_the_figure_that_its_path_leads_to(
    entries: dict[str, Any], measured: float | None, met: object
) -> None:
    assert judge(FAST, entries) == {"what": "fast", "wanted": "≥ 2", "measured": measured, "met": met}


def test_the_quick_form_gives_no_verdict() -> None:
    report = Report([FAST], quick=True)
    report.add(_section("speed"), {"speed": {"per_second": 9.0}}, seconds=1.0, load=0.0)

    assert report.goals() == [{"what": "fast", "wanted": "≥ 2", "measured": 9.0, "met": None}]


def test_a_section_can_not_take_another_s_key() -> None:
    report = Report([], quick=False)
    report.add(_section("one"), {"speed": 1}, seconds=1.0, load=0.0)

    with pytest.raises(ValueError, match=r"two uses keys that are taken: \['speed'\]"):
        report.add(_section("two"), {"speed": 2}, seconds=1.0, load=0.0)


def test_a_section_measured_again_replaces_its_entries_and_leaves_the_others() -> None:
    first = Report([], quick=False)
    first.add(_section("one"), {"a": 1, "b": 1}, seconds=1.0, load=0.0)
    first.add(_section("two"), {"c": 1}, seconds=1.0, load=0.0)
    first.fail(_section("three"), RuntimeError("no broker"))
    first.fail(_section("one"), RuntimeError("no jar"), "quix")
    assert first.failed == {"three": "RuntimeError: no broker", "one/quix": "RuntimeError: no jar"}

    again = Report([], quick=False, earlier=first.as_json())
    again.begin(_section("one"))
    again.add(_section("one"), {"a": 2}, seconds=2.0, load=0.5)
    again.begin(_section("three"))

    found = again.as_json()
    assert (found["a"], found["c"]) == (2, 1)
    assert "b" not in found
    assert found["failed"] == {}
    assert found["sections"]["one"] == {"seconds": 2.0, "load_before": 0.5, "keys": ["a"]}


def test_the_page_has_a_place_for_every_table() -> None:
    page = (REPOSITORY / "docs" / "benchmarks.md").read_text("utf-8")

    for name in tables.TABLES:
        assert page.count(f"<!-- {name} -->\n") == page.count(f"\n<!-- /{name} -->") == 1


def test_a_table_is_written_between_its_marks_and_the_rest_of_the_page_stays() -> None:
    page = "before\n<!-- memory -->\nold\n<!-- /memory -->\nafter\n<!-- stack -->\nkept\n<!-- /stack -->\n"
    memory = {"bytes_a_key": 1_300, "bytes_a_timer": 250, "bytes_a_further_timer": 240}

    written = tables.written_into(page, {"memory": memory})

    assert "| a key, no timer | 1,300 |" in written
    assert "old" not in written
    assert written.startswith("before\n<!-- memory -->\n| what | bytes |")
    assert written.endswith("<!-- /memory -->\nafter\n<!-- stack -->\nkept\n<!-- /stack -->\n")
