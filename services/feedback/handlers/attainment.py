"""How clocks kept what was promised: the verdicts of each pool, by day, level and target, corrected when they fall.

    ticket.sla (by ticket) ─► the ticket's verdicts ─► a tally for each pool on each partition
    ─► pool.feedback (by pool) ─► the pool's day ─► reported

A ticket's verdicts are remembered, so that what is taken back is taken off the day, pool and level it was counted in.
Tallies and reports go on every so often: a thousand verdicts at once are a few records.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from schemas.ids import pool_key
from schemas.pool_feedback import COUNTS_MAX, AttainmentReported, VerdictCount, VerdictsCounted
from schemas.ticket_sla import TargetBreached, TargetBreachRetracted, TargetEvent, TargetMet
from schemas.topics import CHANGELOGS, DEAD_LETTERS, POOL_FEEDBACK, RETRIES, TICKET_SLA
from services._runtime.engine.topology import NOTHING, Change, Context, Decision, Emit, Event, Timer, Topology
from services.feedback.domain.attainment import (
    Counts,
    Shift,
    Slot,
    Verdict,
    added,
    attained,
    counted,
    day_begins,
    day_of,
)
from services.feedback.settings import FeedbackSettings
from services.feedback.state import ATTAINMENT_STATE_VERSION, AttainmentState, PoolDay, PoolTally, TicketVerdicts

TALLY: Final = "tally"
REPORT: Final = "report"
FORGET_VERDICTS: Final = "forget"
TALLY_PREFIX: Final = "tally|"
DAY_PREFIX: Final = "day|"
"""Before the key of a pool: what one partition has counted of it, and a day of it. No tenant's name has a stroke."""
TALLY_SECONDS: Final = 10.0
REPORT_SECONDS: Final = 20.0
"""How long a pool's day waits for the tallies of other partitions before it is reported."""
GATHER_SECONDS: Final = 1.0
GRACE: Final = timedelta(days=1, hours=POOL_FEEDBACK.retention_hours)
"""A day's counts are kept so much longer than its verdicts can change, for tallies may be read as late as that."""
MET: Final = "met"
BREACHED: Final = "breached"
MET_RETRACTED: Final = "met_retracted"
BREACH_RETRACTED: Final = "breach_retracted"


class VerdictMoved(msgspec.Struct, frozen=True, gc=False):
    """Effect, for metrics: a verdict (`MET`, `BREACHED`) that counts now, or one that no longer does."""

    target: str
    outcome: str


def attainment_topology(settings: FeedbackSettings) -> Topology[AttainmentState]:
    """`feedback.attainment`: a ticket's verdicts wait behind one that was set aside, for the last one told holds."""
    attainment = Attainment(settings)
    return Topology(
        name="feedback.attainment",
        service="feedback",
        inputs=(TICKET_SLA, POOL_FEEDBACK),
        writes=(POOL_FEEDBACK,),
        changelog=CHANGELOGS["feedback", "attainment"],
        dead_letters=DEAD_LETTERS["feedback"],
        retries=RETRIES["feedback.attainment"],
        handlers={
            TargetMet: attainment.on_met,
            TargetBreached: attainment.on_breached,
            TargetBreachRetracted: attainment.on_retracted,
            VerdictsCounted: attainment.on_counted,
        },
        on_timer=attainment.on_timer,
        state_type=AttainmentState,
        state_version=ATTAINMENT_STATE_VERSION,
        gather_seconds=GATHER_SECONDS,
    )


