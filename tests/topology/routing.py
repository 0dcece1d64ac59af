"""Drives the router's topology in the words of its pool, and looks at what came of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from prometheus_client import Gauge

from schemas.contract import Contract
from schemas.routing_policy import RoutingPolicy
from schemas.routing_work import OfferMade, OfferWithdrawn, PresenceChanged, RoutingPolicyStated, TechnicianRostered
from schemas.topics import ROUTING_WORK, TICKET_ASSIGNMENTS
from schemas.vocabulary import Language, Level, Presence, Tier
from services._runtime.engine.driver import START, TopologyDriver
from services._runtime.engine.topology import Event
from services.router.handlers import router_topology
from services.router.handlers.census import Census
from services.router.settings import RouterSettings
from services.router.state import Held, Member, State, Waiting, offer_key, technician_key

POOL: Final = "cn-north"
SETTINGS: Final = RouterSettings.model_validate({"secret": "s" * 32})


def offer(ticket_id: str, generation: int = 1, **changes: Any) -> OfferMade:
    """An offer that anyone may take."""
    stated: dict[str, Any] = {
        "pool": POOL,
        "priority": "P2",
        "skills": [],
        "level": Level.L1,
        "language": Language.EN,
        "tier": Tier.STANDARD,
        "queued_at": START,
    }
    return OfferMade.new(ticket_id=ticket_id, generation=generation, **{**stated, **changes})


def withdrawal(ticket_id: str, generation: int = 1, pool: str = POOL, reason: str = "resolved") -> OfferWithdrawn:
    """The ledger takes an offer back."""
    return OfferWithdrawn.new(ticket_id=ticket_id, generation=generation, pool=pool, reason=reason)


def rostered(technician_id: str, *skills: str, **changes: Any) -> TechnicianRostered:
    """A technician with room for two."""
    stated: dict[str, Any] = {
        "pool": POOL,
        "skills": list(skills),
        "languages": [Language.EN],
        "level": Level.L1,
        "capacity": 2,
        "team": "first",
    }
    return TechnicianRostered.new(technician_id=technician_id, **{**stated, **changes})


def present(technician_id: str, presence: Presence, pool: str = POOL) -> PresenceChanged:
    """A technician comes or goes."""
    return PresenceChanged.new(technician_id=technician_id, pool=pool, presence=presence)


def ruled(pool: str = POOL, version: int = 1, **rules: Any) -> RoutingPolicyStated:
    """The pool's policy, given as its rules in JSON's plain values."""
    policy = RoutingPolicy.closed_validate({"version": version, **rules}).to_struct()
    return RoutingPolicyStated.new(pool=pool, policy=policy)


class Router:
    """The topology on the synchronous driver."""

    def __init__(self) -> None:
        self.driver: TopologyDriver[State] = TopologyDriver(router_topology(SETTINGS))

    def send(self, *inputs: Contract, tenant: str = "acme", occurred_at: datetime | None = None) -> list[Event]:
        """Put records on the pool they speak of; what the router said to them."""
        for data in inputs:
            pool: str = getattr(data, "pool", POOL)
            self.driver.send(ROUTING_WORK, pool, data, tenant=tenant, occurred_at=occurred_at, subject=pool)
        return self.driver.read(TICKET_ASSIGNMENTS)

    def said(self, *inputs: Contract) -> list[tuple[str, str, str | None]]:
        """What the router said to `inputs`: verb, ticket and technician."""
        return [
            (event.id.rpartition(":")[2], event.data.ticket_id, getattr(event.data, "technician_id", None))
            for event in self.send(*inputs)
        ]

    def holder(self, ticket_id: str, pool: str = POOL) -> str | None:
        """Who holds a ticket, None while it waits or is unknown."""
        state = self.driver.state(offer_key(pool, ticket_id))
        return state.technician_id if isinstance(state, Held) else None

    def holders(self) -> dict[str, str]:
        """Who holds each held ticket, by store key."""
        return {key: state.technician_id for key, state in self.driver.states().items() if isinstance(state, Held)}

    def waiting(self) -> list[Waiting]:
        """All that waits, in no order."""
        return [state for state in self.driver.states().values() if isinstance(state, Waiting)]

    def loads(self) -> dict[str, int]:
        """What each technician of any pool holds, added up from the offers."""
        loads: dict[str, int] = {}
        for state in self.driver.states().values():
            if isinstance(state, Held):
                loads[state.technician_id] = loads.get(state.technician_id, 0) + state.weight
        return loads

    def figures(self) -> dict[Gauge, float]:
        """What the pool shows on its gauges."""
        index = self.driver.partition.index
        assert isinstance(index, Census)
        return {figure.gauge: figure.value for figure in index.figures() if figure.labels == (POOL,)}

    def member(self, technician_id: str) -> Member | None:
        """What is kept of a technician."""
        state = self.driver.state(technician_key(POOL, technician_id))
        assert state is None or isinstance(state, Member)
        return state


def minutes(count: float) -> datetime:
    """So many minutes after the start."""
    return START + timedelta(minutes=count)
