"""What the SLA monitor tells, event by event and as time passes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from schemas.parts import Actor, Requester
from schemas.ticket_events import (
    AgentReplied,
    CommandRefused,
    CustomerReplied,
    PriorityChanged,
    StatusChanged,
    TicketAccepted,
    TicketAssigned,
    TicketCancelled,
    TicketClassified,
    TicketClosed,
    TicketEvent,
    TicketMerged,
    TicketOpened,
    TicketQueued,
    TicketReopened,
    TicketResolved,
)
from schemas.ticket_sla import (
    EscalationRaised,
    TargetBreached,
    TargetBreachRetracted,
    TargetCancelled,
    TargetEvent,
    TargetMet,
    TargetStarted,
)
from schemas.topics import TICKET_EVENTS, TICKET_SLA
from schemas.vocabulary import ActorKind, Category, Channel, Impact, Level, Status, Tier, Urgency
from services._runtime.directory.directory import Directory
from services._runtime.engine.driver import START, TopologyDriver
from services._runtime.engine.topology import Event
from services.sla_monitor.adapters.terms import DirectoryTerms
from services.sla_monitor.handlers import MAX_SEGMENTS, TargetMoved, clocks_topology
from services.sla_monitor.settings import SlaMonitorSettings
from services.sla_monitor.state import Kept, TicketClocks, unpacked
from tests.unit.sla_monitor.records import calendar_record, policy_record

TICKET: Final = "T-1"
MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 24 * HOUR
SYSTEM: Final = Actor.new(kind=ActorKind.SYSTEM, actor_id="test")

CORE_POLICY: Final = """
policy_id: core
version: 1
warn_at: [0.75]
escalation:
  - {role: supervisor, raise_level: true}
  - {role: director, after_seconds: 3600, targets: [first_response, resolution]}
targets:
  P0: {assignment: {seconds: 900}, first_response: {seconds: 900}, resolution: {seconds: 7200}}
  P1:
    assignment: {seconds: 900}
    first_response: {seconds: 1800}
    next_response: {seconds: 1800}
    resolution: {seconds: 14400}
  P2: {assignment: {seconds: 900}, first_response: {seconds: 7200}, resolution: {seconds: 86400}}
  P3: {assignment: {seconds: 900}, first_response: {seconds: 14400}, resolution: {seconds: 172800}}
"""
"""The four targets that every ticket has, so that a test reads what it is about."""

OFFICE_POLICY: Final = """
policy_id: office
version: 1
calendar_id: cn-office
warn_at: [0.5]
targets:
  P1:
    resolution: {seconds: 36000}
