"""Processor `notifier.notify`: decides who is told what, and writes one request for each message to `notifier.outbox`.

A message is told once for (ticket, node, cycle, recipient, medium). Three things see to that: events of a ticket with a
sequence already dealt with do nothing, what was told is in the state, and the delivery id is made of those five, so the
delivery processor knows a request that it has had. What happened too long ago is told to no one, so a topic that is
read again from its beginning reaches nobody.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from schemas.notifications import Bundled, DeliveryRequested, NotificationSuppressed
from schemas.pool_sla import SurgeDetected
from schemas.ticket_events import TicketOpened
from schemas.ticket_sla import TargetBreached, TargetWarned
from schemas.topics import (
    CHANGELOGS,
    DEAD_LETTERS,
    NOTIFIER_OUTBOX,
    POOL_SLA,
    RETRIES,
    TICKET_EVENTS,
    TICKET_NOTIFICATIONS,
    TICKET_SLA,
)
from schemas.vocabulary import Medium, Role
from services._runtime.engine.topology import NOTHING, RELAXED_SECONDS, Context, Decision, Emit, Event, Timer, Topology
from services.notifier.domain.addresses import folded, mailbox
from services.notifier.domain.audience import Audience
from services.notifier.domain.bundling import BUNDLE, recipient_key
from services.notifier.domain.content import Library
from services.notifier.domain.deliveries import Identity, delivery_id_of, digest_of
from services.notifier.domain.nodes import CLOCK_NODES, Node
from services.notifier.handlers.letters import Letters
from services.notifier.handlers.news import FIRST_CYCLE, FOLLOWS, Follow, News, known_from, of_notice, of_opening
from services.notifier.handlers.recipients import Lookups, Recipient, Recipients
from services.notifier.settings import NotifierSettings
from services.notifier.state import (
    NOTICES_MAX,
    TICKET_STATE_VERSION,
    TOLD_MAX,
    TOLD_ONCE_MAX,
    Early,
    Gone,
    Known,
    Notice,
    TicketState,
)

FORGET_CONTACT: Final = "forget_contact"
FORGET: Final = "forget"
EARLY_KEPT: Final = timedelta(days=1)
"""How long clocks are remembered of a ticket whose opening never comes."""

STALE: Final = "it happened too long ago"
CONTACT_FORGOTTEN: Final = "the contact is no longer kept"


class Grounds(NamedTuple):
    """What a decision is made on besides ticket and news; it is stated with what is requested, or not."""

    now: datetime
    position: str
    directory_version: int


def notify_topology(
    settings: NotifierSettings, audience: Audience, library: Library, lookups: Lookups
) -> Topology[TicketState]:
    """Return the processor as a value."""
    notifier = Notifier(settings, audience, library, lookups)
    return Topology(
        name="notifier.notify",
        service="notifier",
        inputs=(TICKET_EVENTS, TICKET_SLA, POOL_SLA),
        writes=(NOTIFIER_OUTBOX, TICKET_NOTIFICATIONS),
        changelog=CHANGELOGS["notifier", "tickets"],
        dead_letters=DEAD_LETTERS["notifier"],
        retries=RETRIES["notifier.notify"],
        handlers={
            TicketOpened: notifier.on_opened,
            **{contract: partial(notifier.on_event, follow) for contract, follow in FOLLOWS.items()},
            TargetWarned: partial(notifier.on_clock, Node.SLA_WARNED),
            TargetBreached: partial(notifier.on_clock, Node.SLA_BREACHED),
            SurgeDetected: notifier.on_surge,
        },
        on_timer=notifier.on_timer,
        state_type=TicketState,
        state_version=TICKET_STATE_VERSION,
        gather_seconds=RELAXED_SECONDS,
    )


class Notifier:
    """The handlers, with what they decide by."""

    def __init__(self, settings: NotifierSettings, audience: Audience, library: Library, lookups: Lookups) -> None:
        self._audience = audience
        self._lookups = lookups
        self._recipients = Recipients(settings, audience, lookups)
        self._letters = Letters(settings, audience, library, lookups)
        self._secret = settings.secret.get_secret_value()
        self._staff_language = settings.notifier_staff_language
        self._stale_after = timedelta(seconds=settings.notifier_stale_after_seconds)
        self._contact_kept = timedelta(seconds=settings.notifier_contact_kept_seconds)
        self._ticket_kept = timedelta(seconds=settings.notifier_ticket_kept_seconds)

    # ── handlers ────────────────────────────────────────────────────────────────────────────────────────────────

    def on_opened(self, state: TicketState | None, event: Event, context: Context) -> Decision[TicketState]:
        """A ticket becomes known. Its key is its id, here and below."""
        if state is not None and not isinstance(state, Early):
            return NOTHING
        ticket = known_from(event.data, event.tenant, state.notices if state is not None else ())
        ticket, emits = self._tell_all(ticket, of_opening(ticket, event.occurred_at), context)
        return Decision(state=ticket, emits=emits, timers=())

    def on_event(
        self, follow: Follow, state: TicketState | None, event: Event, context: Context
    ) -> Decision[TicketState]:
        """A further event of a ticket."""
        sequence: int = event.data.sequence
        if isinstance(state, Gone):
            return self._on_gone(follow, state, event, context)
        if not isinstance(state, Known) or sequence <= state.last_sequence:
            return NOTHING
        ticket, news = follow(msgspec.structs.replace(state, last_sequence=sequence), event.data, event.occurred_at)
        ticket, emits = self._tell_all(ticket, news, context)
        if ticket.ended:
            ticket = msgspec.structs.replace(ticket, told=(), told_once=(), notices=())
        timers: tuple[Timer, ...] | None = None
        if ticket.ended and not state.ended:
            timers = (
                Timer(FORGET_CONTACT, event.occurred_at + self._contact_kept),
                Timer(FORGET, event.occurred_at + self._ticket_kept),
            )
        elif state.ended and not ticket.ended:
            timers = ()
        return Decision(state=ticket, emits=emits, timers=timers)

    def on_clock(self, node: Node, state: TicketState | None, event: Event, context: Context) -> Decision[TicketState]:
        """A clock warned or was breached."""
        data: Any = event.data
        percent = data.percent if node is Node.SLA_WARNED else None
        notice = Notice(node, data.target, data.cycle, data.priority, percent, data.due_at, event.occurred_at)
        if state is None:
            return Decision(state=Early((notice,)), timers=(Timer(FORGET, context.now + EARLY_KEPT),))
        if isinstance(state, Early) or (isinstance(state, Known) and state.pool is None and not state.ended):
            return Decision(state=msgspec.structs.replace(state, notices=(*state.notices, notice)[-NOTICES_MAX:]))
        if isinstance(state, Gone) or (state.ended and node is Node.SLA_WARNED):
            return NOTHING
        ticket, emits = self._tell_all(state, (of_notice(notice),), context)
        return Decision(state=ticket, emits=emits) if emits else NOTHING

    def on_surge(self, state: TicketState | None, event: Event, context: Context) -> Decision[TicketState]:
        """A pool's breaches are many. Its people are told once; so it is stated for each ticket that is named."""
        del state
        data: SurgeDetected = event.data
        # Stands for the pool where a ticket is asked for its people.
        nobody = Known(event.tenant, 0, FIRST_CYCLE, data.priority, "", self._staff_language, "", pool=data.pool)
        news = News(Node.SLA_SURGE, FIRST_CYCLE, event.occurred_at, occurrence=data.surge_id)
        grounds = self._grounds(context)
        emits: list[Emit] = []
        reached: set[tuple[Medium, str]] = set()
        for recipient, medium in self._recipients.of(nobody, news):
            place = (medium, folded(recipient.address or recipient.identity))
            if data.tickets and place not in reached:
                reached.add(place)
                identities = [_identity(ticket, news, recipient, medium) for ticket in data.tickets]
                emits += self._emit_of_pool(nobody, news, recipient, identities, data, grounds)
        return Decision(emits=emits)

    def on_timer(self, state: TicketState, timer: Timer, context: Context) -> Decision[TicketState]:
        """A closed ticket's contact is forgotten, later the ticket."""
        del context
        if timer.kind == FORGET_CONTACT and isinstance(state, Known):
            return Decision(state=Gone(state.last_sequence))
        return Decision(state=None) if timer.kind == FORGET else NOTHING

    # ── telling ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _tell_all(self, ticket: Known, news: tuple[News, ...], context: Context) -> tuple[Known, list[Emit]]:
        emits: list[Emit] = []
        told, told_once = dict.fromkeys(ticket.told), dict.fromkeys(ticket.told_once)
        grounds = self._grounds(context)
        for item in news:
            reached: set[tuple[Medium, str]] = set()
            for recipient, medium in self._recipients.of(ticket, item):
                identity = _identity(context.key, item, recipient, medium)
                digest = digest_of(identity)
                place = (medium, folded(recipient.address or recipient.identity))
                if digest in told or digest in told_once or place in reached:
                    continue
                if not identity.occurrence:
                    told_once[digest] = None
                elif item.node in CLOCK_NODES:
                    told[digest] = None
                reached.add(place)
                emits.append(self._emit(ticket, item, recipient, identity, grounds))
        remembered = {"told": tuple(told)[-TOLD_MAX:], "told_once": tuple(told_once)[-TOLD_ONCE_MAX:]}
        return msgspec.structs.replace(ticket, **remembered), emits

    def _grounds(self, context: Context) -> Grounds:
        """Taken before anything is looked up: what is found is of this version, or came while this was decided."""
        return Grounds(context.now, context.position, self._lookups.version())

    def _emit(self, ticket: Known, news: News, recipient: Recipient, identity: Identity, grounds: Grounds) -> Emit:
        delivery_id = delivery_id_of(identity)
        reason = self._reason_to_suppress(news, recipient, grounds.now)
        if reason is not None:
            return _suppressed(ticket.tenant, identity, recipient.role, reason, news, grounds)
        facts = self._letters.facts(ticket, news, recipient, identity.ticket_id)
        message = self._letters.of_ticket(news, recipient, facts)
        address = mailbox(recipient.address) or ""
        bundling = self._letters.bundling(news, recipient, facts, grounds.now)
        offered = recipient_key(self._secret, ticket.tenant, identity.medium, address) if bundling else None
        return Emit(
            topic=NOTIFIER_OUTBOX,
            key=offered or delivery_id,
            data=DeliveryRequested.new(
                delivery_id=delivery_id,
                ticket_id=identity.ticket_id,
                node=news.node,
                role=recipient.role,
                medium=identity.medium,
                address=address,
                language=recipient.language,
                subject=message.subject,
                body=message.body,
                # Counted from now, not from the event: after an outage of ours there is as much time as ever.
                give_up_at=grounds.now + self._audience.give_up_after(news.priority or ticket.priority),
                decided_at=grounds.now,
                position=grounds.position,
                directory_version=grounds.directory_version,
                bundling=bundling,
            ),
            id=f"{delivery_id}:{'offered' if offered else 'requested'}",
            occurred_at=news.occurred_at,
            subject=identity.ticket_id,
            tenant=ticket.tenant,
        )

    def _emit_of_pool(
        self,
        nobody: Known,
        news: News,
        recipient: Recipient,
        identities: list[Identity],
        data: SurgeDetected,
        grounds: Grounds,
    ) -> list[Emit]:
        """One delivery that stands for one of each ticket, or the reason why there is none."""
        reason = self._reason_to_suppress(news, recipient, grounds.now)
        if reason is not None:
            return [_suppressed(nobody.tenant, each, recipient.role, reason, news, grounds) for each in identities]
        message = self._letters.of_surge(news, recipient, data)
        first = identities[0]
        delivery_id = f"{BUNDLE}.{digest_of(first)}"
        parts = [
            Bundled.new(ticket_id=each.ticket_id, delivery_id=delivery_id_of(each), node=each.node, role=recipient.role)
            for each in identities
        ]
        requested = DeliveryRequested.new(
            delivery_id=delivery_id,
            ticket_id=first.ticket_id,
            node=news.node,
            role=recipient.role,
            medium=first.medium,
            address=mailbox(recipient.address) or "",
            language=recipient.language,
            subject=message.subject,
            body=message.body,
            give_up_at=grounds.now + self._audience.give_up_after(data.priority),
            decided_at=grounds.now,
            position=grounds.position,
            directory_version=grounds.directory_version,
            parts=parts,
        )
        event_id, at = f"{delivery_id}:requested", news.occurred_at
        return [Emit(NOTIFIER_OUTBOX, delivery_id, requested, event_id, at, first.ticket_id, nobody.tenant)]

    def _reason_to_suppress(self, news: News, recipient: Recipient, now: datetime) -> str | None:
        return STALE if now - news.occurred_at > self._stale_after else self._recipients.unreachable(recipient)

    def _on_gone(self, follow: Follow, state: Gone, event: Event, context: Context) -> Decision[TicketState]:
        """Say that the customer of a ticket that ended long ago is not told of what still happens to it."""
        sequence: int = event.data.sequence
        if sequence <= state.last_sequence:
            return NOTHING
        blank = Known(event.tenant, sequence, FIRST_CYCLE, "", "", self._staff_language, "", ended=True)
        _, news = follow(blank, event.data, event.occurred_at)
        grounds = self._grounds(context)
        emits = [
            _suppressed(event.tenant, identity, Role.REQUESTER, CONTACT_FORGOTTEN, item, grounds)
            for item in news
            for told in self._audience.told(item.node, "")
            if told.role is Role.REQUESTER and item.roles is None
            for identity in (Identity(context.key, item.node, item.cycle, str(sequence), Role.REQUESTER, told.medium),)
        ]
        return Decision(state=Gone(sequence), emits=emits)


def _identity(ticket_id: str, news: News, recipient: Recipient, medium: Medium) -> Identity:
    occurrence = news.occurrence_for_customer if recipient.role is Role.REQUESTER else news.occurrence
    return Identity(ticket_id, news.node, news.cycle, occurrence, recipient.identity, medium)


def _suppressed(tenant: str, identity: Identity, role: Role, reason: str, news: News, grounds: Grounds) -> Emit:
    delivery_id = delivery_id_of(identity)
    return Emit(
        topic=TICKET_NOTIFICATIONS,
        key=identity.ticket_id,
        data=NotificationSuppressed.new(
            ticket_id=identity.ticket_id,
            delivery_id=delivery_id,
            node=identity.node,
            role=role,
            medium=identity.medium,
            attempt=1,
            decided_at=grounds.now,
            position=grounds.position,
            reason=reason,
            directory_version=grounds.directory_version,
        ),
        id=f"{delivery_id}:suppressed",
        occurred_at=news.occurred_at,
        subject=identity.ticket_id,
        tenant=tenant,
    )
