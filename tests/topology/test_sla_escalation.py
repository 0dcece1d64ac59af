"""What the ladders tell, what an answer changes, and targets that follow from escalations and endings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest

from schemas.notifications import NotificationSent
from schemas.ticket_events import (
    EscalationAcknowledged,
    EscalationRequested,
    PlanSubmitted,
    PolicyChanged,
    PriorityChanged,
    SurveyOffered,
    SurveyWaived,
    TicketAccepted,
    TicketAssigned,
    TicketEscalated,
    TicketQueued,
    TicketRated,
    TicketResolved,
)
from schemas.ticket_sla import EscalationRaised, TargetBreached, TargetCompleted, TargetEvent, TargetWarned
from schemas.topics import TICKET_EVENTS, TICKET_NOTIFICATIONS, TICKET_SLA
from schemas.vocabulary import Level, Medium, Role, Status
from services._runtime.directory.directory import Directory
from services._runtime.engine.driver import START
from tests.topology.test_sla_monitor import DAY, HOUR, MINUTE, SYSTEM, TICKET, Desk, only
from tests.unit.sla_monitor.records import calendar_record, policy_record

LADDER: Final = """
policy_id: ladder
version: 1
warn_at: [0.5]
escalation:
  - {role: lead, at: 0.75}
  - role: supervisor
    raise_level: true
    raise_priority: {P2: P1}
    plan: true
    acknowledge_within_seconds: 900
    repeat: {times: 2, every_seconds: 300}
  - {roles: [director, supervisor], after_seconds: 3600}
  - {role: emergency_team, after_seconds: 7200, quiet_by_acknowledgement: true}
targets:
  P1: {resolution: {seconds: 7200}}
  P2: {resolution: {seconds: 14400}}
