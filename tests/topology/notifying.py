"""Drives `notifier.notify` in the words of a ticket's life, over the package's own rules and templates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from schemas.contract import Contract
from schemas.directory import PoolDefined, TechnicianDefined, TemplateDefined
from schemas.parts import Requester
from schemas.ticket_events import (
    AgentReplied,
    CustomerReplied,
    SurveyOffered,
    TicketAccepted,
    TicketAssigned,
    TicketClassified,
    TicketClosed,
    TicketEscalated,
    TicketOpened,
    TicketReopened,
    TicketResolved,
)
from schemas.ticket_sla import TargetBreached, TargetWarned
from schemas.topics import NOTIFIER_OUTBOX, TICKET_EVENTS, TICKET_NOTIFICATIONS, TICKET_SLA, Topic
from schemas.vocabulary import Category, Channel, Impact, Language, Level, Medium, Status, Urgency
from services._runtime.engine.driver import START, TopologyDriver
from services._runtime.engine.topology import Event
from services.notifier.adapters.package_data import load_audience, load_library
from services.notifier.domain.nodes import Node
from services.notifier.handlers.notify import notify_topology
from services.notifier.handlers.recipients import Lookups
from services.notifier.settings import NotifierSettings
from services.notifier.state import TicketState

TICKET: Final = "T-7Q2M"
POOL: Final = "cn-north"
CUSTOMER: Final = "wang@customer.example"
TECHNICIAN: Final = "li@desk.example"
LEAD: Final = "lead@desk.example"
SUPERVISOR: Final = "supervisor@desk.example"
DIRECTOR: Final = "director@desk.example"
ADDRESSES: Final = {
    "requester": CUSTOMER,
    "assignee": TECHNICIAN,
    "lead": LEAD,
    "supervisor": SUPERVISOR,
    "director": DIRECTOR,
}
SETTINGS: Final = NotifierSettings.model_validate(
    {
        "secret": "s" * 32,
        "mail_from": "support@desk.example",
        "public_url": "https://help.example",
        "survey_url": "https://survey.example",
    }
)
AUDIENCE: Final = load_audience(None, [Medium.EMAIL])
LIBRARY: Final = load_library()


def technician(technician_id: str = "li", **changes: Any) -> TechnicianDefined:
    """Return a technician who reads English first."""
    stated: dict[str, Any] = {
        "name": "Li Na",
        "email": TECHNICIAN,
        "pool": POOL,
        "team": "first",
        "skills": [],
        "languages": [Language.EN, Language.ZH_CN],
        "level": Level.L1,
        "capacity": 5,
    }
    return TechnicianDefined.new(technician_id=technician_id, **{**stated, **changes})


def pool(**changes: Any) -> PoolDefined:
    """Return the pool with its three people."""
    stated = {"lead_email": LEAD, "supervisor_email": SUPERVISOR, "director_email": DIRECTOR}
    return PoolDefined.new(pool=POOL, title="North", **{**stated, **changes})


class Sent(NamedTuple):
    """An event as it was sent."""

    topic: Topic
    data: Contract
    occurred_at: datetime


class Ticket:
    """One ticket whose events are made in their order."""

    def __init__(
        self,
        *,
        priority: str = "P2",
        language: Language = Language.ZH_CN,
        settings: NotifierSettings = SETTINGS,
        start: datetime = START,
        beside: Ticket | None = None,
        ticket_id: str = TICKET,
    ) -> None:
        """`beside` is a ticket whose processor and people this one shares."""
        self.ticket_id = ticket_id
        self.technicians = {"li": technician()}
        self.pools = {POOL: pool()}
        self.templates: dict[str, TemplateDefined] = {}
        self.directory_version = 0
        lookups = Lookups(
            technician=self.technicians.get,
            pool=self.pools.get,
            template=self.templates.get,
            version=lambda: self.directory_version,
        )
        topology = notify_topology(settings, AUDIENCE, LIBRARY, lookups)
        self.driver: TopologyDriver[TicketState] = beside.driver if beside else TopologyDriver(topology, start)
        self.priority = priority
        self.language = language
        self.sequence = 0

    # ── the ticket's life ───────────────────────────────────────────────────────────────────────────────────────

    def opened(self, occurred_at: datetime | None = None, **requester: Any) -> None:
        contact = {"name": "王先生", "email": CUSTOMER, "language": self.language, **requester}
        self._event(
            TicketOpened,
            Status.NEW,
            channel=Channel.EMAIL,
            external_id="m-1",
            conversation="c-1",
            requester=Requester.new(requester_id="r-1", **contact),
            subject="无法登录 login fails",
            body="secret details",
            impact=Impact.MINOR,
            urgency=Urgency.LOW,
            priority=self.priority,
            occurred_at=occurred_at,
        )

    def classified(self, priority: str | None = None) -> None:
        self.priority = priority or self.priority
        self._event(
            TicketClassified,
            Status.CLASSIFIED,
            category=Category.TECHNICAL,
            priority=self.priority,
            priority_reason="impact",
            pool=POOL,
            skills=[],
            level=Level.L1,
        )

    def assigned(self, technician_id: str = "li") -> None:
        self._event(TicketAssigned, Status.ASSIGNED, pool=POOL, technician_id=technician_id, generation=1)

    def accepted(self) -> None:
        self._event(TicketAccepted, Status.IN_PROGRESS, technician_id="li")

    def replied(self, body: str = "请重启 please restart") -> None:
        self._event(AgentReplied, Status.IN_PROGRESS, technician_id="li", body=body)

    def customer_replied(self) -> None:
        self._event(CustomerReplied, Status.IN_PROGRESS, message_id="m-2", channel=Channel.EMAIL, body="secret details")

    def escalated(
        self,
        role: str = "supervisor",
        step: int = 1,
        target: str = "resolution",
        *,
        others: tuple[str, ...] = (),
        at: datetime | None = None,
    ) -> None:
        self._event(
            TicketEscalated,
            Status.IN_PROGRESS,
            target=target,
            cycle=1,
            step=step,
            role=role,
            others=list(others),
            level=Level.L2,
            reason="overdue",
            occurred_at=at,
        )

    def resolved(self) -> None:
        closes_at = self.driver.now + timedelta(days=3)
        self._event(
            TicketResolved,
            Status.RESOLVED,
            technician_id="li",
            solution="已重置密码 password reset",
            closes_at=closes_at,
        )

    def closed(self) -> None:
        self._event(TicketClosed, Status.CLOSED, reason="confirmed")

    def reopened(self, cycle: int = 2) -> None:
        self._event(TicketReopened, Status.QUEUED, reason="the customer wrote", cycle=cycle)

    def survey_offered(self, survey_id: str = "s-1") -> None:
        expires_at = self.driver.now + timedelta(days=7)
        self._event(SurveyOffered, Status.CLOSED, survey_id=survey_id, expires_at=expires_at)

    def warned(
        self, percent: int = 75, target: str = "resolution", cycle: int = 1, priority: str | None = None
    ) -> None:
        self._clock(TargetWarned, target, cycle, priority, percent=percent, segments=[])

    def breached(
        self, target: str = "resolution", cycle: int = 1, priority: str | None = None, at: datetime | None = None
    ) -> None:
        self._clock(TargetBreached, target, cycle, priority, at=at, segments=[])

    def until(self, node: Node) -> list[Event]:
        """Live the ticket's life up to `node` and return what is written to the outbox then."""
        steps: dict[Node, Callable[[], None]] = {
            Node.OPENED: self.opened,
            Node.ASSIGNED: self.assigned,
            Node.IN_PROGRESS: self.accepted,
            Node.REPLIED: self.replied,
            Node.CUSTOMER_REPLIED: self.customer_replied,
            Node.SLA_WARNED: self.warned,
            Node.SLA_BREACHED: self.breached,
            Node.ESCALATED: self.escalated,
            Node.RESOLVED: self.resolved,
            Node.CLOSED: self.closed,
            Node.SURVEY_OFFERED: self.survey_offered,
            Node.REOPENED: self.reopened,
        }
        for each, step in steps.items():
            self.outbox()
            step()
            if each is Node.OPENED:
                self.classified()
            if each is node:
                return self.outbox()
        raise AssertionError(node)

    # ── what came of it ─────────────────────────────────────────────────────────────────────────────────────────

    def outbox(self) -> list[Event]:
        """Return what was asked to be delivered since the last look."""
        return self.driver.read(NOTIFIER_OUTBOX)

    def told(self) -> list[tuple[str, str]]:
        """Return node and role of each delivery since the last look."""
        return [(event.data.node, event.data.role) for event in self.outbox()]

    def suppressed(self) -> list[tuple[str, str, str]]:
        """Return node, role and reason of what nobody could be told since the last look."""
        events = self.driver.read(TICKET_NOTIFICATIONS)
        return [(event.data.node, event.data.role, event.data.reason) for event in events]

    # ── making events ───────────────────────────────────────────────────────────────────────────────────────────

    def repeat(self, copies: int = 1) -> None:
        """Send the last event again, as it was."""
        for _ in range(copies):
            self.driver.send(self.last.topic, self.ticket_id, self.last.data, occurred_at=self.last.occurred_at)

    def _event(self, contract: Any, status: Status, occurred_at: datetime | None = None, **fields: Any) -> None:
        self.sequence += 1
        data = contract.new(
            ticket_id=self.ticket_id,
            sequence=self.sequence,
            status=status,
            cause="test",
            decided_at=self.driver.now,
            position="test/0/0",
            **fields,
        )
        self._send(TICKET_EVENTS, data, occurred_at or self.driver.now)

    def _clock(
        self, contract: Any, target: str, cycle: int, priority: str | None, at: datetime | None = None, **fields: Any
    ) -> None:
        data = contract.new(
            ticket_id=self.ticket_id,
            target=target,
            cycle=cycle,
            generation=1,
            priority=priority or self.priority,
            pool=POOL,
            policy_id="cn-standard",
            policy_version=1,
            started_at=self.driver.now,
            due_at=self.driver.now,
            budget_seconds=60.0,
            elapsed_seconds=60.0,
            decided_at=self.driver.now,
            position="test/0/0",
            **fields,
        )
        self._send(TICKET_SLA, data, at or self.driver.now)

    def _send(self, topic: Topic, data: Contract, occurred_at: datetime) -> None:
        self.last = Sent(topic, data, occurred_at)
        self.driver.send(topic, self.ticket_id, data, occurred_at=occurred_at)
