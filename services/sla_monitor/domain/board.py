"""What the board shows of a ticket's clocks: rows for what runs, stands, is overdue, came late or is escalated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from services.sla_monitor.domain import facts as f
from services.sla_monitor.domain.calendar import AnyCalendar
from services.sla_monitor.domain.changes import Told
from services.sla_monitor.domain.cycle import Cycle
from services.sla_monitor.domain.cycles import cycles_of
from services.sla_monitor.domain.policy import Policy, Target
from services.sla_monitor.domain.progress import Clocks, key_of
from services.sla_monitor.domain.steps import EscalationStep
from services.sla_monitor.domain.surge import LevelWatch
from services.sla_monitor.domain.targets import BREACHED, PAUSED, RUNNING, consumed, reach

OVERDUE: Final = "overdue"
"""Breached and still not done."""
WAITING: Final = "waiting"
"""Escalated, and nobody answers for it yet."""
LATE: Final = "late"
"""Breached and done since."""
LANES: Final = (OVERDUE, WAITING, RUNNING, PAUSED, LATE)


class Row(msgspec.Struct, frozen=True, gc=False):
    """One clock in one lane. Instants are microseconds since 1970.

    `at_us` orders a lane: when it is or was due, until when it is to be acknowledged, when it was paused, when the late
    one was done. `due_us` is None while paused. `role` is whom the last step of the ladder told.
    """

    lane: str
    at_us: int
    ticket_id: str
    target: str
    cycle: int
    priority: str
    pool: str
    started_us: int
    due_us: int | None
    budget_us: int
    role: str = ""

    @property
    def member(self) -> str:
        """What tells a row from all others."""
        return f"{self.ticket_id}|{self.target}|{self.cycle}|{self.lane}"


class SurgeRow(msgspec.Struct, frozen=True, gc=False):
    """A surge of breaches: how many the pool's window holds of the level, and since when it is one."""

    pool: str
    priority: str
    breached: int
    since_us: int


class Board(msgspec.Struct, frozen=True):
    """The board at one moment: rows of each lane, the most urgent first, and how many there are besides.

    `due_within_hour` counts running clocks. `surges` are the oldest first. `fresh`: the view had caught up with the
    clocks lately.
    """

    counts: Mapping[str, int]
    rows: Mapping[str, Sequence[Row]]
    due_within_hour: int
    pools: Sequence[str]
    fresh: bool
    surges: Sequence[SurgeRow] = ()


def rows_of(ticket_id: str, clocks: Clocks, policy: Policy, calendar: AnyCalendar, pool: str) -> tuple[Row, ...]:
    """The rows of one ticket, by what was told of its clocks.

    Raises:
        CalendarExhausted: see `targets.reach`.
    """
    return tuple(_rows(ticket_id, clocks, policy, calendar, pool))


def surge_rows(pool: str, levels: Mapping[str, LevelWatch]) -> tuple[SurgeRow, ...]:
    """The surges of a pool, by level."""
    return tuple(
        SurgeRow(pool, priority, max(0, sum(bucket.breached for bucket in level.buckets)), level.since_us)
        for priority, level in sorted(levels.items())
        if level.since_us is not None
    )


def _rows(ticket_id: str, clocks: Clocks, policy: Policy, calendar: AnyCalendar, pool: str) -> Iterator[Row]:
    for cycle in cycles_of(clocks.facts, policy.rules, clocks.past):
        told = clocks.told.get(key_of(cycle))
        target = cycle.target
        if told is None or target is None:
            continue
        step = _last_step(told, policy)
        answers = f.ACKNOWLEDGED in policy.rules.plan.clocks[cycle.name].stop_on
        places = (_place(cycle, told, answers=answers), _wait(cycle, told, target, step, calendar))
        for lane, at_us in (place for place in places if place is not None):
            yield Row(
                lane=lane,
                at_us=at_us,
                ticket_id=ticket_id,
                target=cycle.name,
                cycle=cycle.number,
                priority=cycle.priority,
                pool=pool,
                started_us=cycle.started_us,
                due_us=told.due_us,
                budget_us=target.budget_us,
                role=step.roles[0] if step is not None and cycle.stopped_us is None else "",
            )


def _last_step(told: Told, policy: Policy) -> EscalationStep | None:
    """The step of the ladder that was told last."""
    return next((step for step in policy.regime(told.regime).escalation if step.number == told.steps), None)


def _place(cycle: Cycle, told: Told, *, answers: bool) -> tuple[str, int] | None:
    """Lane and instant of a clock; None once it was met or cancelled. `answers`: it waits for an acknowledgement."""
    if told.state == BREACHED:
        if cycle.stopped_us is not None:
            return LATE, cycle.stopped_us
        return OVERDUE, told.due_us or cycle.since_us
    if told.state == RUNNING:
        return WAITING if answers else RUNNING, told.due_us or cycle.since_us
    return (PAUSED, cycle.since_us) if told.state == PAUSED else None


def _wait(
    cycle: Cycle, told: Told, target: Target, step: EscalationStep | None, calendar: AnyCalendar
) -> tuple[str, int] | None:
    """The acknowledgement that the last step of its ladder waits for, None where there is none."""
    if step is None or not step.acknowledge_us or cycle.stopped_us is not None:
        return None
    own = calendar.of(target.calendar_id)
    if any(consumed(cycle, at_us, own) >= told.told_open_us for at_us in cycle.acknowledged_us):
        return None
    until_us = reach(cycle, told.told_open_us + step.acknowledge_us, own)
    return WAITING, cycle.since_us if until_us is None else until_us
