"""The router's own topology as a process of a measurement, and the records that it is given: one pool."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import msgspec

from benchmarks.engines.aftercare import topic, work
from benchmarks.engines.order import Order
from benchmarks.routing import NOW, people, tickets
from benchmarks.work import OCCURRED_AT, SOURCE
from schemas import envelope
from schemas.contract import Contract
from schemas.routing_work import OfferMade, TechnicianRostered
from schemas.vocabulary import Tier
from services.router.handlers import router_topology
from services.router.settings import RouterSettings

POOL: Final = "bench"


class _Event(msgspec.Struct):
    subject: str


_decode = msgspec.json.Decoder(_Event).decode


def roster(count: int) -> Iterable[tuple[str, bytes]]:
    """The roster of the pool, a record a technician, with the key."""
    for person in people(count):
        data = TechnicianRostered.new(
            technician_id=person.technician_id,
            pool=POOL,
            team="bench",
            skills=list(person.skills),
            languages=list(person.languages),
            level=person.level,
            capacity=person.capacity,
        )
        yield POOL, _record(person.technician_id, data)


def offers(first: int, count: int) -> Iterable[tuple[str, bytes]]:
    """Offers of so many tickets, with the key."""
    for each in tickets(first, count):
        data = OfferMade.new(
            ticket_id=each.ticket_id,
            generation=1,
            pool=POOL,
            priority=each.priority,
            skills=list(each.skills),
            level=each.level,
            language=each.language,
            tier=Tier.STANDARD,
            queued_at=NOW,
            due_at=each.due_at,
        )
        yield POOL, _record(each.ticket_id, data)


def number_of(assignment: bytes) -> int:
    """The number of the ticket that an event of the router is about."""
    return int(_decode(assignment).subject.removeprefix("T-"))


def _record(subject: str, data: Contract) -> bytes:
    return envelope.encode(
        type_name=data.type_name,
        event_id=f"bench:{subject}",
        source=SOURCE,
        time=OCCURRED_AT,
        subject=subject,
        tenant="acme",
        data=data,
    )


def main() -> None:
    """Do the work of the order."""
    order = Order.from_argument()
    settings = RouterSettings.model_validate({"secret": "x" * 32})
    own = {
        "name": order.group,
        "inputs": (topic(order.commands),),
        "changelog": topic(f"{order.group}.changelog"),
        "dead_letters": topic(f"{order.group}.dlq"),
        "retries": None,
    }
    work(replace(router_topology(settings), **own), order)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
