"""What is told of a ticket's clocks: each thing once, whatever comes late, and nothing before its time."""

from __future__ import annotations

from typing import Any

import pytest

from services.sla_monitor.domain import facts as f
from services.sla_monitor.domain.calendar import ALWAYS, BusinessCalendar
from services.sla_monitor.domain.condense import TooManyFacts
from services.sla_monitor.domain.facts import MAX_FACTS, Fact
from services.sla_monitor.domain.instants import SECOND_US, from_text
from services.sla_monitor.domain.policy import parse_policy
from services.sla_monitor.domain.progress import Clocks, Outcome, see, shrink, wake

ZERO_US = from_text("2026-01-07T10:00:00Z")
CALENDAR = BusinessCalendar(ALWAYS)
POLICY = parse_policy(
    {
        "policy_id": "test",
        "version": 1,
        "warn_at": [0.75],
        "escalation": [{"role": "supervisor"}, {"role": "director", "after_seconds": 50}],
        "targets": {
            "P1": {"resolution": {"seconds": 100}},
            "P2": {"resolution": {"seconds": 200}, "first_response": {"seconds": 40}, "next_response": {"seconds": 40}},
            "P3": {"resolution": {"seconds": 400}},
            "P4": {"resolution": {"seconds": 200}},
            "P5": {"first_response": {"seconds": 110}, "resolution": {"seconds": 100}},
            "P9": {},
        },
    }
)


class Life:
    """One ticket: facts are seen at once, time moves by hand; `told` lists what was told since it was last read."""

    def __init__(self) -> None:
        self.clocks = Clocks()
        self.now = 0.0
        self.sequence = 0
        self.wake_at: float | None = None
        self.keys: list[str] = []
        self.totals: list[float] = []
        self._told: list[str] = []

    def see(self, at: float, kind: str, value: str | None = None) -> list[str]:
        """A fact of second `at`, seen when it happens, or now if that is later."""
        self.sequence += 1
        self.now = max(self.now, at)
        fact = Fact(ZERO_US + round(at * SECOND_US), self.sequence, kind, value)
        return self._take(see(self.clocks, [fact], POLICY, CALENDAR, ZERO_US + round(self.now * SECOND_US)))

    def wait(self, until: float) -> list[str]:
        """Let time pass; wakes as often as asked for."""
        told: list[str] = []
        for _ in range(100):
            if self.wake_at is None or self.wake_at > until:
                break
            self.now = max(self.now, self.wake_at)
            told += self._take(wake(self.clocks, POLICY, CALENDAR, ZERO_US + round(self.now * SECOND_US)))
        self.now = max(self.now, until)
        return told

    def _take(self, outcome: Outcome) -> list[str]:
        self.clocks = outcome.clocks
        self.wake_at = None if outcome.wake_us is None else (outcome.wake_us - ZERO_US) / SECOND_US
        self.keys += [change.key for change in outcome.changes]
        self.totals += [change.report.elapsed_us / SECOND_US for change in outcome.changes]
        assert len(set(self.keys)) == len(self.keys), "an id was used twice"
        return [_brief(change) for change in outcome.changes]


def _brief(change: Any) -> str:
    """`resolution 1.1 breached @100 due 100`: target, cycle.generation, what, when, and the due time if any."""
    report = change.report
    due = "" if report.due_us is None else f" due {(report.due_us - ZERO_US) / SECOND_US:g}"
    what = f"{change.what}-{change.percent or change.step}" if change.percent or change.step else change.what
    at = (change.at_us - ZERO_US) / SECOND_US
    return f"{report.target} {report.cycle}.{report.generation} {what} @{at:g}{due}"


def opened(priority: str = "P1") -> Life:
    life = Life()
    life.see(0, f.OPENED, priority)
    return life


def test_an_opening_starts_the_clocks_that_the_priority_has() -> None:
    life = Life()
    assert life.see(0, f.OPENED, "P2") == [
        "first_response 1.1 started @0 due 40",
        "resolution 1.1 started @0 due 200",
    ]
    assert life.wake_at == 30


def test_a_warning_comes_at_its_fraction_and_a_breach_a_tick_after_due() -> None:
    life = opened()
    assert life.wake_at == 75
    assert life.wait(99.999999) == ["resolution 1.1 warned-75 @75 due 100"]
    assert life.wait(100) == []
    assert life.wake_at == 100.000001
    assert life.wait(101) == [
        "resolution 1.1 breached @100 due 100",
        "resolution 1.1 escalated-1 @100 due 100",
    ]
    assert life.wait(10_000) == ["resolution 1.1 escalated-2 @150 due 100"]
    assert life.wake_at is None


