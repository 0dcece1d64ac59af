"""Surges of breaches: brings the verdicts of each pool together and tells when they are many, once, and when no more.

    ticket.sla (by ticket) ─► a tally for each pool on each partition ─► pool.sla (by pool) ─► the pool's window ─► told

A processor of its own beside the clocks, which it costs nothing: it reads what they told. Tallies go on every few
seconds, so a thousand breaches at once are a few records. Which rules hold is said by the policy that is the default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from schemas.ids import pool_key
from schemas.pool_sla import SurgeDetected, SurgeEnded, VerdictsTallied
from schemas.ticket_sla import TargetBreached, TargetBreachRetracted, TargetMet
from schemas.topics import CHANGELOGS, DEAD_LETTERS, POOL_SLA, RETRIES, TICKET_SLA
from services._runtime.engine.topology import NOTHING, Change, Context, Counted, Decision, Emit, Event, Timer, Topology
from services.sla_monitor.domain.instants import from_datetime, to_datetime, to_seconds
from services.sla_monitor.domain.policy import Policy
from services.sla_monitor.domain.surge import (
    TICKETS_MAX,
    Levels,
    LevelWatch,
    SurgeRule,
    begins,
    counted,
    is_over,
    levels_of,
    next_slide_us,
    rule_for,
    slid,
)
from services.sla_monitor.state import SURGES_STATE_VERSION, LevelTally, PoolWatch, SurgeState, Tally

TALLY: Final = "tally"
SLIDE: Final = "slide"
TALLY_PREFIX: Final = "tally|"
"""Before the key of a pool: what one partition has counted of it. No tenant's name has a stroke."""
TALLY_SECONDS: Final = 5.0
GATHER_SECONDS: Final = 1.0
"""Nobody waits for a verdict to be counted: tallies go on every few seconds in any case. Few transactions instead."""
OLD: Final = timedelta(hours=1)
"""A verdict that was told longer ago is history: a topic read again from its beginning raises no alarm."""
LEVELS_MAX: Final = 16
"""Levels of one pool; names are data, and a flood of them is counted under the last one."""


class SurgeTerms(Protocol):
    """By which rules a surge is told. Answers without I/O, and never fails."""

    def default(self, now: datetime) -> Policy:
        """The default policy in effect."""
        ...


class SurgeSeen(msgspec.Struct, frozen=True, gc=False):
    """Effect, for metrics: how one level of a pool stands; `surge` while there is one, `began` when it just has begun.

    `until` is when it is looked at again.
    """

    key: str
    priority: str
    surge: bool
    began: bool
    until: datetime


class Sign(NamedTuple):
    """What one event adds to the verdicts of its pool."""

    breached: int
    met: int


SIGNS: Final[Mapping[str, Sign]] = {
    TargetBreached.type_name: Sign(1, 0),
    TargetMet.type_name: Sign(0, 1),
    TargetBreachRetracted.type_name: Sign(-1, 0),
}


class ToldOf(msgspec.Struct, frozen=True, gc=False):
    """What is read of the data of an event of `ticket.sla`."""

    ticket_id: str
    priority: str
    decided_at: datetime
    pool: str | None = None


class Told(msgspec.Struct, frozen=True, gc=False):
    """What is read of an event of `ticket.sla`: little, for there are many and all that is done is to count them."""

    type: str
    tenant: str
    data: ToldOf


@dataclass(slots=True)
class _Count:
    """Verdicts of one level of a pool in a batch; `tickets` are those breached, in order."""

    breached: int = 0
    met: int = 0
    tickets: list[str] = field(default_factory=list)


