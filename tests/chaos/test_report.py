"""The report: what a fault came to over all of its runs, in the form that others read."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tests.chaos import report
from tests.chaos.account import Account
from tests.chaos.run import Outcome

OUTCOMES = (
    Outcome("kill_9", ("kill_9",), Account(events=10, lost=["a", "b"], recovery_seconds=7.5), slow=("too slow",)),
    Outcome("kill_9", ("kill_9",), Account(events=20, missed_timers=["c"], recovery_seconds=3.25)),
    Outcome("random_sequence", ("zombie", "sigterm"), Account(events=5, unexplained=["d"]), complaints=("crashed",)),
)


def test_counts_add_up_over_the_runs_of_a_fault_and_the_longest_silence_counts() -> None:
    nothing = {"lost": 0, "duplicates": 0, "out_of_order": 0, "early_timers": 0, "missed_timers": 0}
    assert report.report_of(OUTCOMES) == {
        "events": 35,
        "faults": {
            "kill_9": {"runs": 2, **nothing, "lost": 2, "missed_timers": 1, "recovery_seconds_max": 7.5},
            "random_sequence": {"runs": 1, **nothing, "recovery_seconds_max": None},
        },
    }


def test_the_details_keep_what_the_report_has_no_place_for() -> None:
    runs = report.details_of("4f2a", OUTCOMES)["runs"]
    assert [run["complaints"] for run in runs] == [["too slow"], [], ["crashed"]]
    assert [run["unexplained"] for run in runs] == [0, 0, 1]
    assert runs[2]["faults"] == ["zombie", "sigterm"]


def test_both_are_written_side_by_side(tmp_path: Path) -> None:
    report.write("4f2a", iter(OUTCOMES), tmp_path / "report.json")
    assert msgspec.json.decode((tmp_path / "report.json").read_bytes())["events"] == 35
    assert msgspec.json.decode((tmp_path / "details.json").read_bytes())["seed"] == "4f2a"


def test_the_table_has_a_line_for_each_fault() -> None:
    lines = report.table_of(report.report_of(OUTCOMES)).splitlines()
    assert [line.split()[0] for line in lines] == ["fault", "kill_9", "random_sequence"]
    assert lines[1].split() == ["kill_9", "2", "2", "0", "0", "0", "1", "7.5"]
