"""What Redis knows of a thread: which ticket a message or conversation belongs to, as far as it has come.

Two write it. The gateways note each message that Kafka has taken, with the conversation it was sent under, so that an
answer that comes before the ticket exists follows its thread into the same partition. The read model notes what the
ledger has opened. Both can be lost; a thread is then found by what the message itself says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from services._runtime.redis_client import RedisClient
from services.intake.adapters import keys
from services.intake.domain.threads import conversation_place, message_place
from services.intake.domain.views import UNKNOWN_THREAD, Thread

MERGES_MAX: Final = 5
"""How far a chain of merged tickets is followed."""
REFERENCES_MAX: Final = 20
_CONFIRMED: Final = "1"


class Noted(NamedTuple):
    """What stands at a place. `confirmed`: the ledger has opened the ticket."""

    confirmed: bool
    ticket_id: str
    conversation: str


class ThreadIndex:
    """Every method raises `RedisUnavailable` when Redis does not answer.

    Args:
        redis: where it is kept.
        keep_seconds: how long a place is remembered.
        reopen_seconds: how long after its end a closed ticket still takes messages; later ones begin a new ticket.
    """

    def __init__(self, redis: RedisClient, *, keep_seconds: int, reopen_seconds: float) -> None:
        self._redis = redis
        self._keep_seconds = keep_seconds
        self._reopens = timedelta(seconds=reopen_seconds)

    async def find(
        self, tenant: str, channel: str, *, messages: Sequence[str], conversation: str | None, now: datetime
    ) -> Thread:
        """What is known of the thread that holds `messages` (nearest first) or is `conversation`."""
        places = [message_place(channel, message) for message in messages[:REFERENCES_MAX]]
        if conversation is not None:
            places.append(conversation_place(channel, conversation))
        noted = await self._noted(tenant, places)
        if not noted:
            return UNKNOWN_THREAD
        conversation_known = next((note.conversation for note in noted if note.conversation), None)
        confirmed = next((note.ticket_id for note in noted if note.confirmed), None)
        if confirmed is not None:
            ticket_id = await self.open_ticket(tenant, confirmed, now=now)
            return Thread(ticket_id=ticket_id, expected_ticket_id=ticket_id, conversation=conversation_known)
        return Thread(expected_ticket_id=noted[0].ticket_id, conversation=conversation_known)

    async def open_ticket(self, tenant: str, ticket_id: str, *, now: datetime) -> str | None:
        """The ticket that takes messages for `ticket_id`: itself, what it was merged into, or none any more.

        A ticket that the view does not know is given back as it is.
        """
        for _ in range(MERGES_MAX):
            async with self._redis.commands() as commands:
                found: Any = await commands.hmget(
                    keys.ticket(tenant, ticket_id), ["status", "merged_into", "closed_at"]
                )
            status, merged_into, closed_at = found
            if not merged_into:
                return ticket_id if self._takes_messages(status, closed_at, now) else None
            ticket_id = merged_into
        return None

    async def note(self, tenant: str, channel: str, *, message: str, conversation: str, ticket_id: str) -> None:
        """Remember a message that Kafka has taken, unless more is known of it already."""
        note = f"0\n{ticket_id}\n{conversation}"
        places = (message_place(channel, message), conversation_place(channel, conversation))
        async with self._redis.commands() as commands, commands.pipeline(transaction=False) as pipeline:
            for place in places:
                pipeline.set(keys.thread(tenant, place), note, ex=self._keep_seconds, nx=True)
            await pipeline.execute()

    async def _noted(self, tenant: str, places: Sequence[str]) -> list[Noted]:
        if not places:
            return []
        async with self._redis.commands() as commands:
            found: Any = await commands.mget([keys.thread(tenant, place) for place in places])
        return [_read(text) for text in found if text]

    def _takes_messages(self, status: str | None, closed_at: str | None, now: datetime) -> bool:
        if status == "cancelled":
            return False
        if status != "closed" or not closed_at:
            return True
        return now - datetime.fromisoformat(closed_at) < self._reopens


def _read(text: str) -> Noted:
    confirmed, ticket_id, conversation = text.split("\n", 2)
    return Noted(confirmed == _CONFIRMED, ticket_id, conversation)
