"""`ticket.sla`: what the clocks say. Key: ticket id. Writer: the sla_monitor.

Verdicts go by event time. The envelope's `id` is made of ticket, target, cycle, generation and what happened, so each
fact about a target can be stated once only.
"""

from __future__ import annotations

from enum import StrEnum

from schemas.contract import Contract, Instant
from schemas.parts import Pause, Segment
from schemas.vocabulary import Count, Line, Name, Priority, Sequence, TicketId


class Verdict(StrEnum):
    """What a clock that stopped is judged."""

    MET = "met"
    BREACHED = "breached"


class TargetEvent(Contract):
    """What every event about a target states. Seconds are open, unpaused seconds of the target's calendar.

    `cycle` counts starts of the target (a reopening, a new question); `generation` counts its re-targetings.
    `due_at` is null while paused. `pool` lets boards aggregate without a join. `calendar_id` null is 24/7;
    `calendar_version` is that of its data. `operational`: promised by one team to another, not to the customer.
    """

    ticket_id: TicketId
    target: Name
    cycle: Sequence
    generation: Sequence
    priority: Priority
    pool: Name | None = None
    policy_id: Name
    policy_version: Sequence
    calendar_id: Name | None = None
    calendar_version: Sequence | None = None
    operational: bool = False
    started_at: Instant
    due_at: Instant | None
    budget_seconds: float
    elapsed_seconds: float
    decided_at: Instant
    position: Line


class TargetStarted(TargetEvent, type_name="aftercare.sla.target_started.v1"):
    """The clock runs."""


class TargetPaused(TargetEvent, type_name="aftercare.sla.target_paused.v1"):
    """The clock stands; `due_at` is null."""


class TargetResumed(TargetEvent, type_name="aftercare.sla.target_resumed.v1"):
    """The clock runs again, with a later `due_at`."""


class TargetRetargeted(TargetEvent, type_name="aftercare.sla.target_retargeted.v1"):
    """Another budget counts from the original start, keeping the pauses."""


class TargetWarned(TargetEvent, type_name="aftercare.sla.target_warned.v1"):
    """The given percentage of the budget is used up."""

    percent: Count
    segments: list[Segment]
    pauses: list[Pause] = []


class TargetMet(TargetEvent, type_name="aftercare.sla.target_met.v1"):
    """Stopped at or before due."""

    stopped_at: Instant
    segments: list[Segment]
    pauses: list[Pause] = []


class TargetBreached(TargetEvent, type_name="aftercare.sla.target_breached.v1"):
    """Stopped after due, or not stopped when due had passed (`stopped_at` null): then `TargetCompleted` follows."""

    stopped_at: Instant | None = None
    segments: list[Segment]
    pauses: list[Pause] = []


class TargetCompleted(TargetEvent, type_name="aftercare.sla.target_completed.v1"):
    """A stop under a verdict that was told before, with what was consumed in the end.

    Either the clock was breached while it ran and has stopped now, or an event that came late moves a stop and leaves
    the verdict. The latest one holds; it is no further verdict, so whoever counts verdicts doesn't count it.
    """

    verdict: Verdict
    stopped_at: Instant
    segments: list[Segment]
    pauses: list[Pause] = []


class TargetBreachRetracted(TargetEvent, type_name="aftercare.sla.target_breach_retracted.v1"):
    """An event that came late proves that the breach did not happen."""

    reason: Line


class TargetCancelled(TargetEvent, type_name="aftercare.sla.target_cancelled.v1"):
    """The target no longer applies (the priority in force lacks it, the ticket was cancelled or merged)."""

    reason: Line


class EscalationRaised(TargetEvent, type_name="aftercare.sla.escalation_raised.v1"):
    """A step of the ladder, once for (ticket, target, cycle, step); `repetition` counts from 1 where it is repeated.

    `role` answers for it, `others` are told besides. `raise_level`: the next support level is to take over;
    `raise_priority` is the priority to put in force. `acknowledge_by` is when the next step comes unless it is
    acknowledged, `plan` says that a handling plan is wanted. `late`: it came due while nobody looked (an outage, a
    backlog), so that it may be one of many; tell it bundled.
    """

    step: Sequence
    role: Name
    others: list[Name] = []
    reason: Line
    repetition: Count = 0
    raise_level: bool
    raise_priority: Priority | None = None
    acknowledge_by: Instant | None = None
    plan: bool = False
    late: bool = False
    segments: list[Segment]
    pauses: list[Pause] = []
