"""Whatever the order in which facts arrive and clocks wake, what was told ends in what `evaluate` says, each once."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from services.sla_monitor.domain import facts as f
from services.sla_monitor.domain.calendar import ALWAYS, BusinessCalendar
from services.sla_monitor.domain.calendar_form import parse_calendar
from services.sla_monitor.domain.changes import COMPLETED, ESCALATED, RETRACTED, STARTED, WARNED, Change
from services.sla_monitor.domain.facts import Fact
from services.sla_monitor.domain.instants import SECOND_US, from_text
from services.sla_monitor.domain.policy import parse_policy
from services.sla_monitor.domain.progress import Clocks, see, wake
from services.sla_monitor.domain.targets import BREACHED, MET, evaluate

ZERO_US = from_text("2026-01-07T10:00:00Z")
WAKES_MAX = 1_000
MINUTELY = [[f"10:{minute:02}", f"10:{minute + 1:02}"] for minute in range(0, 60, 2)]
CALENDARS = (
    BusinessCalendar(ALWAYS),
    BusinessCalendar(parse_calendar({"timezone": "UTC", "hours": {"wed": MINUTELY, "thu": [["00:00", "24:00"]]}})),
)
POLICY = parse_policy(
    {
        "policy_id": "test",
        "version": 1,
        "warn_at": [0.5, 0.75],
        "escalation": [
            {"role": "lead", "at": 0.8, "targets": ["resolution"]},
            {"role": "supervisor", "acknowledge_within_seconds": 10, "repeat": {"times": 2, "every_seconds": 4}},
            {"role": "director", "after_seconds": 40, "quiet_by_acknowledgement": True},
            {"role": "director", "after_seconds": 60, "when": {"priority": ["P2"]}},
        ],
        "targets": {
            "P1": {"assignment": {"seconds": 30}, "first_response": {"seconds": 40}, "resolution": {"seconds": 100}},
            "P2": {
                "first_response": {"seconds": 60, "pause_on": ["pending"]},
                "next_response": {"seconds": 30},
                "periodic_update": {"seconds": 45},
                "resolution": {"seconds": 150},
                "escalation_plan": {"seconds": 20},
                "customer_notified": {"seconds": 35},
            },
            "P3": {"next_response": {"seconds": 50}, "resolution": {"seconds": 300, "pause_on": ["on_hold"]}},
        },
    }
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(0, 80)),
        st.tuples(
            st.sampled_from(
                [
                    (f.ASSIGNED, None),
                    (f.AGENT_REPLIED, None),
                    (f.CUSTOMER_REPLIED, None),
                    (f.STATUS, "pending"),
                    (f.STATUS, "on_hold"),
                    (f.STATUS, "open"),
                    (f.PRIORITY, "P1"),
                    (f.PRIORITY, "P2"),
                    (f.PRIORITY, "P3"),
                    (f.ACKNOWLEDGED, None),
                    (f.ACKNOWLEDGED, "resolution:1"),
                    (f.PLAN_WANTED, None),
                    (f.PLAN_SUBMITTED, None),
                    (f.CUSTOMER_NOTIFIED, None),
                    (f.RESOLVED, None),
                    (f.REOPENED, None),
                    (f.REOPENED, None),
                ]
            ),
            st.one_of(st.just(0), st.integers(0, 150)),
        ),
    ),
    max_size=25,
)


@settings(max_examples=300, deadline=None, database=None)
@given(steps=steps, priority=st.sampled_from(["P1", "P2", "P3"]), calendar=st.sampled_from(CALENDARS))
def test_what_was_told_ends_in_what_the_clocks_say(
    steps: list[tuple[object, int]], priority: str, calendar: BusinessCalendar
) -> None:
    now_us = ZERO_US
    outcome = see(Clocks(), [Fact(ZERO_US, 1, f.OPENED, priority)], POLICY, calendar, now_us)
    told: list[Change] = list(outcome.changes)
    for number, (what, seconds) in enumerate([*steps, ("wait", 100_000)], start=2):
        if what == "wait":
            now_us += seconds * SECOND_US
            for _ in range(WAKES_MAX):
                if outcome.wake_us is None or outcome.wake_us > now_us:
                    break
                outcome = wake(outcome.clocks, POLICY, calendar, max(outcome.wake_us, now_us - SECOND_US))
                told += outcome.changes
        else:
            assert isinstance(what, tuple)
            at_us = max(ZERO_US, now_us - seconds * SECOND_US)
            outcome = see(outcome.clocks, [Fact(at_us, number, *what)], POLICY, calendar, now_us)
            told += outcome.changes
    assert outcome.wake_us is None
    _agrees(outcome.clocks, calendar, now_us)
    _totals_agree(told, outcome.clocks, calendar, now_us)
    _each_once(told)


def _agrees(clocks: Clocks, calendar: BusinessCalendar, now_us: int) -> None:
    """The told state of each cycle is what its clock says."""
    for report in evaluate(clocks.facts, POLICY.rules, calendar, now_us).values():
        for cycle in (*report.earlier, report):
            told = clocks.told[f"{cycle.target}:{cycle.cycle}"]
            generations = {each.generation for each in (*cycle.superseded, cycle) if each.state == BREACHED}
            assert (told.state, set(told.breached)) == (cycle.state, generations), cycle


def _totals_agree(told: list[Change], clocks: Clocks, calendar: BusinessCalendar, now_us: int) -> None:
    """Whoever keeps the latest of what was told of a stop has the true one."""
    last = {
        (change.report.target, change.report.cycle): (change.report.stopped_us, change.report.elapsed_us)
        for change in told
        if change.what in {MET, BREACHED, COMPLETED}
    }
    for report in evaluate(clocks.facts, POLICY.rules, calendar, now_us).values():
        for cycle in (*report.earlier, report):
            if cycle.stopped_us is not None and cycle.state in {MET, BREACHED}:
                assert last[cycle.target, cycle.cycle] == (cycle.stopped_us, cycle.elapsed_us), cycle


def _each_once(told: list[Change]) -> None:
    assert max(Counter(change.key for change in told).values()) == 1
    once = Counter(
        (change.what, change.report.target, change.report.cycle, change.percent, change.step, change.repetition)
        for change in told
        if change.what in {STARTED, WARNED, ESCALATED}
    )
    assert max(once.values()) == 1
    standing: Counter[tuple[str, int, int]] = Counter()
    for change in told:
        standing[change.report.target, change.report.cycle, change.report.generation] += {
            BREACHED: 1,
            RETRACTED: -1,
        }.get(change.what, 0)
        assert set(standing.values()) <= {0, 1}, "breached twice, or retracted what was not breached"
