"""What the clocks say: cycles, a calendar and a point in time become verdicts.

`evaluate` is what `explain` prints; the processor asks the same `judge` for the same cycles. Rules are those of
shared/sla-cases.md:

- `due_at` is the first instant at which the open, unpaused time since the start reaches the budget, the current
  status going on as it is. While paused with budget left there is none.
- `met`: stopped at or before due, or stopped while paused with budget left. `breached`: stopped after due, or not
  stopped and now after due, also when paused at or after due. At due itself a target still runs.
- The budget is that of the priority in force, or under which the target stopped; a target that this priority lacks is
  left out.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from services.sla_monitor.domain.calendar import AnyCalendar, BusinessCalendar
from services.sla_monitor.domain.cycle import Cycle, Running
from services.sla_monitor.domain.cycles import cycles_of
from services.sla_monitor.domain.facts import NO_PAST, Fact, Past
from services.sla_monitor.domain.policy import Rules, Target, Targets, rules_of

RUNNING: Final = "running"
PAUSED: Final = "paused"
MET: Final = "met"
BREACHED: Final = "breached"
CANCELLED: Final = "cancelled"
SUPERSEDED: Final = "superseded"
"""An earlier generation that ended before it was due."""


class Span(NamedTuple):
    """A part of a cycle up to its stop or the time of the report: running (`status` None) or paused in `status`."""

    start_us: int
    stop_us: int
    status: str | None


class TargetReport(msgspec.Struct, frozen=True, gc=False):
    """What a clock says at a point in time. Spans are open, unpaused microseconds of the calendar.

    `superseded` are the earlier generations of this cycle as they stood when another priority superseded them at
    `superseded_us`, `earlier` the earlier cycles of this target. `calendar_id` is set where the target names its own
    calendar, `regime` tells the policies apart that a ticket was moved to. `cancelled_by` is the kind of fact that
    cancelled it.
    """

    target: str
    cycle: int
    generation: int
    priority: str
    state: str
    started_us: int
    stopped_us: int | None
    due_us: int | None
    budget_us: int
    elapsed_us: int
    spans: tuple[Span, ...]
    calendar_id: str | None = None
    regime: int = 0
    cancelled_by: str = ""
    superseded_us: int | None = None
    superseded: tuple[TargetReport, ...] = ()
    earlier: tuple[TargetReport, ...] = ()

    @property
    def remaining_us(self) -> int:
        """What is left of the budget; negative beyond it."""
        return self.budget_us - self.elapsed_us


def evaluate(
    facts: tuple[Fact, ...], targets: Targets | Rules, calendar: AnyCalendar, now_us: int, past: Past = NO_PAST
) -> dict[str, TargetReport]:
    """The latest cycle of each target by name, with the earlier ones inside; targets that don't apply are left out.

    Args:
        facts: ordered as `facts.insert` orders them; those after `now_us` are not known yet.
        targets: by priority, or a policy's `rules`, which are quicker and may have clocks of their own.
        calendar: whose open time counts.
        now_us: the point in time that is asked about.
        past: what remains of facts that were let go.

    Raises:
        CalendarExhausted: a budget isn't used up within the years that calendars are kept for.
    """
    rules = targets if isinstance(targets, Rules) else rules_of(targets)
    known = [fact for fact in facts if fact.at_us <= now_us]
    by_name: dict[str, list[Cycle]] = {}
    for cycle in cycles_of(known, rules, past):
        by_name.setdefault(cycle.name, []).append(cycle)
    reports: dict[str, TargetReport] = {}
    for name in rules.plan.clocks:
        *before, latest = [judge(cycle, calendar, now_us) for cycle in by_name.get(name, ())] or [None]
        if latest is not None:
            earlier = tuple(report for report in before if report is not None)
            reports[name] = msgspec.structs.replace(latest, earlier=earlier) if earlier else latest
    return reports


def judge(cycle: Cycle, calendar: AnyCalendar, now_us: int) -> TargetReport | None:
    """What one cycle's clock says at `now_us`; None where the priority in force lacks the target."""
    target = cycle.target
    if target is None:
        return None
    own = calendar.of(target.calendar_id)
    due_us = reach(cycle, target.budget_us, own)
    stopped_us = cycle.stopped_us
    end_us = now_us if stopped_us is None else stopped_us
    if due_us is not None and end_us > due_us:
        state = BREACHED
    elif stopped_us is not None:
        state = CANCELLED if cycle.cancelled_by else MET
    elif cycle.paused_in is not None:
        state, due_us = PAUSED, None
    else:
        state = RUNNING
    superseded = judge_superseded(cycle, calendar) if cycle.superseded else ()
    return report_of(cycle, target, own, end_us, state, due_us, superseded)


