"""Processor `notifier.delivery`: sees each delivery through to one ending, and states it on `ticket.notifications`.

    request ─► attempt 1 started ─► result ─► sent | failed | bounced
                     ▲     │
                     │     ├─ unreachable: waits, then attempt n + 1
                     └─────┴─ no result in time: attempt n + 1 under the same Message-ID, a few times; then unknown

What protects against sending twice. "Attempt n started" is committed, together with the input offsets, before the
sender hears of it, and the sender hears of it once; so a crash, an abort or a rebalance never repeats an attempt by
itself. A request whose delivery id is known does nothing; results of older attempts do nothing; a request that comes
after its time (a replay of the outbox, or of its dead letters) fails without being sent. An attempt may begin only
before `begin_before` and is timed out, so that it has ended before the next one can start.

What can't be protected: SMTP is outside of every transaction. If the server takes a mail and the process dies before
the result is written, or the connection breaks between the mail and the answer to it, nobody can know. Then the mail is
sent again under the same Message-ID, Date and text, which most mailboxes show once, rather than not at all; after a few
such silences we stop and say `unknown`. A clock that jumps by minutes can make two attempts overlap, with that effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

import msgspec

from schemas.notifications import (
    DeliveryAttempted,
    DeliveryRequested,
    NotificationBounced,
    NotificationEvent,
    NotificationFailed,
    NotificationSent,
    NotificationUnknown,
    Outcome,
)
from schemas.topics import CHANGELOGS, DEAD_LETTERS, NOTIFIER_OUTBOX, NOTIFIER_RESULTS, RETRIES, TICKET_NOTIFICATIONS
from schemas.vocabulary import Medium
from services._runtime.engine.topology import NOTHING, RELAXED_SECONDS, Context, Decision, Emit, Event, Timer, Topology
from services.notifier.domain.content import Library
from services.notifier.domain.deliveries import Attempt
from services.notifier.domain.retry import Again, End, Ending, Progress, Rule, after_result, after_silence
from services.notifier.handlers.bundling import FORGET, TOO_LATE, Bundles
from services.notifier.settings import NotifierSettings
from services.notifier.state import DELIVERY_STATE_VERSION, DeliveryState, Finished, Message, Recipient, Told, Underway

RESULT_DUE: Final = "result_due"
NEXT_ATTEMPT: Final = "next_attempt"


def delivery_topology(settings: NotifierSettings, library: Library) -> Topology[DeliveryState]:
    """Return the processor as a value. `library` has the texts of bundles."""
    delivery = Delivery(
        rules={Medium.EMAIL: settings.email_rule},
        result_timeout=timedelta(seconds=settings.notifier_result_timeout_seconds),
        begin_within=settings.begin_within,
        kept=timedelta(seconds=settings.notifier_delivery_kept_seconds),
        bundles=Bundles(library),
    )
    return Topology(
        name="notifier.delivery",
        service="notifier",
        inputs=(NOTIFIER_OUTBOX, NOTIFIER_RESULTS),
        writes=(NOTIFIER_OUTBOX, TICKET_NOTIFICATIONS),
        changelog=CHANGELOGS["notifier", "deliveries"],
        dead_letters=DEAD_LETTERS["notifier"],
        retries=RETRIES["notifier.delivery"],
        handlers={DeliveryRequested: delivery.on_requested, DeliveryAttempted: delivery.on_attempted},
        on_timer=delivery.on_timer,
        state_type=DeliveryState,
        state_version=DELIVERY_STATE_VERSION,
        gather_seconds=RELAXED_SECONDS,
    )


@dataclass(frozen=True, slots=True)
class Delivery:
    """The handlers, with what they decide by.

    Args:
        rules: how each medium is retried; one without a rule has no sender, its requests become dead letters.
        result_timeout: from an attempt's start to taking it for silent.
        begin_within: from an attempt's start to when it must have begun.
        kept: how long a finished delivery is remembered.
        bundles: decides what may go out together with others first.
    """

    rules: Mapping[Medium, Rule]
    result_timeout: timedelta
    begin_within: timedelta
    kept: timedelta
    bundles: Bundles

    def on_requested(self, state: DeliveryState | None, event: Event, context: Context) -> Decision[DeliveryState]:
        """A delivery is asked for, or offered to the bundles of its recipient."""
        data: DeliveryRequested = event.data
        if data.bundling is not None and (state is None or isinstance(state, Recipient)):
            return self.bundles.on_offered(state, event, context)
        if state is not None:
            return NOTHING
        underway = Underway(
            tenant=event.tenant,
            ticket_id=data.ticket_id,
            node=data.node,
            role=data.role,
            medium=data.medium,
            give_up_at=data.give_up_at,
            message=Message(data.address, data.language, data.subject, data.body, event.occurred_at),
            attempt=1,
            started=False,
            parts=tuple(Told(each.ticket_id, each.delivery_id, each.node, each.role) for each in data.parts),
        )
        if context.now >= data.give_up_at:
            return self._end(underway, End(Ending.FAILED, TOO_LATE), context, event.occurred_at)
        return self._start(underway, context)

    def on_attempted(self, state: DeliveryState | None, event: Event, context: Context) -> Decision[DeliveryState]:
        """A sender says what came of an attempt, or a bounce came back."""
        data: DeliveryAttempted = event.data
        if isinstance(state, Finished):
            return self._on_returned(state, event, context)
        if not isinstance(state, Underway) or not state.started or data.attempt != state.attempt:
            return NOTHING
        verdict = after_result(data.outcome, data.detail, _progress(context.key, state), context.now, self._rule(state))
        return self._follow(state, verdict, context, event.occurred_at)

    def on_timer(self, state: DeliveryState, timer: Timer, context: Context) -> Decision[DeliveryState]:
        """An attempt stayed without result, the next one is due, or a finished delivery may be forgotten."""
        if isinstance(state, Recipient):
            return self.bundles.on_timer(state, timer, context)
        if timer.kind == FORGET:
            return Decision(state=None)
        if isinstance(state, Finished):
            return NOTHING
        if timer.kind == NEXT_ATTEMPT:
            return self._start(msgspec.structs.replace(state, attempt=state.attempt + 1), context)
        verdict = after_silence(_progress(context.key, state), context.now, self._rule(state))
        return self._follow(state, verdict, context, timer.due_at)

    def _follow(
        self, state: Underway, verdict: Again | End, context: Context, occurred_at: datetime
    ) -> Decision[DeliveryState]:
        match verdict:
            case End():
                return self._end(state, verdict, context, occurred_at)
            case Again(at, silences) if at <= context.now:
                again = msgspec.structs.replace(state, attempt=state.attempt + 1, silences=silences)
                return self._start(again, context)
            case Again(at, silences):
                waiting = msgspec.structs.replace(state, started=False, silences=silences)
                return Decision(state=waiting, timers=(Timer(NEXT_ATTEMPT, at, state.attempt),))
            case _:
                assert_never(verdict)

    def _start(self, state: Underway, context: Context) -> Decision[DeliveryState]:
        """Commit that attempt `state.attempt` is started, and hand it to the sender once that is known."""
        self._rule(state)
        message = state.message
        result_due_at = context.now + self.result_timeout
        attempt = Attempt(
            delivery_id=context.key,
            ticket_id=state.ticket_id,
            tenant=state.tenant,
            number=state.attempt,
            medium=state.medium,
            address=message.address,
            language=message.language,
            subject=message.subject,
            body=message.body,
            requested_at=message.requested_at,
            begin_before=context.now + self.begin_within,
            result_due_at=result_due_at,
            bundled=bool(state.parts),
        )
        return Decision(
            state=msgspec.structs.replace(state, started=True),
            timers=(Timer(RESULT_DUE, result_due_at, state.attempt),),
            effects=(attempt,),
        )

    def _end(self, state: Underway, end: End, context: Context, occurred_at: datetime) -> Decision[DeliveryState]:
        """State the ending and forget what was said and to whom."""
        finished = Finished(
            tenant=state.tenant,
            ticket_id=state.ticket_id,
            node=state.node,
            role=state.role,
            medium=state.medium,
            attempt=state.attempt,
            ending=end.ending,
            parts=state.parts,
        )
        return Decision(
            state=finished,
            emits=_ended(context, finished, end.reason, occurred_at),
            timers=(Timer(FORGET, context.now + self.kept),),
        )

    def _on_returned(self, state: Finished, event: Event, context: Context) -> Decision[DeliveryState]:
        """A mail comes back after its server had taken it: the only thing that still changes a finished delivery."""
        data: DeliveryAttempted = event.data
        arrived = state.ending in {Ending.SENT, Ending.UNKNOWN}
        if data.outcome is not Outcome.BOUNCED or not arrived or data.attempt > state.attempt:
            return NOTHING
        bounced = msgspec.structs.replace(state, ending=Ending.BOUNCED)
        return Decision(state=bounced, emits=_ended(context, bounced, data.detail, event.occurred_at))

    def _rule(self, state: Underway) -> Rule:
        return self.rules[state.medium]


def _progress(delivery_id: str, state: Underway) -> Progress:
    return Progress(delivery_id, state.attempt, state.silences, state.give_up_at)


def _ended(context: Context, state: Finished, reason: str, occurred_at: datetime) -> list[Emit]:
    """The ending, stated for the ticket or, of a bundle, for each one in it."""
    if not state.parts:
        own = Told(state.ticket_id, context.key, state.node, state.role)
        return [_stated(own, None, context, state, reason, occurred_at)]
    return [_stated(part, context.key, context, state, reason, occurred_at) for part in state.parts]


def _stated(
    told: Told, bundle_id: str | None, context: Context, state: Finished, reason: str, occurred_at: datetime
) -> Emit:
    """The event that states an ending. Reasons are ours or a server's codes, without personal data."""
    facts: dict[str, Any] = {
        "ticket_id": told.ticket_id,
        "delivery_id": told.delivery_id,
        "node": told.node,
        "role": told.role,
        "medium": state.medium,
        "attempt": state.attempt,
        "decided_at": context.now,
        "position": context.position,
        "bundle_id": bundle_id,
    }
    if state.ending is not Ending.SENT:
        facts["reason"] = reason
    return Emit(
        topic=TICKET_NOTIFICATIONS,
        key=told.ticket_id,
        data=_OUTCOMES[state.ending].new(**facts),
        id=f"{told.delivery_id}:{state.ending}",
        occurred_at=occurred_at,
        subject=told.ticket_id,
        tenant=state.tenant,
    )


_OUTCOMES: Final[Mapping[Ending, type[NotificationEvent]]] = {
    Ending.SENT: NotificationSent,
    Ending.FAILED: NotificationFailed,
    Ending.BOUNCED: NotificationBounced,
    Ending.UNKNOWN: NotificationUnknown,
}
