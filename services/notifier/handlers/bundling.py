"""A person's bundles: gathers what is offered for one address, and requests each delivery that comes of it.

    offer ─► at once, as it is                     while few went within the window
          ─► gathered ─► the window ends ─► a request: the one message as it is, or a bundle of several

Part of the processor `notifier.delivery`: an offer has the recipient's key, and what comes of it is requested on the
same topic under the delivery's own key. So a message is offered once, gathered once and requested once, like everything
that a processor writes. A bundle's ending is stated for each ticket in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from schemas.contract import Contract
from schemas.notifications import Bundled, DeliveryRequested, NotificationFailed
from schemas.topics import NOTIFIER_OUTBOX, TICKET_NOTIFICATIONS
from services._runtime.engine.topology import NOTHING, Context, Decision, Emit, Event, Timer
from services.notifier.domain.bundling import BUNDLE, PARTS_MAX, Item, bundle_id_of, in_due_order, lines_of
from services.notifier.domain.content import Library
from services.notifier.state import OFFERED_MAX, DeliveryState, Gathered, Recipient

FLUSH: Final = "flush"
FORGET: Final = "forget"
TOO_LATE: Final = "it was requested after its time"


@dataclass(frozen=True, slots=True)
class Bundles:
    """The handlers of a recipient's key, with the texts of bundles."""

    library: Library

    def on_offered(self, state: Recipient | None, event: Event, context: Context) -> Decision[DeliveryState]:
        """A message is offered: it goes at once, or is gathered."""
        data: DeliveryRequested = event.data
        bundling = data.bundling
        if bundling is None:
            raise AssertionError("an offer says how it may be bundled")
        recipient = state or Recipient(event.tenant, forget_at=data.give_up_at)
        mark = data.delivery_id.rpartition(".")[2]
        if mark in recipient.offered:
            return NOTHING
        if context.now >= data.give_up_at:
            return Decision(emits=(_too_late(event, context),))
        ends_at = context.now + timedelta(seconds=bundling.window_seconds)
        if recipient.window_ends_at is None or recipient.window_ends_at <= context.now:
            recipient = msgspec.structs.replace(recipient, passed=0, window_ends_at=ends_at)
        recipient = msgspec.structs.replace(
            recipient,
            offered=(*recipient.offered, mark)[-OFFERED_MAX:],
            forget_at=max(recipient.forget_at, data.give_up_at, ends_at),
        )
        if not bundling.hold and recipient.gathered is None and recipient.passed < bundling.burst:
            return _decided(msgspec.structs.replace(recipient, passed=recipient.passed + 1), [_as_it_is(event)])
        emits: list[Emit] = []
        held = recipient.gathered
        if held is not None and len(held.items) >= PARTS_MAX:
            emits.append(self._request(held, recipient.tenant, context, context.now))
            held = None
        return _decided(msgspec.structs.replace(recipient, gathered=_with(held, event, ends_at)), emits)

    def on_timer(self, state: Recipient, timer: Timer, context: Context) -> Decision[DeliveryState]:
        """What was gathered goes out, or a recipient of whom nothing can come again is forgotten."""
        if timer.kind == FORGET:
            return Decision(state=None)
        if state.gathered is None:
            return NOTHING
        emit = self._request(state.gathered, state.tenant, context, timer.due_at)
        return _decided(msgspec.structs.replace(state, gathered=None), [emit])

    def _request(self, held: Gathered, tenant: str, context: Context, at: datetime) -> Emit:
        """The request for what was gathered: one message as it is, several as a bundle."""
        items = in_due_order(held.items)
        first = items[0]
        subject, body, parts, delivery_id = held.subject, held.body, [], first.delivery_id
        if len(items) > 1:
            message = self.library.bundle(held.language, lines_of(items))
            subject, body, delivery_id = message.subject, message.body, bundle_id_of(items)
            parts = [_bundled(item) for item in items]
        data = DeliveryRequested.new(
            delivery_id=delivery_id,
            ticket_id=first.ticket_id,
            node=BUNDLE if parts else first.node,
            role=first.role,
            medium=held.medium,
            address=held.address,
            language=held.language,
            subject=subject,
            body=body,
            give_up_at=held.give_up_at,
            decided_at=context.now,
            position=context.position,
            directory_version=held.directory_version,
            parts=parts,
        )
        return _requested(data, delivery_id, at if parts else first.occurred_at, first.ticket_id, tenant)


def _decided(recipient: Recipient, emits: list[Emit]) -> Decision[DeliveryState]:
    timers = [Timer(FORGET, recipient.forget_at)]
    if recipient.gathered is not None:
        timers.append(Timer(FLUSH, recipient.gathered.flush_at))
    return Decision(state=recipient, emits=emits, timers=tuple(timers))


def _with(held: Gathered | None, event: Event, ends_at: datetime) -> Gathered:
    """What is gathered with one more; only a message that is alone keeps its own text."""
    data: DeliveryRequested = event.data
    if data.bundling is None:
        raise AssertionError("an offer says how it may be bundled")
    item = Item(
        delivery_id=data.delivery_id,
        ticket_id=data.ticket_id,
        node=data.node,
        role=data.role,
        clock=data.bundling.clock,
        rank=data.bundling.rank,
        line=data.bundling.line,
        occurred_at=event.occurred_at,
    )
    if held is None:
        return Gathered(
            medium=data.medium,
            address=data.address,
            language=data.language,
            items=(item,),
            subject=data.subject,
            body=data.body,
            flush_at=ends_at,
            give_up_at=data.give_up_at,
            directory_version=data.directory_version,
        )
    return msgspec.structs.replace(
        held,
        items=(*held.items, item),
        subject="",
        body="",
        flush_at=min(held.flush_at, ends_at),
        # Tried for as long as the most patient of them would be.
        give_up_at=max(held.give_up_at, data.give_up_at),
        directory_version=max(held.directory_version, data.directory_version),
    )


def _bundled(item: Item) -> Bundled:
    return Bundled.new(ticket_id=item.ticket_id, delivery_id=item.delivery_id, node=item.node, role=item.role)


def _as_it_is(event: Event) -> Emit:
    data: DeliveryRequested = msgspec.structs.replace(event.data, bundling=None)
    return _requested(data, data.delivery_id, event.occurred_at, data.ticket_id, event.tenant)


def _requested(data: Contract, delivery_id: str, at: datetime, ticket_id: str, tenant: str) -> Emit:
    event_id = f"{delivery_id}:requested"
    return Emit(NOTIFIER_OUTBOX, delivery_id, data, event_id, at, ticket_id, tenant)


def _too_late(event: Event, context: Context) -> Emit:
    data: DeliveryRequested = event.data
    failed = NotificationFailed.new(
        ticket_id=data.ticket_id,
        delivery_id=data.delivery_id,
        node=data.node,
        role=data.role,
        medium=data.medium,
        attempt=1,
        decided_at=context.now,
        position=context.position,
        reason=TOO_LATE,
    )
    event_id = f"{data.delivery_id}:failed"
    return Emit(TICKET_NOTIFICATIONS, data.ticket_id, failed, event_id, event.occurred_at, data.ticket_id, event.tenant)