def test_waking_early_or_twice_tells_nothing() -> None:
    life = opened()
    life.wait(80)
    for second in (80, 99, 100):
        outcome = wake(life.clocks, POLICY, CALENDAR, ZERO_US + second * SECOND_US)
        assert outcome.changes == []
        assert outcome.clocks == life.clocks
    life.wait(200)
    assert wake(life.clocks, POLICY, CALENDAR, ZERO_US + 300 * SECOND_US).changes == []


def test_marks_that_were_missed_are_told_in_the_order_in_which_they_were_due() -> None:
    life = opened("P2")
    life.now = 1000
    assert life.wait(1000) == [
        "first_response 1.1 warned-75 @30 due 40",
        "first_response 1.1 breached @40 due 40",
        "first_response 1.1 escalated-1 @40 due 40",
        "first_response 1.1 escalated-2 @90 due 40",
        "resolution 1.1 warned-75 @150 due 200",
        "resolution 1.1 breached @200 due 200",
        "resolution 1.1 escalated-1 @200 due 200",
        "resolution 1.1 escalated-2 @250 due 200",
    ]


def test_marks_of_several_targets_that_were_missed_are_told_in_due_order_across_them() -> None:
    life = opened("P2")
    life.now = 1000
    life.see(0, f.PRIORITY, "P5")
    told = wake(life.clocks, POLICY, CALENDAR, ZERO_US + 1000 * SECOND_US).changes
    assert [change.at_us for change in told] == sorted(change.at_us for change in told)
    assert [f"{change.report.target} {change.what}" for change in told[:4]] == [
        "resolution warned",
        "first_response warned",
        "resolution breached",
        "resolution escalated",
    ]


def test_a_stop_at_due_exactly_is_met() -> None:
    life = opened()
    life.wait(100)
    assert life.see(100, f.RESOLVED) == ["resolution 1.1 met @100 due 100"]
    assert life.wake_at is None


def test_a_stop_after_due_proves_the_breach_before_the_timer_does() -> None:
    life = opened()
    assert life.see(101, f.RESOLVED) == ["resolution 1.1 breached @101 due 100"]
    assert life.wake_at is None


def test_a_fact_tells_no_overdue_breach_for_a_backlog_may_still_hold_the_answer() -> None:
    life = opened("P2")
    assert life.see(300, f.STATUS, "in_progress") == []
    assert life.see(20, f.AGENT_REPLIED) == ["first_response 1.1 met @20 due 40"]
    assert life.see(30, f.RESOLVED) == ["resolution 1.1 met @30 due 200"]


def test_a_breach_that_was_told_is_not_told_again_by_the_late_stop_which_completes_it() -> None:
    life = opened()
    life.wait(120)
    assert life.see(130, f.RESOLVED) == ["resolution 1.1 completed @130 due 100"]
    assert life.totals[-1] == 130
    assert life.see(140, f.CLOSED) == []


def test_a_late_fact_that_moves_a_stop_and_leaves_the_verdict_is_told_with_the_new_total() -> None:
    life = opened("P2")
    assert life.see(30, f.AGENT_REPLIED) == ["first_response 1.1 met @30 due 40"]
    assert life.see(20, f.AGENT_REPLIED) == ["first_response 1.1 completed @20 due 40"]
    assert life.totals[-1] == 20
    assert life.see(25, f.AGENT_REPLIED) == []


def test_a_late_pause_that_shortens_what_a_late_clock_took_corrects_its_total() -> None:
    life = opened()
    life.wait(120)
    life.see(130, f.RESOLVED)
    assert life.see(110, f.STATUS, "pending") == ["resolution 1.1 completed @110 due 100"]
    assert life.totals[-1] == 110


def test_a_late_stop_before_due_takes_back_the_breach_of_a_clock_that_was_completed() -> None:
    life = opened("P2")
    life.wait(45)
    assert life.see(50, f.AGENT_REPLIED) == ["first_response 1.1 completed @50 due 40"]
    assert life.see(35, f.AGENT_REPLIED) == [
        "first_response 1.1 breach_retracted @35 due 40",
        "first_response 1.1 met @35 due 40",
    ]


def test_a_pause_takes_the_due_time_away_and_a_resumption_gives_a_later_one() -> None:
    life = opened()
    assert life.see(10, f.STATUS, "pending") == ["resolution 1.1 paused @10"]
    assert life.wake_at is None
    assert life.see(20, f.STATUS, "on_hold") == []
    assert life.see(60, f.STATUS, "open") == ["resolution 1.1 resumed @60 due 150"]
    assert life.wait(150) == ["resolution 1.1 warned-75 @125 due 150"]


