"""What each event of a ticket and each timer changes: load, decide, emit.

An event of the ledger becomes facts (`domain.reading`), the clocks see them (`domain.progress.see`), and each change
is told (`telling`). Marks are passed by timers alone, of which a ticket has one, for whatever is due first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

import msgspec

from schemas.notifications import NotificationSent
from schemas.ticket_events import PolicyChanged, TicketEvent, TicketOpened, TicketReopened
from schemas.topics import CHANGELOGS, DEAD_LETTERS, RETRIES, TICKET_EVENTS, TICKET_NOTIFICATIONS, TICKET_SLA
from schemas.vocabulary import Role
from services._runtime.engine.topology import NOTHING, RELAXED_SECONDS, Context, Decision, Event, Timer, Topology
from services.sla_monitor.domain import facts as f
from services.sla_monitor.domain import reading
from services.sla_monitor.domain.facts import Fact
from services.sla_monitor.domain.instants import from_datetime
from services.sla_monitor.domain.progress import Outcome, see, shrink, wake
from services.sla_monitor.domain.reading import READERS, Reader
from services.sla_monitor.handlers import telling
from services.sla_monitor.handlers.rulings import Ruling, Rulings, Terms, calendars_of
from services.sla_monitor.settings import SlaMonitorSettings
from services.sla_monitor.state import (
    MARK,
    SHRINK,
    STATE_VERSION,
    Kept,
    Regime,
    TicketClocks,
    keeping_for,
    packed,
    timers_of,
    unpacked,
)

MAX_REGIMES: Final = 16
"""Policies that one ticket can be moved to, one after the other; a further one is told by the log and passed over."""

TELLS_OF_SOLUTION: Final = frozenset({"resolved", "closed"})
"""Nodes at which a notification tells the customer that there is a solution."""

_LOOKED_INTO: Final = frozenset({MARK, SHRINK})
"""Timers that open what is kept of a ticket; the other one forgets it."""


def clocks_topology(settings: SlaMonitorSettings, terms: Terms) -> Topology[TicketClocks]:
    """`sla_monitor`: reads `ticket.events` and what became of notifications, writes `ticket.sla`."""
    monitor = Monitor(settings, terms)
    return Topology(
        name="sla_monitor",
        service="sla_monitor",
        inputs=(TICKET_EVENTS, TICKET_NOTIFICATIONS),
        writes=(TICKET_SLA,),
        changelog=CHANGELOGS["sla_monitor", "clocks"],
        dead_letters=DEAD_LETTERS["sla_monitor"],
        retries=RETRIES["sla_monitor"],
        handlers={
            TicketOpened: monitor.on_opened,
            **{contract: partial(monitor.on_event, reader) for contract, reader in READERS.items()},
            PolicyChanged: monitor.on_policy,
            NotificationSent: monitor.on_notification,
        },
        on_timer=monitor.on_timer,
        state_type=TicketClocks,
        state_version=STATE_VERSION,
        gather_seconds=RELAXED_SECONDS,
    )


class Monitor:
    """The handlers, with what they decide by. For one thread: what is worked out is kept without a lock."""

    def __init__(self, settings: SlaMonitorSettings, terms: Terms) -> None:
        self._terms = terms
        self._keeping = keeping_for(
            timedelta(seconds=settings.sla_shrink_after_seconds), timedelta(seconds=settings.sla_forget_after_seconds)
        )
        self._rulings = Rulings(terms)

    def on_opened(self, state: TicketClocks | None, event: Event, context: Context) -> Decision[TicketClocks]:
        """Start the clocks under the policy whose conditions hold."""
        if state is not None:
            return NOTHING
        opened: TicketOpened = event.data
        profile = reading.profile_of(opened)
        policy = self._terms.at_opening(profile, event.occurred_at)
        regime = Regime(policy.policy_id, policy.version, policy.calendar_for(profile))
        kept = Kept(event.tenant, (regime,), profile, reading.status_of(opened, policy))
        facts = reading.opening_facts(opened, from_datetime(event.occurred_at), policy)
        begun = TicketClocks(sequence=opened.sequence, packed=b"")
        return self._see(begun, kept, facts, Ruling(policy, calendars_of(self._terms, regime.calendar_id)), context)

    def on_event(
        self, reader: Reader, state: TicketClocks | None, event: Event, context: Context
    ) -> Decision[TicketClocks]:
        """Let the clocks see what an event means to them; most mean nothing and change nothing."""
        data: TicketEvent = event.data
        if state is None or data.sequence <= state.sequence:
            return NOTHING
        kept = unpacked(state)
        ruling = self._rulings.of(kept)
        at_us = from_datetime(event.occurred_at)
        profile = kept.profile
        facts, priority, status = reading.heard(reader, data, at_us, ruling.policy, profile.priority, kept.status)
        pool = getattr(data, "pool", None) or profile.pool
        if not facts and pool == profile.pool:
            return NOTHING
        if (pool, priority) != (profile.pool, profile.priority):
            profile = msgspec.structs.replace(profile, pool=pool, priority=priority)
        followed = msgspec.structs.replace(kept, profile=profile, status=status)
        ended_us, shrunk = state.ended_us, state.shrunk
        if type(data) in reading.ENDINGS:
            ended_us = at_us
        elif isinstance(data, TicketReopened):
            ended_us, shrunk = None, False
        after = TicketClocks(data.sequence, state.packed, state.wake_us, ended_us, shrunk)
        if not facts:
            return Decision(state=msgspec.structs.replace(after, packed=packed(followed)))
        return self._see(after, followed, facts, ruling, context)

    def on_policy(self, state: TicketClocks | None, event: Event, context: Context) -> Decision[TicketClocks]:
        """Move the ticket to another policy; what runs is re-targeted. An unknown one leaves it where it is."""
        data: PolicyChanged = event.data
        if state is None or data.sequence <= state.sequence:
            return NOTHING
        policy = self._terms.find(data.policy_id, data.policy_version)
        kept = unpacked(state)
        if policy is None or len(kept.regimes) >= MAX_REGIMES:
            return NOTHING
        regime = Regime(policy.policy_id, policy.version, policy.calendar_for(kept.profile))
        names = [(each.policy_id, each.version) for each in kept.regimes]
        if (policy.policy_id, policy.version) not in names[1:]:
            kept = msgspec.structs.replace(kept, regimes=(*kept.regimes, regime))
        fact = Fact(from_datetime(event.occurred_at), data.sequence, f.POLICY, policy.ref)
        after = msgspec.structs.replace(state, sequence=data.sequence)
        return self._see(after, kept, [fact], self._rulings.of(kept), context)

    def on_notification(self, state: TicketClocks | None, event: Event, context: Context) -> Decision[TicketClocks]:
        """The customer was told of the solution."""
        data: NotificationSent = event.data
        if state is None or data.role is not Role.REQUESTER or data.node not in TELLS_OF_SOLUTION:
            return NOTHING
        kept = unpacked(state)
        ruling = self._rulings.of(kept)
        fact = Fact(from_datetime(event.occurred_at), state.sequence, f.CUSTOMER_NOTIFIED)
        if f.CUSTOMER_NOTIFIED not in ruling.policy.watched or fact in kept.clocks.facts:
            return NOTHING
        return self._see(state, kept, [fact], ruling, context)

    def on_timer(self, state: TicketClocks, timer: Timer, context: Context) -> Decision[TicketClocks]:
        """Pass the marks that are due, let go of the cycles of an ended ticket, or forget it."""
        kind = timer.kind
        if kind not in _LOOKED_INTO:
            return Decision(state=None)
        kept = unpacked(state)
        ruling = self._rulings.of(kept)
        if kind == MARK:
            outcome = wake(kept.clocks, ruling.policy, ruling.calendar, from_datetime(context.now))
            return self._decide(state, kept, outcome, ruling, context)
        shrunk = msgspec.structs.replace(kept, clocks=shrink(kept.clocks, ruling.policy))
        after = msgspec.structs.replace(state, packed=packed(shrunk), shrunk=True)
        return Decision(state=after, timers=timers_of(after, self._keeping))

    def _see(
        self, state: TicketClocks, kept: Kept, facts: Sequence[Fact], ruling: Ruling, context: Context
    ) -> Decision[TicketClocks]:
        now_us = from_datetime(context.now)
        outcome = see(kept.clocks, facts, ruling.policy, ruling.calendar, now_us, kept.profile)
        return self._decide(state, kept, outcome, ruling, context)

    def _decide(
        self, state: TicketClocks, kept: Kept, outcome: Outcome, ruling: Ruling, context: Context
    ) -> Decision[TicketClocks]:
        changes = outcome.changes
        after = Kept(kept.tenant, kept.regimes, kept.profile, kept.status, outcome.clocks)
        decided = TicketClocks(state.sequence, packed(after), outcome.wake_us, state.ended_us, state.shrunk)
        return Decision(
            state=decided,
            timers=timers_of(decided, self._keeping),
            emits=telling.told(kept, changes, ruling.policy, ruling.calendar, context),
            effects=[telling.moved(kept, change, context) for change in changes],
        )
