"""What the router said on `ticket.assignments`: each decision with the time and place at which it was made."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from schemas import envelope
from schemas.ticket_assignments import AssignmentEvent, AssignmentMade, AssignmentOverflowed, AssignmentQueued

DECISIONS = (AssignmentMade, AssignmentQueued, AssignmentOverflowed)


class Said(msgspec.Struct, frozen=True):
    """One event of `ticket.assignments`; `data` is the struct of its contract."""

    tenant: str
    data: AssignmentEvent


def said_in(values: Iterable[bytes | None]) -> Iterator[Said]:
    """The events among records of `ticket.assignments`; what can't be read, or nobody here knows, is passed over."""
    for value in values:
        if value is None:
            continue
        try:
            head = envelope.decode_head(value)
            data = envelope.decode_data(head.type, head.data, envelope.scope_of(head))
        except (envelope.InvalidEvent, envelope.UnknownType):
            continue
        if isinstance(data, AssignmentEvent):
            yield Said(head.tenant, data)


def is_decision(data: AssignmentEvent) -> bool:
    """Whether it says who gets a ticket, or why nobody does."""
    return isinstance(data, DECISIONS)


class Journal:
    """When a pool's router decided what, by position. A replay takes the times off it as it goes."""

    def __init__(self, said: Iterable[Said], pool: str) -> None:
        times: defaultdict[str, set[datetime]] = defaultdict(set)
        for each in said:
            if each.data.pool == pool:
                times[each.data.position].add(each.data.decided_at)
        # A timer of one key may fire many times; they come in their order.
        self._times = {position: deque(sorted(instants)) for position, instants in times.items()}

    def next_at(self, position: str) -> datetime | None:
        """When what stands at `position` is decided (next), None where nothing was said of it."""
        instants = self._times.get(position)
        return instants[0] if instants else None

    def took(self, position: str) -> None:
        """Note that it has been."""
        instants = self._times.get(position)
        if instants:
            instants.popleft()