def surges_topology(terms: SurgeTerms) -> Topology[SurgeState]:
    """`sla_monitor.surges`: nothing parks, for a pool's verdicts are independent of each other."""
    surges = Surges(terms)
    return Topology(
        name="sla_monitor.surges",
        service="sla_monitor",
        inputs=(TICKET_SLA, POOL_SLA),
        writes=(POOL_SLA,),
        changelog=CHANGELOGS["sla_monitor", "surges"],
        dead_letters=DEAD_LETTERS["sla_monitor"],
        retries=RETRIES["sla_monitor.surges"],
        handlers={
            TargetBreached: surges.on_verdict,
            TargetMet: surges.on_verdict,
            TargetBreachRetracted: surges.on_verdict,
            VerdictsTallied: surges.on_tallied,
        },
        counted={TICKET_SLA.name: Counted(Told, surges.on_verdicts)},
        on_timer=surges.on_timer,
        state_type=SurgeState,
        state_version=SURGES_STATE_VERSION,
        parks=False,
        gather_seconds=GATHER_SECONDS,
    )


class Surges:
    """The handlers, with whom they ask for rules."""

    def __init__(self, terms: SurgeTerms) -> None:
        self._terms = terms

    def on_verdict(self, state: SurgeState | None, event: Event, context: Context) -> Decision[SurgeState]:
        """A ticket's verdict, or one taken back: tallied for its pool on this partition."""
        del state
        return Decision(changes=self.on_verdicts((event,), context))

    def on_verdicts(self, told: Iterable[Told | Event], context: Context) -> list[Change[SurgeState]]:
        """What a partition's clocks have told of late: the verdicts of it, tallied for their pools."""
        history = context.now - OLD
        counts: dict[tuple[str, str, str], _Count] = {}
        for each in told:
            sign, data = SIGNS.get(each.type), each.data
            if sign is None or data.pool is None or data.decided_at < history:
                continue
            place = each.tenant, data.pool, data.priority
            count = counts.get(place)
            if count is None:
                count = counts[place] = _Count()
            count.breached += sign.breached
            count.met += sign.met
            if sign.breached > 0:
                count.tickets.append(data.ticket_id)
        return _tallied(counts, context)

    def on_tallied(self, state: SurgeState | None, event: Event, context: Context) -> Decision[SurgeState]:
        """What a partition has counted of a pool: into its window."""
        data: VerdictsTallied = event.data
        if isinstance(state, Tally) or context.now - data.decided_at > OLD:
            return NOTHING
        watch = state or PoolWatch(event.tenant, data.pool)
        policy = self._terms.default(context.now)
        level = _level(watch.levels, data.priority)
        rule = rule_for(policy.surges, data.pool, level)
        if rule is None:
            return NOTHING
        known = watch.levels.get(level, LevelWatch())
        now_us = from_datetime(context.now)
        counts = counted(known, rule, data.breached, data.met, tuple(data.tickets), now_us)
        return self._look(watch, {**watch.levels, level: counts}, policy, context)

    def on_timer(self, state: SurgeState, timer: Timer, context: Context) -> Decision[SurgeState]:
        """A tally is due, or a window slides."""
        if isinstance(state, PoolWatch):
            return self._look(state, state.levels, self._terms.default(context.now), context)
        due_us = from_datetime(timer.due_at)
        emits = [
            Emit(
                topic=POOL_SLA,
                key=pool_key(state.tenant, state.pool),
                data=VerdictsTallied.new(
                    pool=state.pool,
                    priority=priority,
                    breached=level.breached,
                    met=level.met,
                    tickets=list(dict.fromkeys(level.tickets)),
                    decided_at=context.now,
                    position=context.position,
                ),
                id=f"{context.position}:{due_us}:{priority}",
                occurred_at=timer.due_at,
                subject=state.pool,
                tenant=state.tenant,
            )
            for priority, level in state.levels.items()
        ]
        return Decision(state=None, emits=emits)

    def _look(
        self, watch: PoolWatch, levels: Mapping[str, LevelWatch], policy: Policy, context: Context
    ) -> Decision[SurgeState]:
        """Slide all windows of a pool, and tell what has begun or is over."""
        now_us = from_datetime(context.now)
        after: dict[str, LevelWatch] = {}
        emits: list[Emit] = []
        effects: list[SurgeSeen] = []
        slides: list[int] = []
        for priority, known in levels.items():
            rule = rule_for(policy.surges, watch.pool, priority)
            # A surge whose rule is gone is over at once.
            level = slid(known, rule, now_us) if rule is not None else LevelWatch(since_us=known.since_us)
            ruled = rule or _NO_RULE
            standing = levels_of(level, ruled)
            moved = _moved(level, standing, ruled, now_us)
            if moved.since_us != level.since_us:
                emits.append(_told(watch, priority, level, moved, standing, ruled, policy, context))
            slide_us = next_slide_us(moved, ruled)
            if slide_us is not None:
                after[priority] = moved
                slides.append(slide_us)
            if moved.since_us != level.since_us or moved.since_us is not None:
                key, until = pool_key(watch.tenant, watch.pool), to_datetime(max(now_us, slide_us or now_us))
                began = level.since_us is None
                effects.append(SurgeSeen(key, priority, moved.since_us is not None, began, until))
        state = msgspec.structs.replace(watch, levels=after) if after else None
        timers = (Timer(SLIDE, to_datetime(max(min(slides), now_us + 1))),) if slides else ()
        return Decision(state=state, emits=emits, timers=timers, effects=effects)


