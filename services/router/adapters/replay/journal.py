"""What the router said: its decisions on `ticket.assignments`, and the turns it took on `routing.turns`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from schemas import envelope
from schemas.routing_turns import TurnTaken
from schemas.ticket_assignments import AssignmentEvent, AssignmentMade, AssignmentOverflowed, AssignmentQueued

DECISIONS = (AssignmentMade, AssignmentQueued, AssignmentOverflowed)


class Said(msgspec.Struct, frozen=True):
    """One event of `ticket.assignments`; `data` is the struct of its contract."""

    tenant: str
    data: AssignmentEvent


def said_in(values: Iterable[bytes | None]) -> Iterator[Said]:
    """The events among records of `ticket.assignments`; what can't be read, or nobody here knows, is passed over."""
    for tenant, data in _events_in(values):
        if isinstance(data, AssignmentEvent):
            yield Said(tenant, data)


def turns_in(values: Iterable[bytes | None]) -> Iterator[TurnTaken]:
    """The turns among records of `routing.turns`; the rest is passed over, as above."""
    for _, data in _events_in(values):
        if isinstance(data, TurnTaken):
            yield data


def is_decision(data: AssignmentEvent) -> bool:
    """Whether it says who gets a ticket, or why nobody does."""
    return isinstance(data, DECISIONS)


def _events_in(values: Iterable[bytes | None]) -> Iterator[tuple[str, Any]]:
    for value in values:
        if value is None:
            continue
        try:
            head = envelope.decode_head(value)
            yield head.tenant, envelope.decode_data(head.type, head.data, envelope.scope_of(head))
        except (envelope.InvalidEvent, envelope.UnknownType):
            continue
