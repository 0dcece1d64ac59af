"""For teams that subscribe to Aftercare's topics: typed events, committed ones only, from where you stand, each once.

    async with Subscription("kafka:9092", [TICKET_EVENTS], positions=stored) as subscription:
        async for batch in subscription.batches():
            with database:  # one transaction of yours: effects and positions together
                for event in batch.events:
                    match event.data:
                        case TicketResolved(): ...
                store(batch.positions)

Reading order: `events` (what is delivered), `subscription` (from where, how far), `tickets` (the state of every
ticket, then what changes it), `seen` (for effects that can't be stored with the positions). The whole story:
docs/subscribing.md.
Depends on `schemas` and aiokafka alone.
"""

from subscriber.events import Event, Item, Position, Removed, Unreadable
from subscriber.seen import Seen
from subscriber.subscription import Batch, Positions, PositionsLostError, Start, Subscription
from subscriber.tickets import follow_tickets

__all__ = [
    "Batch",
    "Event",
    "Item",
    "Position",
    "Positions",
    "PositionsLostError",
    "Removed",
    "Seen",
    "Start",
    "Subscription",
    "Unreadable",
    "follow_tickets",
]