def test_a_pause_after_due_does_not_hold_the_breach_back() -> None:
    life = opened()
    assert life.see(110, f.STATUS, "pending") == ["resolution 1.1 paused @110"]
    assert life.wait(111)[:2] == ["resolution 1.1 warned-75 @75 due 100", "resolution 1.1 breached @100 due 100"]


def test_a_late_reply_retracts_the_breach_and_tells_the_true_verdict() -> None:
    life = opened("P2")
    life.wait(60)
    assert life.see(39, f.AGENT_REPLIED) == [
        "first_response 1.1 breach_retracted @39 due 40",
        "first_response 1.1 met @39 due 40",
    ]


def test_a_late_pause_retracts_the_breach_and_a_later_one_is_told_anew() -> None:
    life = opened()
    life.wait(101)
    assert life.see(50, f.STATUS, "pending") == [
        "resolution 1.1 breach_retracted @50",
        "resolution 1.1 paused @50",
    ]
    assert life.see(110, f.STATUS, "open") == ["resolution 1.1 resumed @110 due 160"]
    assert life.wait(161) == ["resolution 1.1 breached @160 due 160"]
    assert life.keys[-1] == "resolution:1:1:breached:again-1"


def test_escalations_are_not_repeated_after_a_retraction() -> None:
    life = opened()
    life.wait(101)
    life.see(50, f.STATUS, "pending")
    life.see(60, f.STATUS, "open")
    assert life.wait(1000) == ["resolution 1.1 breached @110 due 110", "resolution 1.1 escalated-2 @160 due 110"]


def test_a_late_fact_that_changes_nothing_about_a_breach_leaves_it_standing() -> None:
    life = opened()
    life.wait(160)
    life.see(50, f.STATUS, "in_review")
    assert life.see(99, f.CUSTOMER_REPLIED) == []
    assert life.see(110, f.STATUS, "pending") == []
    assert life.see(155, f.RESOLVED) == ["resolution 1.1 completed @155 due 100"]


def test_a_late_pause_that_leaves_the_target_overdue_anyway_lets_the_breach_stand() -> None:
    life = opened()
    life.wait(200)
    life.see(140, f.STATUS, "open")
    assert life.see(130, f.STATUS, "pending") == []


def test_a_late_priority_proves_a_met_target_breached() -> None:
    life = opened("P2")
    assert life.see(150, f.RESOLVED) == [
        "first_response 1.1 breached @150 due 40",
        "resolution 1.1 met @150 due 200",
    ]
    assert life.see(20, f.PRIORITY, "P1") == [
        "first_response 1.1 breach_retracted @20",
        "first_response 1.1 cancelled @20",
        "resolution 1.2 breached @20 due 100",
    ]


def test_a_raised_priority_retargets_from_the_start_and_restarts_neither_warning_nor_ladder() -> None:
    life = opened("P3")
    assert life.wait(310) == ["resolution 1.1 warned-75 @300 due 400"]
    assert life.see(310, f.PRIORITY, "P4") == ["resolution 1.2 retargeted @310 due 200"]
    assert life.wait(320) == [
        "resolution 1.2 breached @200 due 200",
        "resolution 1.2 escalated-1 @200 due 200",
        "resolution 1.2 escalated-2 @250 due 200",
    ]
    assert life.see(330, f.PRIORITY, "P1") == ["resolution 1.3 retargeted @330 due 100"]
    assert life.wait(1000) == ["resolution 1.3 breached @100 due 100"]


def test_a_lowered_priority_does_not_hide_the_breach_of_the_generation_before() -> None:
    life = opened("P1")
    assert life.see(120, f.PRIORITY, "P3") == [
        "resolution 1.1 breached @120 due 100",
        "resolution 1.2 retargeted @120 due 400",
    ]
    assert life.see(390, f.RESOLVED) == ["resolution 1.2 met @390 due 400"]


def test_a_priority_with_the_same_target_begins_no_generation() -> None:
    life = opened("P1")
    assert life.see(10, f.PRIORITY, "P1") == []


def test_a_target_that_the_priority_lacks_is_cancelled_and_counts_on_when_it_comes_back() -> None:
    life = opened("P2")
    assert life.see(10, f.PRIORITY, "P9") == [
        "first_response 1.1 cancelled @10",
        "resolution 1.1 cancelled @10",
    ]
    assert life.wake_at is None
    assert life.see(20, f.PRIORITY, "P1") == ["resolution 1.3 retargeted @20 due 100"]


def test_a_target_that_begins_with_a_later_priority_counts_from_the_opening() -> None:
    life = opened("P9")
    assert life.see(30, f.PRIORITY, "P1") == ["resolution 1.2 started @30 due 100"]


