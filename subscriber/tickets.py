"""The state of every ticket, then all that changes it: snapshots first, events after, no gap and no overlap."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from schemas.ticket_events import TicketEvent
from schemas.ticket_snapshots import TicketSnapshot
from schemas.topics import TICKET_EVENTS, TICKET_SNAPSHOTS
from subscriber.events import Event, Item
from subscriber.subscription import Batch, Positions, Start, Subscription


async def follow_tickets(
    bootstrap: str, *, positions: Positions | None = None, client: Mapping[str, Any] | None = None
) -> AsyncGenerator[Batch]:
    """Batches for ever: each ticket's latest `TicketSnapshot`, then the events of `ticket.events` after these.

    While snapshots come, a ticket may come again, newer, and the batches have no positions: a reader that is stopped
    there begins again. The first batch with positions says that all snapshots are there (it may be empty). With
    `positions`, the stored ones of an earlier run, it goes straight on with the events.

    Raises:
        PositionsLostError: retention has overtaken the positions; begin again without them.
    """
    start = Start.BEGINNING if positions else Start.END
    # The events' end is taken first: what the snapshots miss lies behind it.
    async with Subscription(bootstrap, [TICKET_EVENTS], positions=positions, start=start, client=client) as events:
        overlap = _Overlap()
        if not positions:
            async with (
                Subscription(bootstrap, [TICKET_SNAPSHOTS], client=client) as snapshots,
                aclosing(snapshots.batches_to_end()) as batches,
            ):
                async for batch in batches:
                    overlap.note(batch)
                    yield Batch(batch.events)
            overlap.reach(await events.ends(), events.positions)
            yield Batch((), events.positions)
        async with aclosing(events.batches()) as batches:
            async for batch in batches:
                yield overlap.cut(batch)


class _Overlap:
    """Drops the events that a snapshot has told already. Holds a number a ticket until every partition is past them.

    A snapshot is written in one transaction with its event, but the marks that commit the two partitions come one
    after the other. So snapshots are read to what lay there, committed or not, when the events' end was known.
    """

    def __init__(self) -> None:
        self._ends: Positions = {}
        self._told: dict[str, int] = {}

    def note(self, batch: Batch) -> None:
        for item in batch.events:
            if isinstance(item, Event) and isinstance(item.data, TicketSnapshot):
                self._told[item.data.ticket_id] = item.data.sequence

    def reach(self, ends: Positions, positions: Positions) -> None:
        """Say where the events end that the snapshots may have told, and where reading them begins."""
        self._ends = ends
        self._pass(positions)

    def cut(self, batch: Batch) -> Batch:
        if not self._told:
            return batch
        kept = [item for item in batch.events if not self._has_told(item)]
        self._pass(batch.positions)
        return Batch(kept, batch.positions)

    def _pass(self, positions: Positions) -> None:
        self._ends = {place: end for place, end in self._ends.items() if positions.get(place, 0) < end}
        if not self._ends:
            self._told.clear()

    def _has_told(self, item: Item) -> bool:
        if not (isinstance(item, Event) and isinstance(item.data, TicketEvent)):
            return False
        return item.data.sequence <= self._told.get(item.data.ticket_id, 0)