"""


class Desk:
    """The topology on the synchronous driver, with a ledger that numbers its events. P1 is 30 min and 4 h.

    Without a directory tickets go by `CORE_POLICY`.
    """

    def __init__(self, directory: Directory | None = None, **settings: Any) -> None:
        if directory is None:
            directory = Directory()
            directory.apply(*policy_record("core", 1, CORE_POLICY))
            settings = {"sla_policy": "core", **settings}
        self.settings = SlaMonitorSettings.model_validate({"secret": "s" * 32, **settings})
        terms = DirectoryTerms(directory, self.settings)
        self.driver: TopologyDriver[TicketClocks] = TopologyDriver(clocks_topology(self.settings, terms))
        self.sequence = 0

    def happens(
        self, contract: type[TicketEvent], status: Status, *, at: datetime | None = None, **fields: Any
    ) -> list[str]:
        """The ledger states something of the ticket; what is told of it."""
        self.sequence += 1
        self.repeat(contract, status, self.sequence, at=at, **fields)
        return self.told()

    def repeat(
        self, contract: type[TicketEvent], status: Status, sequence: int, *, at: datetime | None = None, **fields: Any
    ) -> None:
        """Put an event of the ticket under a number of choice."""
        data = contract.new(
            ticket_id=TICKET,
            sequence=sequence,
            status=status,
            cause="c",
            decided_at=self.driver.now,
            position="p",
            **fields,
        )
        event_id = f"{TICKET}:{sequence}"
        self.driver.send(TICKET_EVENTS, TICKET, data, event_id=event_id, occurred_at=at or self.driver.now)

    def open(self, priority: str = "P1", tier: Tier = Tier.STANDARD, at: datetime | None = None) -> list[str]:
        """Open the ticket."""
        return self.happens(
            TicketOpened,
            Status.NEW,
            at=at,
            channel=Channel.PORTAL,
            external_id="e",
            conversation="c",
            requester=Requester.new(requester_id="r", tier=tier),
            subject="s",
            body="b",
            impact=Impact.OUTAGE,
            urgency=Urgency.HIGH,
            priority=priority,
        )

    def status(self, status: Status, at: datetime | None = None) -> list[str]:
        """Change the status and nothing else."""
        return self.happens(StatusChanged, status, at=at, previous=Status.IN_PROGRESS, actor=SYSTEM)

    def priority(self, priority: str) -> list[str]:
        """Change the priority."""
        return self.happens(
            PriorityChanged, Status.IN_PROGRESS, previous="P1", priority=priority, actor=SYSTEM, reason="r"
        )

    def reply(self, at: datetime | None = None) -> list[str]:
        """The technician answers."""
        return self.happens(AgentReplied, Status.IN_PROGRESS, at=at, technician_id="t", body="b")

    def ask(self, status: Status = Status.IN_PROGRESS) -> list[str]:
        """The customer writes."""
        return self.happens(CustomerReplied, status, message_id="m", channel=Channel.EMAIL, body="b")

    def resolve(self, at: datetime | None = None) -> list[str]:
        """The ticket is resolved."""
        return self.happens(
            TicketResolved, Status.RESOLVED, at=at, technician_id="t", solution="s", closes_at=self.driver.now
        )

    def close(self, at: datetime | None = None) -> list[str]:
        """The ticket is closed."""
        return self.happens(TicketClosed, Status.CLOSED, at=at, reason="r")

    def reopen(self, cycle: int = 2) -> list[str]:
        """The ticket is reopened."""
        return self.happens(TicketReopened, Status.QUEUED, reason="r", cycle=cycle)

    def wait(self, seconds: float) -> list[str]:
        """Let time pass; what is told meanwhile."""
        self.driver.advance(seconds)
        return self.told()

    def told(self) -> list[str]:
        """What was told since the last look, briefly: `resolution 1.1 target_met`."""
        return [brief(event) for event in self.read()]

    def read(self) -> list[Event]:
        """The events themselves, no dead letters among them."""
        assert self.driver.dead_letters() == []
        return self.driver.read(TICKET_SLA)

    def kept(self) -> TicketClocks:
        """What is kept of the ticket."""
        state = self.driver.state(TICKET)
        assert state is not None
        return state

    def inside(self) -> Kept:
        """What its clocks know."""
        return unpacked(self.kept())


def brief(event: Event) -> str:
    data: TargetEvent = event.data
    detail = getattr(data, "percent", None) or getattr(data, "step", None)
    what = event.type.split(".")[2].removeprefix("target_").replace("escalation_raised", "escalated")
    what += f"-{detail}" if detail else ""
    return f"{data.target} {data.cycle}.{data.generation} {what}"


def only(told: list[str], target: str) -> list[str]:
    return [line.removeprefix(f"{target} ") for line in told if line.startswith(target)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_opening_starts_the_clocks_and_sets_the_timer_of_the_first_mark(desk: Desk) -> None:
    assert desk.open() == ["assignment 1.1 started", "first_response 1.1 started", "resolution 1.1 started"]
    assert desk.driver.timers(TICKET) == {"mark": START + timedelta(seconds=0.75 * 15 * MINUTE)}


def test_an_event_says_what_decided_it_and_when_it_was(desk: Desk) -> None:
    desk.repeat(
        TicketOpened,
        Status.NEW,
        1,
        at=START - timedelta(seconds=5),
        channel=Channel.PORTAL,
        external_id="e",
        conversation="c",
        requester=Requester.new(requester_id="r"),
        subject="s",
        body="b",
        impact=Impact.OUTAGE,
        urgency=Urgency.HIGH,
        priority="P0",
    )
    started = next(event for event in desk.read() if event.data.target == "resolution")
    opened_at = START - timedelta(seconds=5)
    assert (started.id, started.subject, started.tenant) == ("T-1:resolution:1:1:started:1", TICKET, "acme")
    assert started.occurred_at == opened_at
    assert started.data == TargetStarted.new(
        ticket_id=TICKET,
        target="resolution",
        cycle=1,
        generation=1,
        priority="P0",
        pool=None,
        policy_id="core",
        policy_version=1,
        calendar_id=None,
        started_at=opened_at,
        due_at=opened_at + timedelta(hours=2),
        budget_seconds=7200.0,
        elapsed_seconds=5.0,
        decided_at=START,
        position="ticket.events/0/0",
    )


def test_it_warns_at_three_quarters_breaches_once_just_after_due_and_escalates_once_a_step(desk: Desk) -> None:
    desk.open()
    assert only(desk.wait(3 * HOUR - 1), "resolution") == []
    assert only(desk.wait(1), "resolution") == ["1.1 warned-75"]
    assert only(desk.wait(HOUR), "resolution") == []
    assert only(desk.wait(0.000001), "resolution") == ["1.1 breached", "1.1 escalated-1"]
    assert only(desk.wait(HOUR), "resolution") == ["1.1 escalated-2"]
    assert desk.wait(100 * DAY) == []


def test_a_breach_and_an_escalation_carry_the_due_time_and_the_tenant(desk: Desk) -> None:
    desk.open()
    desk.driver.read(TICKET_SLA)
    desk.driver.advance(4 * HOUR + 1)
    events = [event for event in desk.read() if event.data.target == "resolution"]
    breached, escalated = events[-2:]
    due_at = START + timedelta(hours=4)
    assert isinstance(breached.data, TargetBreached)
    assert (breached.id, breached.tenant, breached.occurred_at) == ("T-1:resolution:1:1:breached", "acme", due_at)
    assert (breached.data.due_at, breached.data.stopped_at) == (due_at, None)
    assert breached.data.elapsed_seconds == 4 * HOUR
    assert [(each.start, each.end) for each in breached.data.segments] == [
        ("2026-01-07T08:00:00Z", "2026-01-07T12:00:00Z")
    ]
    assert breached.data.position == "timer/0/T-1/mark"
    assert isinstance(escalated.data, EscalationRaised)
    assert (escalated.id, escalated.data.step, escalated.data.role) == (
        "T-1:resolution:1:1:escalated-1",
        1,
        "supervisor",
    )


def test_what_happens_at_due_exactly_is_met(desk: Desk) -> None:
    desk.open()
    desk.wait(30 * MINUTE)
    assert desk.reply() == ["first_response 1.1 met"]
    desk.wait(210 * MINUTE)
    assert only(desk.resolve(), "resolution") == ["1.1 met"]
    assert only(desk.wait(DAY), "resolution") == []


def test_a_verdict_goes_by_when_it_happened_not_by_when_it_is_read(desk: Desk) -> None:
    desk.open()
    desk.driver.sleep_through(5 * HOUR)
    assert desk.reply(at=START + timedelta(minutes=29)) == ["first_response 1.1 met"]
    assert desk.resolve(at=START + timedelta(hours=4, seconds=1)) == [
        "assignment 1.1 breached",
        "resolution 1.1 breached",
    ]


def test_after_an_outage_what_was_missed_is_told_in_due_order(desk: Desk) -> None:
    desk.open()
    desk.driver.sleep_through(2 * DAY)
    assert desk.wait(0) == [
        "assignment 1.1 warned-75",
        "assignment 1.1 breached",
        "assignment 1.1 escalated-1",
        "first_response 1.1 warned-75",
        "first_response 1.1 breached",
        "first_response 1.1 escalated-1",
        "first_response 1.1 escalated-2",
        "resolution 1.1 warned-75",
        "resolution 1.1 breached",
        "resolution 1.1 escalated-1",
        "resolution 1.1 escalated-2",
    ]


def test_an_assignment_stops_its_clock_and_tells_the_pool_from_then_on(desk: Desk) -> None:
    desk.open()
    desk.happens(
        TicketClassified,
        Status.CLASSIFIED,
        category=Category.TECHNICAL,
        priority="P1",
        priority_reason="r",
        pool="north",
        skills=[],
        level=Level.L1,
    )
    desk.happens(TicketQueued, Status.QUEUED, pool="north", priority="P1", generation=1, reason="r")
    desk.wait(15 * MINUTE)
    desk.sequence += 1
    desk.repeat(TicketAssigned, Status.ASSIGNED, desk.sequence, pool="north", technician_id="t", generation=1)
    met = desk.read()[-1]
    assert isinstance(met.data, TargetMet)
    assert (met.data.target, met.data.pool, met.data.elapsed_seconds) == ("assignment", "north", 900.0)
    assert met.data.stopped_at == START + timedelta(minutes=15)


def test_a_classification_with_another_priority_retargets(desk: Desk) -> None:
    desk.open("P3")
    told = desk.happens(
        TicketClassified,
        Status.CLASSIFIED,
        category=Category.TECHNICAL,
        priority="P0",
        priority_reason="r",
        pool="north",
        skills=[],
        level=Level.L1,
    )
    assert told == ["first_response 1.2 retargeted", "resolution 1.2 retargeted"]


def test_a_pause_takes_the_due_time_away_and_a_resumption_moves_it(desk: Desk) -> None:
    desk.open()
    desk.reply()
    desk.wait(HOUR)
    assert desk.status(Status.PENDING) == ["resolution 1.1 paused"]
    assert desk.wait(10 * HOUR) == []
    assert desk.status(Status.ON_HOLD) == []
    desk.driver.read(TICKET_SLA)
    desk.sequence += 1
    desk.repeat(CustomerReplied, Status.IN_PROGRESS, desk.sequence, message_id="m", channel=Channel.EMAIL, body="b")
    resumed = next(event for event in desk.read() if event.data.target == "resolution")
    assert resumed.type == "aftercare.sla.target_resumed.v1"
    assert resumed.data.due_at == START + timedelta(hours=14)
    assert only(desk.wait(3 * HOUR), "resolution") == ["1.1 warned-75"]
    assert only(desk.wait(1), "resolution") == ["1.1 breached", "1.1 escalated-1"]


def test_a_late_reply_retracts_the_breach(desk: Desk) -> None:
    desk.open()
    assert only(desk.wait(HOUR), "first_response")[:2] == ["1.1 warned-75", "1.1 breached"]
    desk.sequence += 1
    desk.repeat(
        AgentReplied,
        Status.IN_PROGRESS,
        desk.sequence,
        at=START + timedelta(minutes=29),
        technician_id="t",
        body="b",
    )
    retracted, met = desk.read()
    assert isinstance(retracted.data, TargetBreachRetracted)
    assert isinstance(met.data, TargetMet)
    assert retracted.occurred_at == met.occurred_at == START + timedelta(minutes=29)
    assert met.data.elapsed_seconds == 29 * MINUTE


def test_a_changed_priority_counts_from_the_opening_and_keeps_the_ladder(desk: Desk) -> None:
    desk.open("P2")
    desk.reply()
    desk.happens(TicketAssigned, Status.ASSIGNED, pool="north", technician_id="t", generation=1)
    assert desk.wait(18 * HOUR) == ["resolution 1.1 warned-75"]
    assert desk.priority("P1") == ["resolution 1.2 retargeted"]
    assert desk.wait(0) == ["resolution 1.2 breached", "resolution 1.2 escalated-1", "resolution 1.2 escalated-2"]
    assert desk.priority("P0") == ["resolution 1.3 retargeted"]
    assert desk.wait(DAY) == ["resolution 1.3 breached"]


def test_a_reopening_starts_a_cycle_with_the_full_budget(desk: Desk) -> None:
    desk.open()
    desk.reply()
    desk.wait(HOUR)
    assert desk.resolve() == ["assignment 1.1 completed", "resolution 1.1 met"]
    desk.wait(10 * HOUR)
    assert desk.ask(Status.RESOLVED) == []
    assert desk.reopen() == ["resolution 2.1 started"]
    assert desk.wait(3 * HOUR) == ["resolution 2.1 warned-75"]
    assert desk.ask() == ["next_response 1.1 started"]


@pytest.mark.parametrize(
    ("contract", "fields"), [(TicketCancelled, {"reason": "r"}), (TicketMerged, {"into_ticket_id": "T-2"})]
)
def test_a_withdrawn_ticket_gets_no_verdict(desk: Desk, contract: type[TicketEvent], fields: dict[str, Any]) -> None:
    desk.open()
    desk.wait(MINUTE)
    desk.sequence += 1
    desk.repeat(contract, Status.CANCELLED, desk.sequence, **fields)
    events = desk.read()
    assert [event.data.target for event in events if isinstance(event.data, TargetCancelled)] == [
        "assignment",
        "first_response",
        "resolution",
    ]
    assert desk.wait(DAY) == []


def test_a_closed_ticket_shrinks_and_is_forgotten_when_its_events_are_gone(desk: Desk) -> None:
    desk.open()
    desk.reply()
    desk.resolve()
    desk.wait(3 * DAY)
    desk.close()
    whole = desk.kept()
    assert desk.inside().clocks.told
    desk.wait(desk.settings.sla_shrink_after_seconds)
    shrunk = desk.kept()
    assert (shrunk.shrunk, desk.inside().clocks.told) == (True, {})
    assert desk.inside().clocks.facts == ()
    assert shrunk.sequence == whole.sequence
    desk.wait(desk.settings.sla_forget_after_seconds)
    assert desk.driver.states() == {}


def test_a_shrunk_ticket_that_is_reopened_goes_on_with_its_numbers(desk: Desk) -> None:
    desk.open()
    desk.resolve()
    desk.close()
    desk.wait(2 * DAY)
    assert desk.kept().shrunk
    assert desk.reopen() == ["resolution 2.1 started"]
    assert not desk.kept().shrunk
    assert set(desk.driver.timers(TICKET)) == {"mark"}
    assert desk.resolve() == ["resolution 2.1 met"]


def test_a_late_event_still_corrects_a_closed_ticket_until_it_shrinks(desk: Desk) -> None:
    desk.open()
    desk.wait(HOUR)
    desk.resolve()
    desk.close()
    assert desk.reply(at=START + timedelta(minutes=10)) == [
        "first_response 1.1 breach_retracted",
        "first_response 1.1 met",
    ]
    desk.wait(2 * DAY)
    assert (
        desk.happens(
            TicketAssigned,
            Status.CLOSED,
            at=START + timedelta(minutes=1),
            pool="north",
            technician_id="t",
            generation=1,
        )
        == []
    )


@pytest.mark.parametrize("ending", ["resolve", "close"])
def test_an_end_stamped_before_the_opening_counts_right_after_it_and_shrinks(desk: Desk, ending: str) -> None:
    desk.open()
    before = START - timedelta(minutes=5)
    told = desk.resolve(at=before) if ending == "resolve" else desk.close(at=before)
    assert sorted(told) == ["assignment 1.1 met", "first_response 1.1 met", "resolution 1.1 met"]
    if ending == "resolve":
        desk.wait(HOUR)
        assert desk.close(at=before) == []
    assert desk.wait(2 * DAY) == []
    assert desk.kept().shrunk
    assert (desk.inside().clocks.facts, desk.inside().clocks.told) == ((), {})
    assert desk.reopen() == ["resolution 2.1 started"]
    assert desk.wait(5 * HOUR)[:2] == ["resolution 2.1 warned-75", "resolution 2.1 breached"]


def test_a_copy_of_an_event_tells_nothing(desk: Desk) -> None:
    desk.open()
    desk.reply()
    before = desk.driver.read_bytes(TICKET_SLA)
    desk.repeat(AgentReplied, Status.IN_PROGRESS, 2, technician_id="t", body="b")
    desk.sequence = 0
    assert desk.open() == []
    assert desk.driver.read_bytes(TICKET_SLA) == before


def test_a_copy_of_the_last_event_leaves_the_state_alone(desk: Desk) -> None:
    desk.open()
    desk.reply()
    desk.ask()
    before = desk.kept()
    desk.repeat(CustomerReplied, Status.IN_PROGRESS, 3, message_id="m", channel=Channel.EMAIL, body="b")
    assert desk.kept() == before


def test_events_of_a_ticket_that_is_not_known_tell_nothing(desk: Desk) -> None:
    assert desk.reply() == []
    assert desk.reopen() == []
    assert desk.driver.states() == {}


def test_events_that_mean_nothing_to_the_clocks_write_nothing(desk: Desk) -> None:
    desk.open()
    changelog = desk.driver.topology.changelog
    written = len(desk.driver.read_bytes(changelog))
    desk.happens(TicketAccepted, Status.IN_PROGRESS, technician_id="t")
    desk.status(Status.IN_REVIEW)
    desk.happens(CommandRefused, Status.IN_REVIEW, command="c", command_id="i", reason="r")
    assert len(desk.driver.read_bytes(changelog)) == written


def test_a_crash_between_any_two_steps_changes_nothing() -> None:
    lives = []
    for crashing in (False, True):
        desk = Desk()
        for step in (
            desk.open,
            lambda desk=desk: desk.wait(HOUR),
            lambda desk=desk: desk.status(Status.PENDING),
            lambda desk=desk: desk.reply(at=START + timedelta(minutes=5)),
            lambda desk=desk: desk.status(Status.IN_PROGRESS),
            lambda desk=desk: desk.wait(6 * HOUR),
            desk.resolve,
            desk.close,
            lambda desk=desk: desk.wait(2 * DAY),
            desk.reopen,
            lambda desk=desk: desk.wait(DAY),
        ):
            step()
            if crashing:
                desk.driver.crash()
        lives.append([output.value for output in desk.driver.read_bytes(TICKET_SLA)])
    assert lives[0] == lives[1]
    assert len(lives[0]) > 10


def test_office_hours_come_from_the_calendar_of_the_policy() -> None:
    directory = Directory()
    directory.apply(*policy_record("office", 1, OFFICE_POLICY))
    desk = Desk(directory, sla_policy="office")
    # It is Wednesday, 16:00 in Shanghai. Half of ten hours: two until closing, three on Thursday morning.
    assert desk.open() == ["resolution 1.1 started"]
    assert desk.driver.timers(TICKET)["mark"] == datetime.fromisoformat("2026-01-08T04:00:00Z")


def test_a_ticket_keeps_the_version_that_it_began_with() -> None:
    directory = Directory()
    desk = Desk(directory)
    desk.open("P2")
    longer = "policy_id: cn-standard\nversion: 2\ntargets: {P2: {resolution: {seconds: 64800}}}"
    directory.apply(*policy_record("cn-standard", 2, longer))
    assert desk.priority("P2") == []
    assert only(desk.wait(18 * HOUR), "resolution") == ["1.1 warned-75"]
    assert desk.inside().regimes[0].version == 1
    younger = Desk(directory)
    assert younger.open("P2") == ["resolution 1.1 started"]
    assert younger.inside().regimes[0].version == 2


def test_a_ticket_goes_by_the_policy_whose_conditions_hold() -> None:
    directory = Directory()
    strict = "policy_id: gold\nversion: 1\nrank: 1\nwhen: {tier: vip}\ntargets: {P1: {resolution: {seconds: 60}}}"
    directory.apply(*policy_record("gold", 1, strict))
    desk = Desk(directory)
    assert desk.open(tier=Tier.VIP) == ["resolution 1.1 started"]
    assert desk.wait(61) == ["resolution 1.1 breached"]
    other = Desk(directory)
    assert "registration 1.1 met" in other.open()


def test_a_holiday_that_is_announced_moves_the_due_time_at_the_next_look() -> None:
    directory = Directory()
    office = {"hours": {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}}
    directory.apply(*calendar_record("cn-office", 1, timezone="UTC", **office))
    directory.apply(*policy_record("office", 1, OFFICE_POLICY))
    desk = Desk(directory, sla_policy="office")
    desk.open()
    directory.apply(*calendar_record("cn-office", 2, timezone="UTC", holidays=["2026-01-07"], **office))
    assert desk.wait(5 * HOUR) == ["resolution 1.1 retargeted"]
    assert desk.driver.timers(TICKET)["mark"] == datetime.fromisoformat("2026-01-08T05:00:00Z")


def test_a_verdict_lists_a_bounded_number_of_stretches() -> None:
    directory = Directory()
    busy = [[f"{hour:02}:{minute:02}", f"{hour:02}:{minute + 1:02}"] for hour in range(24) for minute in (0, 30)]
    weekly = {"hours": dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), busy)}
    directory.apply(*calendar_record("cn-office", 1, timezone="UTC", **weekly))
    directory.apply(*policy_record("office", 1, OFFICE_POLICY))
    desk = Desk(directory, sla_policy="office")
    desk.open()
    desk.driver.advance(30 * DAY)
    breached = desk.read()[-1]
    assert isinstance(breached.data, TargetBreached)
    assert len(breached.data.segments) == MAX_SEGMENTS


def test_what_was_told_is_handed_over_to_be_counted(desk: Desk) -> None:
    desk.open()
    desk.reply()
    last = [effect for effect in desk.driver.effects if isinstance(effect, TargetMoved)][-1]
    assert last == TargetMoved("first_response", "met", "P1", decided_at=START)