def test_a_reopening_begins_a_cycle_with_marks_of_its_own() -> None:
    life = opened()
    life.wait(90)
    assert life.see(90, f.RESOLVED) == ["resolution 1.1 met @90 due 100"]
    assert life.see(500, f.REOPENED) == ["resolution 2.1 started @500 due 600"]
    assert life.wait(601) == [
        "resolution 2.1 warned-75 @575 due 600",
        "resolution 2.1 breached @600 due 600",
        "resolution 2.1 escalated-1 @600 due 600",
    ]


def test_each_unanswered_message_after_the_first_response_is_a_cycle() -> None:
    life = opened("P2")
    life.see(10, f.AGENT_REPLIED)
    assert life.see(20, f.CUSTOMER_REPLIED) == ["next_response 1.1 started @20 due 60"]
    assert life.see(30, f.CUSTOMER_REPLIED) == []
    assert life.see(35, f.AGENT_REPLIED) == ["next_response 1.1 met @35 due 60"]
    assert life.see(50, f.CUSTOMER_REPLIED) == ["next_response 2.1 started @50 due 90"]


def test_a_late_resolution_withdraws_what_it_proves_never_to_have_started() -> None:
    life = opened("P2")
    life.see(10, f.AGENT_REPLIED)
    life.see(50, f.CUSTOMER_REPLIED)
    life.wait(95)
    told = life.see(45, f.RESOLVED)
    assert told[:1] == ["next_response 1.1 breach_retracted @45 due 90"]
    assert told[-1] == "resolution 1.1 met @45 due 200"
    assert life.wake_at is None


def test_a_withdrawn_ticket_gets_no_verdict_but_keeps_its_breach() -> None:
    life = opened("P2")
    assert life.see(50, f.CANCELLED) == [
        "first_response 1.1 breached @50 due 40",
        "resolution 1.1 cancelled @50 due 200",
    ]


def test_a_fact_stamped_before_the_opening_counts_from_the_opening() -> None:
    life = opened("P2")
    assert life.see(-5, f.AGENT_REPLIED) == ["first_response 1.1 met @-5 due 40"]


def test_a_shrunk_ticket_forgets_all_but_its_counts_and_still_reopens() -> None:
    life = opened("P2")
    life.see(10, f.AGENT_REPLIED)
    life.see(20, f.CUSTOMER_REPLIED)
    life.see(30, f.RESOLVED)
    life.see(40, f.PRIORITY, "P1")
    life.see(60, f.CLOSED)
    life.clocks = shrink(life.clocks, POLICY)
    assert life.clocks.told == {}
    assert life.clocks.facts == ()
    assert life.see(25, f.AGENT_REPLIED) == []
    assert life.see(100, f.REOPENED) == ["resolution 2.1 started @100 due 200"]
    assert life.see(110, f.PRIORITY, "P2") == ["resolution 2.2 retargeted @110 due 300"]
    assert life.see(120, f.CUSTOMER_REPLIED) == ["next_response 2.1 started @120 due 160"]


def test_a_ticket_that_runs_is_not_shrunk() -> None:
    life = opened("P2")
    assert shrink(life.clocks, POLICY) == life.clocks


def test_a_long_conversation_stays_bounded_and_keeps_its_numbers_and_its_start() -> None:
    life = opened("P2")
    life.see(1, f.AGENT_REPLIED)
    for turn in range(2 * MAX_FACTS):
        life.see(2 + turn / 10, f.CUSTOMER_REPLIED)
        life.see(2.05 + turn / 10, f.AGENT_REPLIED)
        assert len(life.clocks.facts) <= MAX_FACTS
        assert len(life.clocks.told) <= MAX_FACTS
    assert life.see(190, f.CUSTOMER_REPLIED) == [f"next_response {2 * MAX_FACTS + 1}.1 started @190 due 230"]
    assert "resolution 1.1 met @200 due 200" in life.see(200, f.RESOLVED)


def test_a_ticket_that_is_reopened_without_end_stays_bounded() -> None:
    life = opened("P1")
    for turn in range(MAX_FACTS):
        life.see(1 + turn, f.RESOLVED)
        life.see(1.5 + turn, f.REOPENED)
        assert len(life.clocks.facts) <= MAX_FACTS
    cycle = MAX_FACTS + 1
    assert life.see(1000, f.RESOLVED) == [f"resolution {cycle}.1 breached @1000 due {MAX_FACTS + 0.5 + 100:g}"]


def test_more_pauses_than_are_kept_are_refused_with_the_reason() -> None:
    life = opened("P1")
    for turn in range(MAX_FACTS - 1):
        life.see(1 + turn / 10, f.STATUS, "open" if turn % 2 else "pending")
    with pytest.raises(TooManyFacts, match="pauses"):
        life.see(90, f.STATUS, "open")