def report_of(
    cycle: Cycle | Running,
    target: Target,
    calendar: BusinessCalendar,
    end_us: int,
    state: str,
    due_us: int | None,
    superseded: tuple[TargetReport, ...] = (),
    elapsed_us: int | None = None,
) -> TargetReport:
    """The report of a cycle whose state is known, with what it consumed up to `end_us`; `calendar` is the target's.

    `elapsed_us` is what it consumed, where that is known already.
    """
    spans = _spans(cycle, end_us)
    return TargetReport(
        target=cycle.name,
        cycle=cycle.number,
        generation=cycle.generation,
        priority=cycle.priority,
        state=state,
        started_us=cycle.started_us,
        stopped_us=cycle.stopped_us,
        due_us=due_us,
        budget_us=target.budget_us,
        elapsed_us=_elapsed(spans, calendar) if elapsed_us is None else elapsed_us,
        spans=spans,
        calendar_id=target.calendar_id,
        regime=target.regime,
        cancelled_by=cycle.cancelled_by,
        superseded=superseded,
    )


def judge_superseded(cycle: Cycle, calendar: AnyCalendar) -> tuple[TargetReport, ...]:
    """The earlier generations of a cycle that had a target: `breached` where over due when they were superseded.

    What the cycle consumed after a generation can't make that generation due earlier, so its whole life may be asked.
    """
    reports = []
    for number, priority, target, until_us in cycle.superseded:
        if target is None:
            continue
        own = calendar.of(target.calendar_id)
        due_us = reach(cycle, target.budget_us, own)
        breached = due_us is not None and until_us > due_us
        spans = _spans(cycle, until_us)
        report = TargetReport(
            target=cycle.name,
            cycle=cycle.number,
            generation=number,
            priority=priority,
            state=BREACHED if breached else SUPERSEDED,
            started_us=cycle.started_us,
            stopped_us=None,
            due_us=due_us if breached else None,
            budget_us=target.budget_us,
            elapsed_us=_elapsed(spans, own),
            spans=spans,
            calendar_id=target.calendar_id,
            regime=target.regime,
            superseded_us=until_us,
        )
        reports.append(report)
    return tuple(reports)


def consumed(cycle: Cycle | Running, at_us: int, calendar: BusinessCalendar) -> int:
    """How much open, unpaused time a cycle had consumed at an instant; `calendar` is its target's."""
    return _elapsed(_spans(cycle, at_us), calendar)


def reach(cycle: Cycle | Running, open_us: int, calendar: BusinessCalendar) -> int | None:
    """The first instant at which the cycle has consumed `open_us`, its last stretch going on; None while paused.

    A stop does not end the last stretch here: due is when it would have been due.
    """
    left_us = open_us
    for from_us, until_us, status in cycle.stretches:
        if status is None:
            consumed_us = calendar.between(from_us, until_us)
            if consumed_us >= left_us:
                return calendar.add(from_us, left_us)
            left_us -= consumed_us
    return calendar.add(cycle.since_us, left_us) if cycle.paused_in is None else None


def _spans(cycle: Cycle | Running, end_us: int) -> tuple[Span, ...]:
    """The stretches up to `end_us`, where the last one ends."""
    last = Span(cycle.since_us, end_us, cycle.paused_in)
    if not cycle.stretches:
        return (last,)
    spans = []
    for start_us, stop_us, status in cycle.stretches:
        if start_us <= end_us:
            spans.append(Span(start_us, min(stop_us, end_us), status))
    if last.start_us <= end_us:
        spans.append(last)
    return tuple(spans)


def _elapsed(spans: tuple[Span, ...], calendar: BusinessCalendar) -> int:
    total_us = 0
    for start_us, stop_us, status in spans:
        if status is None:
            total_us += calendar.between(start_us, stop_us)
    return total_us