class Attainment:
    """The handlers, with the zone whose days count and how long a verdict may be corrected."""

    def __init__(self, settings: FeedbackSettings) -> None:
        self._zone = ZoneInfo(settings.feedback_timezone)
        self._kept = timedelta(seconds=settings.attainment_kept_seconds)

    def on_met(self, state: AttainmentState | None, event: Event, context: Context) -> Decision[AttainmentState]:
        """A clock was met."""
        return self._judge(state, event, context, self._verdict(event, met=True))

    def on_breached(self, state: AttainmentState | None, event: Event, context: Context) -> Decision[AttainmentState]:
        """A clock was breached."""
        return self._judge(state, event, context, self._verdict(event, met=False))

    def on_retracted(self, state: AttainmentState | None, event: Event, context: Context) -> Decision[AttainmentState]:
        """A breach did not happen after all."""
        return self._judge(state, event, context, None)

    def on_counted(self, state: AttainmentState | None, event: Event, context: Context) -> Decision[AttainmentState]:
        """What a partition has counted of a pool: into its days."""
        del state
        data: VerdictsCounted = event.data
        days: dict[str, list[tuple[Slot, Counts]]] = {}
        for each in data.counts:
            slot = Slot(each.day, each.priority, each.target)
            days.setdefault(each.day, []).append((slot, Counts(each.met, each.breached, each.retracted)))
        pool = data.pool or ""
        return Decision(
            changes=[self._into_day(event.tenant, pool, day, changes, context) for day, changes in days.items()]
        )

    def on_timer(self, state: AttainmentState, timer: Timer, context: Context) -> Decision[AttainmentState]:
        """A tally goes on, a day is reported, or what can't be corrected any more is forgotten."""
        if isinstance(state, PoolTally):
            return Decision(state=None, emits=_tallies(state, timer.due_at, context))
        if timer.kind == REPORT and isinstance(state, PoolDay):
            reported = msgspec.structs.replace(state, changed=(), report_at=None)
            return Decision(state=reported, timers=_day_timers(reported), emits=_reports(state, timer.due_at, context))
        return Decision(state=None)

    def _verdict(self, event: Event, *, met: bool) -> Verdict:
        data: TargetEvent = event.data
        slot = Slot(day_of(event.occurred_at, self._zone), data.priority, data.target)
        return Verdict(met, data.pool or "", slot)

    def _judge(
        self, state: AttainmentState | None, event: Event, context: Context, verdict: Verdict | None
    ) -> Decision[AttainmentState]:
        """A clock's verdict, or none any more: remembered with the ticket, and tallied."""
        data: TargetEvent = event.data
        known = state.verdicts if isinstance(state, TicketVerdicts) else {}
        verdicts, shifts = counted(known, f"{data.target}:{data.cycle}:{data.generation}", verdict)
        opened = day_of(context.now - self._kept, self._zone)
        if not shifts or any(shift.slot.day < opened for shift in shifts):
            # What was reported of a day that is closed stands: its counts are, or may be, forgotten.
            return NOTHING
        forget = Timer(FORGET_VERDICTS, context.now + self._kept)
        return Decision(
            state=TicketVerdicts.of(verdicts),
            timers=(forget,),
            changes=_tallied(event.tenant, shifts, context),
            effects=[VerdictMoved(shift.slot.target, _what(shift.counts)) for shift in shifts],
        )

    def _into_day(
        self, tenant: str, pool: str, day: str, changes: Sequence[tuple[Slot, Counts]], context: Context
    ) -> Change[AttainmentState]:
        key = f"{DAY_PREFIX}{pool_key(tenant, pool)}|{day}"
        forget_at = day_begins(day, self._zone) + self._kept + GRACE
        known: PoolDay = context.get(key) or PoolDay(tenant, pool, forget_at)
        counts = added(known.counts, changes)
        moved = (slot for slot, each in counts.items() if known.counts.get(slot) != each)
        after = msgspec.structs.replace(
            known,
            counts=counts,
            changed=tuple(dict.fromkeys((*known.changed, *moved))),
            report_at=known.report_at or context.now + timedelta(seconds=REPORT_SECONDS),
        )
        return Change(key, after, _day_timers(after))


def _tallied(tenant: str, shifts: Sequence[Shift], context: Context) -> list[Change[AttainmentState]]:
    tallies: dict[str, PoolTally] = {}
    for shift in shifts:
        key = f"{TALLY_PREFIX}{pool_key(tenant, shift.pool)}"
        tally: PoolTally | None = tallies.get(key) or context.get(key)
        if tally is None:
            tally = PoolTally(tenant, shift.pool, context.now + timedelta(seconds=TALLY_SECONDS))
        tallies[key] = msgspec.structs.replace(tally, counts=added(tally.counts, [(shift.slot, shift.counts)]))
    return [Change(key, tally, (Timer(TALLY, tally.due_at),)) for key, tally in tallies.items()]


def _tallies(tally: PoolTally, due_at: datetime, context: Context) -> list[Emit]:
    """What goes on to the pool: one event, or several where one would be too long."""
    counts = [
        VerdictCount.new(**slot._asdict(), met=each.met, breached=each.breached, retracted=each.retracted)
        for slot, each in tally.counts.items()
    ]
    return [
        _emit(
            tally,
            VerdictsCounted.new(counts=list(some), **_grounds(tally, context)),
            f"{context.position}:{_microseconds(due_at)}:{number}",
            due_at,
        )
        for number, some in enumerate(_batched(counts))
    ]


def _reports(day: PoolDay, due_at: datetime, context: Context) -> list[Emit]:
    """The counts that have changed since they were reported, each whole."""
    return [
        _emit(
            day,
            AttainmentReported.new(
                **slot._asdict(),
                met=max(0, day.counts[slot].met),
                breached=max(0, day.counts[slot].breached),
                retracted=max(0, day.counts[slot].retracted),
                attained=attained(day.counts[slot]),
                **_grounds(day, context),
            ),
            f"{context.position}:{_microseconds(due_at)}:{number}",
            due_at,
        )
        for number, slot in enumerate(day.changed)
    ]


def _day_timers(day: PoolDay) -> tuple[Timer, ...]:
    forget = Timer(FORGET_VERDICTS, day.forget_at)
    return (forget,) if day.report_at is None else (Timer(REPORT, day.report_at), forget)


def _emit(of: PoolTally | PoolDay, data: Any, event_id: str, at: datetime) -> Emit:
    key = pool_key(of.tenant, of.pool)
    return Emit(POOL_FEEDBACK, key, data, event_id, at, of.pool or key, of.tenant)


def _grounds(of: PoolTally | PoolDay, context: Context) -> dict[str, Any]:
    return {"pool": of.pool or None, "decided_at": context.now, "position": context.position}


def _what(counts: Counts) -> str:
    if counts.retracted:
        return MET_RETRACTED if counts.met else BREACH_RETRACTED
    return MET if counts.met else BREACHED


def _batched(counts: Sequence[VerdictCount]) -> list[Sequence[VerdictCount]]:
    return [counts[first : first + COUNTS_MAX] for first in range(0, len(counts), COUNTS_MAX)]


def _microseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)