"""


def ladder_desk(text: str = LADDER) -> Desk:
    directory = Directory()
    directory.apply(*policy_record("ladder", 1, text))
    desk = Desk(directory, sla_policy="ladder")
    desk.open("P2")
    return desk


def acknowledge(desk: Desk, **fields: Any) -> list[str]:
    return desk.happens(EscalationAcknowledged, Status.IN_PROGRESS, actor=SYSTEM, **fields)


def escalations(desk: Desk) -> list[EscalationRaised]:
    return [event.data for event in desk.read() if isinstance(event.data, EscalationRaised)]


# ── ladders ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_steps_come_before_and_after_due_and_say_what_they_ask_for() -> None:
    desk = ladder_desk()
    desk.driver.advance(4 * HOUR + 1)
    lead, supervisor = escalations(desk)
    assert (lead.step, lead.role, lead.reason, lead.raise_level) == (1, "lead", "resolution is at 75%", False)
    assert (supervisor.step, supervisor.role, supervisor.others) == (2, "supervisor", [])
    assert (supervisor.raise_level, supervisor.raise_priority, supervisor.plan) == (True, "P1", True)
    assert supervisor.acknowledge_by == START + timedelta(hours=4, minutes=15)
    assert not supervisor.late


def test_nobody_answers_so_it_is_repeated_and_the_next_step_comes_before_its_time() -> None:
    desk = ladder_desk()
    desk.wait(4 * HOUR)
    assert desk.wait(14 * MINUTE) == [
        "resolution 1.1 breached",
        "resolution 1.1 escalated-2",
        "resolution 1.1 escalated-2",
        "resolution 1.1 escalated-2",
    ]
    assert desk.wait(MINUTE + 1) == ["resolution 1.1 escalated-3"]
    assert desk.wait(DAY) == ["resolution 1.1 escalated-4"]
    ids = [event.key for event in desk.driver.read_bytes(TICKET_SLA)]
    assert len(ids) == 9


def test_an_acknowledgement_ends_the_repetitions_and_gives_the_next_step_its_own_time() -> None:
    desk = ladder_desk()
    desk.wait(4 * HOUR + 6 * MINUTE)
    assert acknowledge(desk, target="resolution", cycle=1) == []
    assert desk.wait(53 * MINUTE) == []
    assert desk.wait(2 * MINUTE) == ["resolution 1.1 escalated-3"]
    acknowledge(desk)
    assert desk.wait(DAY) == []


def test_an_acknowledgement_of_another_target_or_cycle_answers_for_nothing() -> None:
    desk = ladder_desk()
    desk.wait(4 * HOUR + 11 * MINUTE)
    acknowledge(desk, target="resolution", cycle=2)
    acknowledge(desk, target="first_response", cycle=1)
    assert desk.wait(5 * MINUTE) == ["resolution 1.1 escalated-3"]


def test_a_late_sweep_fires_the_missed_steps_once_in_order_and_says_that_they_are_late() -> None:
    desk = ladder_desk()
    desk.driver.sleep_through(8 * HOUR)
    desk.driver.advance(0)
    told = escalations(desk)
    assert [(each.step, each.repetition) for each in told] == [(1, 0), (2, 0), (3, 0), (4, 0)]
    assert all(each.late for each in told)
    assert desk.wait(0) == []


def test_whoever_is_told_late_has_the_whole_time_to_acknowledge() -> None:
    desk = ladder_desk()
    desk.driver.sleep_through(4 * HOUR + 30 * MINUTE)
    desk.driver.advance(0)
    *_, last = escalations(desk)
    assert (last.step, last.acknowledge_by) == (2, START + timedelta(hours=4, minutes=45))
    assert desk.wait(14 * MINUTE) == ["resolution 1.1 escalated-2", "resolution 1.1 escalated-2"]


def test_a_priority_raised_by_the_ladder_retargets_and_restarts_nothing() -> None:
    desk = ladder_desk()
    desk.wait(4 * HOUR + 1)
    assert desk.priority("P1") == ["resolution 1.2 retargeted"]
    acknowledge(desk)
    # By the budget of P1 the rest of the ladder was due an hour and two after two: it goes on, at once.
    assert desk.wait(1) == ["resolution 1.2 breached", "resolution 1.2 escalated-3", "resolution 1.2 escalated-4"]
    assert desk.wait(DAY) == []


def test_each_step_is_told_once_whatever_crashes_between() -> None:
    told = []
    for crashing in (False, True):
        desk = ladder_desk()
        for minutes in (100, 90, 60, 1, 4, 5, 6, 60, 60, 600):
            desk.driver.advance(minutes * MINUTE)
            if crashing:
                desk.driver.crash()
        told.append([output.value for output in desk.driver.read_bytes(TICKET_SLA)])
    assert told[0] == told[1]
    assert len(set(told[0])) == len(told[0])


def test_the_ladder_is_fixed_when_it_starts() -> None:
    text = LADDER.replace("{role: lead, at: 0.75}", "{role: lead, at: 0.75, when: {priority: P2}}")
    desk = ladder_desk(text)
    desk.priority("P1")
    assert "resolution 1.2 escalated-1" in desk.wait(2 * HOUR)


def test_a_cycle_that_stops_climbs_no_further() -> None:
    desk = ladder_desk()
    desk.wait(4 * HOUR + 1)
    desk.resolve()
    assert desk.wait(DAY) == []


# ── plans, requests by hand, dissatisfaction ────────────────────────────────────────────────────────────────────────


def standard(priority: str = "P1") -> Desk:
    desk = Desk(Directory())
    desk.open(priority)
    return desk


def escalated(desk: Desk, *, plan: bool = True, **fields: Any) -> list[str]:
    given: dict[str, Any] = {
        "target": "resolution",
        "cycle": 1,
        "step": 1,
        "role": "supervisor",
        "level": Level.L2,
        "reason": "r",
    }
    return desk.happens(TicketEscalated, Status.IN_PROGRESS, plan=plan, **{**given, **fields})


def test_an_escalation_that_wants_a_plan_gets_one_within_the_hour_or_is_escalated() -> None:
    desk = standard()
    assert escalated(desk) == ["escalation_plan 1.1 started"]
    assert escalated(desk, step=2) == []
    assert only(desk.wait(HOUR + 1), "escalation_plan") == ["1.1 warned-75", "1.1 breached", "1.1 escalated-3"]
    # Its breach was told; that it comes after all stops the clock, which is no further verdict.
    assert desk.happens(PlanSubmitted, Status.IN_PROGRESS, actor=SYSTEM, plan="p") == ["escalation_plan 1.1 completed"]
    assert escalated(desk, step=2) == ["escalation_plan 2.1 started"]
    assert desk.happens(PlanSubmitted, Status.IN_PROGRESS, actor=SYSTEM, plan="p") == ["escalation_plan 2.1 met"]


def test_an_escalation_that_wants_no_plan_and_one_that_is_repeated_start_nothing() -> None:
    desk = standard()
    assert escalated(desk, plan=False) == []
    assert escalated(desk, repetition=1) == []


def test_the_plan_of_a_late_escalation_has_its_hour_from_when_it_was_told() -> None:
    desk = standard()
    desk.driver.sleep_through(5 * HOUR)
    desk.sequence += 1
    desk.repeat(
        TicketEscalated,
        Status.IN_PROGRESS,
        desk.sequence,
        at=START + timedelta(hours=1),
        target="resolution",
        cycle=1,
        step=1,
        role="supervisor",
        level=Level.L2,
        reason="r",
        plan=True,
        late=True,
    )
    started = next(event.data for event in desk.read() if event.data.target == "escalation_plan")
    assert (started.started_at, started.due_at) == (START + timedelta(hours=5), START + timedelta(hours=6))


def test_the_emergency_plan_of_a_p0_is_due_within_half_an_hour() -> None:
    desk = standard("P0")
    desk.wait(30 * MINUTE)
    assert only(desk.happens(PlanSubmitted, Status.IN_PROGRESS, actor=SYSTEM, plan="p"), "emergency_plan") == [
        "1.1 met"
    ]
    late = standard("P0")
    assert only(late.wait(30 * MINUTE + 1), "emergency_plan") == ["1.1 warned-75", "1.1 breached", "1.1 escalated-1"]


def test_an_escalation_by_hand_goes_out_at_once_and_on_when_nobody_answers() -> None:
    desk = standard()
    assert desk.happens(EscalationRequested, Status.IN_PROGRESS, actor=SYSTEM, reason="r") == [
        "manual_escalation 1.1 started"
    ]
    desk.driver.advance(0)
    [raised] = [each for each in escalations(desk) if each.target == "manual_escalation"]
    assert (raised.step, raised.role, raised.others, raised.plan) == (5, "supervisor", ["lead"], True)
    assert only(desk.wait(30 * MINUTE + 1), "manual_escalation") == ["1.1 warned-75", "1.1 breached", "1.1 escalated-7"]


def test_an_escalation_by_hand_that_is_acknowledged_in_time_is_met() -> None:
    desk = standard()
    desk.happens(EscalationRequested, Status.IN_PROGRESS, actor=SYSTEM, reason="r")
    desk.wait(MINUTE)
    assert acknowledge(desk) == ["manual_escalation 1.1 met"]


def test_a_low_rating_is_answered_for_also_when_the_ticket_is_closed() -> None:
    desk = standard()
    desk.resolve()
    desk.close()
    rated: dict[str, Any] = {"survey_id": "s", "csat": 1}
    assert desk.happens(TicketRated, Status.CLOSED, **{**rated, "csat": 5}) == []
    assert desk.happens(TicketRated, Status.CLOSED, **rated, low=True) == ["dissatisfaction 1.1 started"]
    assert only(desk.wait(0), "dissatisfaction") == ["1.1 escalated-6"]
    assert acknowledge(desk) == ["dissatisfaction 1.1 met"]
    desk.happens(TicketRated, Status.CLOSED, **rated, low=True)
    assert only(desk.reopen(), "dissatisfaction") == ["2.1 cancelled"]


# ── before the beginning and after the end ──────────────────────────────────────────────────────────────────────────


def test_registration_is_judged_by_when_the_ledger_made_the_ticket() -> None:
    for waited, verdict in ((timedelta(minutes=10), "met"), (timedelta(minutes=10, seconds=1), "breached")):
        desk = Desk(Directory())
        assert only(desk.open(at=START - waited), "registration") == [f"1.1 {verdict}"]


def notified(desk: Desk, node: str = "resolved", role: Role = Role.REQUESTER) -> list[str]:
    data = NotificationSent.new(
        ticket_id=TICKET,
        delivery_id="d",
        node=node,
        role=role,
        medium=Medium.EMAIL,
        attempt=1,
        decided_at=desk.driver.now,
        position="notifier.results/0/0",
    )
    desk.driver.send(TICKET_NOTIFICATIONS, TICKET, data)
    return desk.told()


def test_after_the_resolution_the_customer_is_told_within_the_hour() -> None:
    desk = standard()
    assert only(desk.resolve(), "customer_notified") == ["1.1 started"]
    assert notified(desk, node="assigned") == []
    assert notified(desk, role=Role.LEAD) == []
    desk.wait(59 * MINUTE)
    assert notified(desk) == ["customer_notified 1.1 met"]
    assert notified(desk) == []
    desk.reopen()
    desk.resolve()
    assert only(desk.wait(HOUR + 1), "customer_notified") == ["2.1 warned-75", "2.1 breached", "2.1 escalated-3"]


def test_a_reopening_takes_back_what_follows_an_end() -> None:
    desk = standard()
    desk.resolve()
    assert only(desk.close(), "survey") == ["1.1 started"]
    told = desk.reopen()
    assert only(told, "survey") == ["1.1 cancelled"]
    assert only(told, "customer_notified") == ["1.1 cancelled"]


def test_the_survey_is_offered_within_a_day_or_waived_without_a_verdict() -> None:
    offered, waived, forgotten = standard(), standard(), standard()
    for desk in (offered, waived, forgotten):
        desk.resolve()
        notified(desk)
        desk.close()
    offered.wait(DAY)
    fields: dict[str, Any] = {"survey_id": "s", "expires_at": START + timedelta(days=9)}
    assert offered.happens(SurveyOffered, Status.CLOSED, **fields)[-1] == "survey 1.1 met"
    assert waived.happens(SurveyWaived, Status.CLOSED, reason="asked lately") == ["survey 1.1 cancelled"]
    assert forgotten.wait(DAY + 1) == ["survey 1.1 warned-75", "survey 1.1 breached", "survey 1.1 escalated-3"]


def test_a_closed_ticket_is_kept_whole_until_no_mark_is_ahead_of_it() -> None:
    desk = Desk(Directory(), sla_shrink_after_seconds=60)
    desk.open()
    desk.resolve()
    desk.close()
    desk.wait(HOUR)
    assert not desk.kept().shrunk
    desk.wait(2 * DAY)
    assert desk.kept().shrunk


# ── other policies, other calendars, other teams ────────────────────────────────────────────────────────────────────


def policy_changed(desk: Desk, policy_id: str, version: int) -> list[str]:
    return desk.happens(
        PolicyChanged, Status.IN_PROGRESS, policy_id=policy_id, policy_version=version, actor=SYSTEM, reason="r"
    )


def test_a_moved_ticket_says_which_version_decides_and_an_unknown_one_leaves_it_alone() -> None:
    directory = Directory()
    directory.apply(*policy_record("ladder", 1, LADDER))
    desk = Desk(directory, sla_policy="ladder")
    desk.open("P2")
    shorter = LADDER.replace("version: 1", "version: 2").replace("14400", "10800").replace("at: 0.75", "at: 0.5")
    directory.apply(*policy_record("ladder", 2, shorter))
    assert policy_changed(desk, "ladder", 9) == []
    assert policy_changed(desk, "ladder", 2) == ["resolution 1.2 retargeted"]
    assert desk.wait(2 * HOUR) == ["resolution 1.2 warned-50"]
    desk.driver.advance(HOUR + 1)
    lead, breached, supervisor = [event.data for event in desk.read()]
    assert (lead.step, lead.policy_version, lead.due_at) == (1, 2, START + timedelta(hours=3))
    assert (breached.policy_version, breached.generation, supervisor.step) == (2, 2, 2)
    assert policy_changed(desk, "ladder", 1) == ["resolution 1.3 retargeted"]
    assert desk.inside().regimes[1].version == 2


def test_a_ticket_that_is_moved_goes_by_the_calendar_of_the_policy_it_is_moved_to() -> None:
    directory = Directory()
    mornings = {day: [["08:00", "10:00"]] for day in ("wed", "thu", "fri")}
    directory.apply(*calendar_record("mornings", 4, timezone="UTC", hours=mornings))
    directory.apply(*policy_record("ladder", 1, LADDER))
    directory.apply(*policy_record("slow", 1, LADDER.replace("id: ladder", "id: slow\ncalendar_id: mornings")))
    desk = Desk(directory, sla_policy="ladder")
    desk.open("P2")
    desk.driver.read(TICKET_SLA)
    desk.sequence += 1
    fields: dict[str, Any] = {"policy_id": "slow", "policy_version": 1, "actor": SYSTEM, "reason": "r"}
    desk.repeat(PolicyChanged, Status.IN_PROGRESS, desk.sequence, **fields)
    [moved] = desk.read()
    assert (moved.data.calendar_id, moved.data.calendar_version) == ("mornings", 4)
    assert moved.data.due_at == START + timedelta(days=1, hours=2)
    desk.driver.crash()
    assert desk.wait(26 * HOUR)[-1] == "resolution 1.2 escalated-1"


def test_calendars_may_be_chosen_by_pool_and_by_target() -> None:
    directory = Directory()
    directory.apply(*calendar_record("mornings", 1, timezone="UTC", hours={"wed": [["08:00", "09:00"]]}))
    directory.apply(
        *policy_record(
            "mixed",
            1,
            "policy_id: mixed\nversion: 1\ncalendars: [{when: {channel: portal}, calendar_id: mornings}]\n"
            "targets: {P2: {resolution: {seconds: 7200}, assignment: {seconds: 7200, calendar_id: 24x7}}}",
        )
    )
    desk = Desk(directory, sla_policy="mixed")
    desk.driver.read(TICKET_SLA)
    desk.open("P2")
    assert desk.wait(2 * HOUR + 1) == ["assignment 1.1 breached"]
    assert desk.wait(7 * DAY) == ["resolution 1.1 breached"]


def test_what_teams_promise_each_other_runs_beside_what_the_customer_is_promised() -> None:
    directory = Directory()
    text = (
        "policy_id: ola\nversion: 1\n"
        "clocks:\n"
        "  dispatch_north: {start_on: ['queued:north'], stop_on: [assigned, ended], operational: true}\n"
        "  acceptance: {start_on: [assigned], stop_on: [accepted, ended], operational: true}\n"
        "targets: {P2: {dispatch_north: {seconds: 60}, acceptance: {seconds: 60}, resolution: {seconds: 7200}}}"
    )
    directory.apply(*policy_record("ola", 1, text))
    desk = Desk(directory, sla_policy="ola")
    assert desk.open("P2") == ["resolution 1.1 started"]
    queued: dict[str, Any] = {"priority": "P2", "reason": "r"}
    assert desk.happens(TicketQueued, Status.QUEUED, pool="south", generation=1, **queued) == []
    assert desk.happens(TicketQueued, Status.QUEUED, pool="north", generation=2, **queued) == [
        "dispatch_north 1.1 started"
    ]
    desk.driver.advance(30)
    desk.sequence += 1
    desk.repeat(TicketAssigned, Status.ASSIGNED, desk.sequence, pool="north", technician_id="t", generation=2)
    told: list[TargetEvent] = [event.data for event in desk.read()]
    assert [(each.target, each.operational) for each in told] == [("dispatch_north", True), ("acceptance", True)]
    desk.wait(60)
    assert desk.happens(TicketAccepted, Status.IN_PROGRESS, technician_id="t") == ["acceptance 1.1 met"]


def test_a_verdict_carries_the_segments_and_the_pauses_that_were_consumed() -> None:
    desk = ladder_desk()
    desk.wait(HOUR)
    desk.status(Status.PENDING)
    desk.wait(HOUR)
    desk.status(Status.IN_PROGRESS)
    desk.driver.advance(3 * HOUR + 1)
    breached = next(event.data for event in desk.read() if isinstance(event.data, TargetBreached))
    assert [(each.start, each.end) for each in breached.segments] == [
        ("2026-01-07T08:00:00Z", "2026-01-07T09:00:00Z"),
        ("2026-01-07T10:00:00Z", "2026-01-07T13:00:00Z"),
    ]
    assert [(each.start, each.end, each.status) for each in breached.pauses] == [
        ("2026-01-07T09:00:00Z", "2026-01-07T10:00:00Z", "pending")
    ]


def test_warnings_and_steps_carry_what_was_consumed_and_a_late_stop_the_total() -> None:
    desk = ladder_desk()
    desk.wait(HOUR)
    desk.status(Status.PENDING)
    desk.wait(HOUR)
    desk.status(Status.IN_PROGRESS)
    desk.driver.advance(HOUR)
    warned = next(event.data for event in desk.read() if isinstance(event.data, TargetWarned))
    hours = [("2026-01-07T08:00:00Z", "2026-01-07T09:00:00Z"), ("2026-01-07T10:00:00Z", "2026-01-07T11:00:00Z")]
    assert [(each.start, each.end) for each in warned.segments] == hours
    assert [each.status for each in warned.pauses] == ["pending"]
    desk.driver.advance(2 * HOUR + 1)
    breached, step = (event.data for event in desk.read()[-2:])
    assert isinstance(step, EscalationRaised)
    assert (step.segments, step.pauses) == (breached.segments, breached.pauses)
    desk.driver.advance(HOUR - 1)
    desk.driver.read(TICKET_SLA)
    desk.sequence += 1
    fields: dict[str, Any] = {"technician_id": "t", "solution": "s", "closes_at": desk.driver.now}
    desk.repeat(TicketResolved, Status.RESOLVED, desk.sequence, **fields)
    (completed,) = (event.data for event in desk.read())
    assert isinstance(completed, TargetCompleted)
    assert (completed.verdict, completed.elapsed_seconds, completed.budget_seconds) == ("breached", 5 * HOUR, 4 * HOUR)
    assert completed.stopped_at == START + timedelta(hours=6)
    assert completed.segments[-1].end == "2026-01-07T14:00:00Z"


def test_an_acknowledgement_of_a_ticket_that_was_let_go_tells_nothing_and_stops_nothing() -> None:
    desk = ladder_desk()
    desk.wait(5 * HOUR)
    desk.resolve()
    desk.close()
    desk.wait(3 * DAY)
    assert desk.kept().shrunk
    assert desk.happens(EscalationAcknowledged, Status.CLOSED, actor=SYSTEM, target="resolution", cycle=1) == []
    assert desk.wait(DAY) == []
    assert desk.driver.dead_letters() == []


# ── what is malformed ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"specversion":"1.0"}'])
def test_a_malformed_event_and_a_malformed_policy_stop_no_other_clock(body: bytes) -> None:
    directory = Directory()
    directory.apply(*policy_record("ladder", 1, LADDER))
    desk = Desk(directory, sla_policy="ladder")
    desk.open("P2")
    desk.driver.send_bytes(TICKET_EVENTS, "T-2", body)
    assert len(desk.driver.dead_letters()) == 1
    assert desk.wait(2 * HOUR) == ["resolution 1.1 warned-50"]
    # The very version that the ticket goes by is replaced by one that can't be used: the product's own steps in.
    directory.apply(*policy_record("ladder", 1, "targets: ["))
    assert "resolution 1.1 breached" in desk.wait(2 * DAY)


def test_the_priority_that_a_fact_states_twice_changes_nothing() -> None:
    desk = ladder_desk()
    fields: dict[str, Any] = {"previous": "P2", "priority": "P2", "actor": SYSTEM, "reason": "r"}
    assert desk.happens(PriorityChanged, Status.IN_PROGRESS, **fields) == []
