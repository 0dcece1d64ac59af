"""The ledger and the router together: what one writes the other reads, and one clock moves for both."""

from __future__ import annotations

from typing import Any, Final

from schemas.contract import Contract
from schemas.topics import ROUTING_WORK, TICKET_ASSIGNMENTS, TICKET_COMMANDS, TICKET_EVENTS, TICKET_SLA, Topic
from services._runtime.engine.driver import TopologyDriver
from services._runtime.engine.topology import Event
from services.intake.domain.ticket import Ticket
from services.intake.handlers import ledger_topology
from services.router.handlers import router_topology
from services.router.state import Held, Waiting, offer_key
from tests.topology.routing import SETTINGS
from tests.unit.intake import values as v

ROUNDS_MAX: Final = 1_000
"""More rounds than this and the two answer each other for ever."""


class Desk:
    """Two topologies on synchronous drivers."""

    def __init__(self) -> None:
        self.ledger: TopologyDriver[Any] = TopologyDriver(ledger_topology(v.POLICY))
        self.router: TopologyDriver[Any] = TopologyDriver(router_topology(SETTINGS))
        self.seen: dict[str, list[Event]] = {}

    def roster(self, *news: Contract) -> None:
        """The directory says something of a pool."""
        for data in news:
            self.router.send(ROUTING_WORK, getattr(data, "pool", v.POOL), data, tenant=v.TENANT)
        self._flow()

    def command(self, *commands: Any) -> None:
        """Someone wants one thing done after the other; each time all follows that comes of it."""
        for data in commands:
            self.bulk(data)

    def bulk(self, *commands: Any) -> None:
        """Someone wants many things done at once, and only then anything follows."""
        for data in commands:
            self.ledger.send(TICKET_COMMANDS, data.ticket_id, data, tenant=v.TENANT)
        self._flow()

    def clocks(self, data: Any) -> None:
        """The SLA monitor says something."""
        self.ledger.send(TICKET_SLA, data.ticket_id, data, tenant=v.TENANT)
        self._flow()

    def wait(self, seconds: float, *, step_seconds: float = 60) -> None:
        """Let time pass for both, in steps as small as matter here."""
        left_seconds = seconds
        while left_seconds > 0:
            for driver in (self.ledger, self.router):
                driver.advance(min(step_seconds, left_seconds))
            left_seconds -= step_seconds
            self._flow()

    def ticket(self, ticket_id: str = v.ID) -> Ticket:
        """A ticket as the ledger has it."""
        state = self.ledger.state(ticket_id)
        assert isinstance(state, Ticket)
        return state

    def offer(self, ticket_id: str = v.ID, pool: str = v.POOL) -> Waiting | Held:
        """A ticket as the router has it."""
        state = self.router.state(offer_key(pool, ticket_id))
        assert isinstance(state, (Waiting, Held))
        return state

    def told(self, topic: Topic, contract: type[Contract]) -> list[Any]:
        """What was told of one kind so far."""
        return [event.data for event in self.seen.get(topic.name, ()) if isinstance(event.data, contract)]

    def _flow(self) -> None:
        for _ in range(ROUNDS_MAX):
            moved = 0
            for source, target, topics in (
                (self.ledger, self.router, (ROUTING_WORK, TICKET_EVENTS)),
                (self.router, self.ledger, (TICKET_ASSIGNMENTS,)),
            ):
                for topic in topics:
                    for event in source.read(topic):
                        self.seen.setdefault(topic.name, []).append(event)
                        if topic in target.topology.inputs:
                            moved += 1
                            target.send(
                                topic,
                                event.key,
                                event.data,
                                tenant=event.tenant,
                                event_id=event.id,
                                occurred_at=event.occurred_at,
                            )
            if not moved:
                return
        raise AssertionError("the ledger and the router do not come to rest")
