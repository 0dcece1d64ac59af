"""Processor `notifier.notify`: decides who is told what, and writes one request for each message to `notifier.outbox`.

A message is told once for (ticket, node, cycle, recipient, medium). Three things see to that: events of a ticket with a
sequence already dealt with do nothing, what was told is in the state, and the delivery id is made of those five, so the
delivery processor knows a request that it has had. What happened too long ago is told to no one, so a topic that is
read again from its beginning reaches nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from schemas.directory import PoolDefined, TechnicianDefined, TemplateDefined
from schemas.notifications import Bundled, Bundling, DeliveryRequested, NotificationSuppressed
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
from schemas.vocabulary import Language, Medium, Role
from services._runtime.engine.topology import NOTHING, RELAXED_SECONDS, Context, Decision, Emit, Event, Timer, Topology
from services.notifier.domain.addresses import folded, mailbox
from services.notifier.domain.audience import Audience
from services.notifier.domain.bundling import BUNDLE, RANKS, recipient_key
from services.notifier.domain.content import (
    Facts,
    InvalidTemplate,
    Library,
    Message,
    Template,
    compile_template,
    template_id,
    wall_time,
)
from services.notifier.domain.deliveries import Identity, delivery_id_of, digest_of
from services.notifier.domain.nodes import CLOCK_NODES, Node, Voice, voice_of
from services.notifier.handlers.links import Links
from services.notifier.handlers.news import FIRST_CYCLE, FOLLOWS, Follow, News, known_from, of_notice, of_opening
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

NO_ADDRESS: Final = "no address is known"
BAD_ADDRESS: Final = "mail can't be sent to the address"
OWN_ADDRESS: Final = "the address is our own"
STALE: Final = "it happened too long ago"
CONTACT_FORGOTTEN: Final = "the contact is no longer kept"


@dataclass(frozen=True, slots=True)
class Lookups:
    """What the directory is asked; each answers None for what it doesn't know, quickly and without I/O.

    `version` is how many of its records have been read: equal versions of two processes mean equal answers.
    """

    technician: Callable[[str], TechnicianDefined | None]
    pool: Callable[[str], PoolDefined | None]
    template: Callable[[str], TemplateDefined | None]
    version: Callable[[], int]


Render: TypeAlias = Callable[[Node, Voice, Language, Facts, Template | None], Message]


class Grounds(NamedTuple):
    """What a decision is made on besides ticket and news; it is stated with what is requested, or not."""

    now: datetime
    position: str
    directory_version: int


class Recipient(NamedTuple):
    """Someone in a role. `identity` names the person or the post and is no personal data."""

    role: Role
    identity: str
    address: str | None
    name: str
    language: Language


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
        self._library = library
        self._lookups = lookups
        self._links = Links.of(settings)
        self._secret = settings.secret.get_secret_value()
        self._zone = settings.zone
        self._staff_language = settings.notifier_staff_language
        self._own_addresses = frozenset(map(folded, settings.own_addresses))
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
        grounds = Grounds(context.now, context.position, self._lookups.version())
        emits: list[Emit] = []
        reached: set[tuple[Medium, str]] = set()
        for recipient, medium in self._recipients(nobody, news):
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
            for recipient, medium in self._recipients(ticket, item):
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

    def _recipients(self, ticket: Known, news: News) -> Iterator[tuple[Recipient, Medium]]:
        """Yield whom the rules name; the assignee's place is taken by the lead while nobody is assigned."""
        for told in self._audience.told(news.node, news.priority or ticket.priority):
            for role in (told.role,) if told.role is not None else news.escalated_to:
                if news.roles is not None and role not in news.roles:
                    continue
                stands_in = role is Role.ASSIGNEE and ticket.assignee is None
                yield self._recipient(ticket, Role.LEAD if stands_in else role), told.medium

    def _recipient(self, ticket: Known, role: Role) -> Recipient:
        if role is Role.REQUESTER:
            identity = f"requester:{ticket.requester_id}"
            return Recipient(role, identity, ticket.address, ticket.name or "", ticket.language)
        if role is Role.ASSIGNEE and ticket.assignee is not None:
            identity = f"technician:{ticket.assignee}"
            technician = self._lookups.technician(ticket.assignee)
            if technician is None:
                return Recipient(role, identity, None, "", self._staff_language)
            language = technician.languages[0] if technician.languages else self._staff_language
            return Recipient(role, identity, technician.email, technician.name, language)
        pool = self._lookups.pool(ticket.pool) if ticket.pool is not None else None
        return Recipient(role, f"{role}:{ticket.pool}", _address_of(role, pool), "", self._staff_language)

    def _emit(self, ticket: Known, news: News, recipient: Recipient, identity: Identity, grounds: Grounds) -> Emit:
        delivery_id = delivery_id_of(identity)
        reason = self._reason_to_suppress(news, recipient, grounds.now)
        if reason is not None:
            return _suppressed(ticket.tenant, identity, recipient.role, reason, news, grounds)
        facts = self._facts(ticket, news, recipient, identity.ticket_id)
        message = self._written(self._library.render, news.node, recipient, facts)
        address = mailbox(recipient.address) or ""
        bundling = self._bundling(news, recipient, facts, grounds.now)
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
        message = self._written(self._library.of_pool, news.node, recipient, _surge_facts(data))
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
        if now - news.occurred_at > self._stale_after:
            return STALE
        if not recipient.address:
            return NO_ADDRESS
        address = mailbox(recipient.address)
        if address is None:
            return BAD_ADDRESS
        return OWN_ADDRESS if folded(address) in self._own_addresses else None

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

    # ── content ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _bundling(self, news: News, recipient: Recipient, facts: Facts, now: datetime) -> Bundling | None:
        """How the message may go out with others, None where it goes at once whatever comes with it."""
        rules = self._audience.bundling
        age = now - news.occurred_at
        priority = facts["priority"]
        if voice_of(recipient.role) is not Voice.STAFF or not rules.waits(news.node, priority, age):
            return None
        since = {"since": wall_time(news.occurred_at, self._zone)}
        bundling: Bundling = Bundling.new(
            hold=age > rules.late_after,
            window_seconds=self._audience.window(priority).total_seconds(),
            burst=rules.burst,
            line=self._library.line(news.node, recipient.language, {**facts, **since}),
            clock=news.clock,
            rank=RANKS[news.node],
        )
        return bundling

    def _facts(self, ticket: Known, news: News, recipient: Recipient, ticket_id: str) -> dict[str, str]:
        """What a template may name."""
        facts = {
            "ticket_id": ticket_id,
            "subject_line": ticket.subject_line,
            "priority": news.priority or ticket.priority,
            "recipient_name": recipient.name,
            "technician_name": self._technician_name(news.technician_id or ticket.assignee),
            **news.facts,
            **{name: wall_time(instant, self._zone) for name, instant in news.times.items()},
        }
        if voice_of(recipient.role) is Voice.CUSTOMER:
            facts["progress_url"] = self._links.progress(ticket.tenant, ticket_id, news.occurred_at)
            if news.survey_id is not None:
                facts["survey_url"] = self._links.survey(
                    ticket.tenant, ticket_id, news.survey_id, news.occurred_at, news.times["expires_at"]
                )
        return facts

    def _written(self, render: Render, node: Node, recipient: Recipient, facts: Facts) -> Message:
        voice, language = voice_of(recipient.role), recipient.language
        override = self._override(node, voice, language)
        if override is not None:
            try:
                return render(node, voice, language, facts, override)
            except InvalidTemplate:
                # The directory's text is no reason not to tell: the package's own never fails.
                pass
        return render(node, voice, language, facts, None)

    def _override(self, node: Node, voice: Voice, language: Language) -> Template | None:
        """Return the directory's template where it has a usable one; `adapters.lookups` complains about others."""
        defined = self._lookups.template(template_id(node, voice, language))
        if defined is None:
            return None
        try:
            return compile_template(defined.template_id, defined.subject, defined.body)
        except InvalidTemplate:
            return None

    def _technician_name(self, technician_id: str | None) -> str:
        technician = self._lookups.technician(technician_id) if technician_id is not None else None
        return technician.name if technician is not None else ""


def _surge_facts(data: SurgeDetected) -> dict[str, str]:
    """What a template may name of a surge."""
    percent = "" if data.burn_rate is None or not data.verdicts else f"{data.breached / data.verdicts:.0%}"
    return {
        "pool": data.pool,
        "priority": data.priority,
        "count": str(data.breached),
        "minutes": f"{data.window_seconds / 60:g}",
        "percent": percent.removesuffix("%"),
        "lines": "\n".join(data.tickets),
    }


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


def _address_of(role: Role, pool: PoolDefined | None) -> str | None:
    if pool is None:
        return None
    addresses = {
        Role.LEAD: pool.lead_email,
        Role.SUPERVISOR: pool.supervisor_email,
        Role.DIRECTOR: pool.director_email,
        # A pool without a team for emergencies has a director.
        Role.EMERGENCY_TEAM: pool.emergency_team_email or pool.director_email,
    }
    return addresses.get(role)