def _tallied(counts: Mapping[tuple[str, str, str], _Count], context: Context) -> list[Change[SurgeState]]:
    """The tallies of a partition's pools with what was counted."""
    tallies: dict[str, Tally] = {}
    for (tenant, pool, priority), count in counts.items():
        key = f"{TALLY_PREFIX}{pool_key(tenant, pool)}"
        tally: Tally | None = tallies.get(key) or context.get(key)
        if tally is None:
            tally = Tally(tenant, pool, context.now + timedelta(seconds=TALLY_SECONDS))
        level = _level(tally.levels, priority)
        known = tally.levels.get(level, LevelTally())
        tickets = (*known.tickets, *count.tickets[-TICKETS_MAX:])[-TICKETS_MAX:]
        after = LevelTally(known.breached + count.breached, known.met + count.met, tickets)
        tallies[key] = msgspec.structs.replace(tally, levels={**tally.levels, level: after})
    return [Change(key, tally, (Timer(TALLY, tally.due_at),)) for key, tally in tallies.items()]


def _moved(level: LevelWatch, standing: Levels, rule: SurgeRule, now_us: int) -> LevelWatch:
    if level.since_us is None:
        return msgspec.structs.replace(level, since_us=now_us) if begins(standing, rule) else level
    return msgspec.structs.replace(level, since_us=None) if is_over(standing, rule) else level


def _told(
    watch: PoolWatch,
    priority: str,
    before: LevelWatch,
    after: LevelWatch,
    standing: Levels,
    rule: SurgeRule,
    policy: Policy,
    context: Context,
) -> Emit:
    began = after.since_us is not None
    since_us = after.since_us if after.since_us is not None else before.since_us
    if since_us is None:
        raise AssertionError("a surge that ends has begun")
    surge_id = f"{pool_key(watch.tenant, watch.pool)}:{priority}:{since_us}"
    fields: dict[str, Any] = {
        "surge_id": surge_id,
        "pool": watch.pool,
        "priority": priority,
        "breached": standing.breached,
        "verdicts": standing.verdicts,
        "burn_rate": standing.burn_rate,
        "objective": rule.objective,
        "window_seconds": to_seconds(rule.window_us),
        "policy_id": policy.policy_id,
        "policy_version": policy.version,
        "started_at": to_datetime(since_us),
        "decided_at": context.now,
        "position": context.position,
    }
    data = SurgeDetected.new(**fields, tickets=list(after.tickets)) if began else SurgeEnded.new(**fields)
    event_id = f"{surge_id}:{'detected' if began else 'ended'}"
    return Emit(POOL_SLA, pool_key(watch.tenant, watch.pool), data, event_id, context.now, watch.pool, watch.tenant)


def _level(known: Mapping[str, object], priority: str) -> str:
    """The level to count under."""
    return priority if priority in known or len(known) < LEVELS_MAX else next(reversed(list(known)))


_NO_RULE: Final = SurgeRule(window_us=60_000_000, breaches=2)
"""Stands where a policy has no rule any more: nothing is counted under it, so nothing begins and what began ends."""
