"""Several tickets under the SLA monitor's topology, and its changelog as the clocks' view reads it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, Final

from schemas.ids import pool_key
from schemas.parts import Actor, Requester
from schemas.pool_sla import VerdictsTallied
from schemas.ticket_events import (
    AgentReplied,
    EscalationRequested,
    StatusChanged,
    TicketAssigned,
    TicketCancelled,
    TicketClosed,
    TicketEvent,
    TicketOpened,
    TicketReopened,
    TicketResolved,
)
from schemas.topics import POOL_SLA, TICKET_EVENTS
from schemas.vocabulary import ActorKind, Channel, Impact, Status, Tier, Urgency
from services._runtime.directory.directory import Directory
from services._runtime.engine.driver import TopologyDriver
from services._runtime.engine.records import Record
from services.sla_monitor.adapters.clocks_view.projecting import ClocksProjection
from services.sla_monitor.adapters.terms import DirectoryTerms
from services.sla_monitor.handlers import Rulings, clocks_topology, surges_topology
from services.sla_monitor.settings import SlaMonitorSettings
from services.sla_monitor.state import SurgeState, TicketClocks

SOMEONE: Final = Actor.new(kind=ActorKind.COORDINATOR, actor_id="c")


class Monitored:
    """The topology on the synchronous driver, with a ledger that numbers the events of each ticket."""

    def __init__(self, start: datetime | None = None, directory: Directory | None = None, tenant: str = "acme") -> None:
        self.settings = SlaMonitorSettings.model_validate({"secret": "s" * 32})
        self.directory = directory if directory is not None else Directory()
        self.tenant = tenant
        topology = clocks_topology(self.settings, DirectoryTerms(self.directory, self.settings))
        self.driver: TopologyDriver[TicketClocks] = TopologyDriver(topology)
        if start is not None:
            self.driver.now = start
        self.rulings = Rulings(DirectoryTerms(self.directory, self.settings))
        surges = surges_topology(DirectoryTerms(self.directory, self.settings))
        self.pools: TopologyDriver[SurgeState] = TopologyDriver(surges, self.driver.now)
        self.projection = ClocksProjection(topology, surges, self.rulings)
        self._sequences: Counter[str] = Counter()

    def tell(self, ticket_id: str, contract: type[TicketEvent], status: Status, **fields: Any) -> None:
        """State the next event of a ticket, now."""
        self._sequences[ticket_id] += 1
        sequence = self._sequences[ticket_id]
        made: Any = contract
        data = made.new(
            ticket_id=ticket_id,
            sequence=sequence,
            status=status,
            cause="c",
            decided_at=self.driver.now,
            position="p",
            **fields,
        )
        event_id = f"{ticket_id}:{sequence}"
        self.driver.send(TICKET_EVENTS, ticket_id, data, event_id=event_id, tenant=self.tenant)

    def opened(self, ticket_id: str, priority: str = "P1", pool: str | None = "north") -> None:
        """A ticket is opened."""
        self.tell(
            ticket_id,
            TicketOpened,
            Status.NEW,
            channel=Channel.PORTAL,
            external_id="e",
            conversation="c",
            requester=Requester.new(requester_id="r", tier=Tier.STANDARD),
            subject="s",
            body="b",
            impact=Impact.OUTAGE,
            urgency=Urgency.HIGH,
            priority=priority,
            pool=pool,
        )

    def assigned(self, ticket_id: str, pool: str = "north") -> None:
        """It is somebody's."""
        self.tell(ticket_id, TicketAssigned, Status.ASSIGNED, pool=pool, technician_id="t", generation=1)

    def answered(self, ticket_id: str) -> None:
        """The customer has an answer."""
        self.tell(ticket_id, AgentReplied, Status.IN_PROGRESS, technician_id="t", body="b")

    def stands(self, ticket_id: str, status: Status = Status.PENDING) -> None:
        """Its status changes."""
        self.tell(ticket_id, StatusChanged, status, previous=Status.IN_PROGRESS, actor=SOMEONE)

    def escalated(self, ticket_id: str) -> None:
        """Someone wants it escalated."""
        self.tell(ticket_id, EscalationRequested, Status.IN_PROGRESS, actor=SOMEONE, reason="r")

    def resolved(self, ticket_id: str) -> None:
        """It is solved."""
        self.tell(
            ticket_id,
            TicketResolved,
            Status.RESOLVED,
            technician_id="t",
            solution="s",
            closes_at=self.driver.now,
        )

    def closed(self, ticket_id: str) -> None:
        """It is over."""
        self.tell(ticket_id, TicketClosed, Status.CLOSED, reason="r")

    def cancelled(self, ticket_id: str) -> None:
        """It is withdrawn."""
        self.tell(ticket_id, TicketCancelled, Status.CANCELLED, reason="r")

    def reopened(self, ticket_id: str) -> None:
        """It is not over."""
        self.tell(ticket_id, TicketReopened, Status.IN_PROGRESS, reason="r", cycle=2)

    def tallied(self, pool: str, breached: int, priority: str = "P1") -> None:
        """One partition has counted breaches of a pool."""
        data = VerdictsTallied.new(
            pool=pool,
            priority=priority,
            breached=breached,
            met=0,
            tickets=["T-1"],
            decided_at=self.pools.now,
            position="p",
        )
        self.pools.send(POOL_SLA, pool_key(self.tenant, pool), data, tenant=self.tenant)

    def changelog(self) -> list[Record]:
        """Everything that was written to the changelog of the clocks, as a follower reads it."""
        return _changelog_of(self.driver)

    def pools_changelog(self) -> list[Record]:
        """Everything that was written to the changelog of the pools."""
        return _changelog_of(self.pools)


def _changelog_of(driver: TopologyDriver[Any]) -> list[Record]:
    topic = driver.topology.changelog
    written = enumerate(driver.read_bytes(topic))
    return [Record(topic.name, 0, offset, output.key, output.value) for offset, output in written]
