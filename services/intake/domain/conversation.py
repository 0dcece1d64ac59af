"""What is remembered of a conversation: its open ticket, and which messages were acted on.

A message joins the ticket that the gateway knows it belongs to (a signed reference, the thread index), else the one
that its conversation is about, as long as that is recent; else it opens one of its own.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from schemas.intake_requests import RequestReceived
from schemas.vocabulary import Channel
from services.intake.domain.rules import Threading
from services.intake.domain.ticket import fingerprint

MESSAGES_REMEMBERED: Final = 32
"""How many of the latest messages of a conversation are known again."""
TEXT_CHARACTERS: Final = 100_000
"""What `vocabulary.Text` takes."""


class Conversation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`ticket_id` is what it was about last, `last_at` when its latest message was written (its `occurred_at`).

    `seen` are fingerprints of channel and external id of the latest messages.
    """

    ticket_id: str
    last_at: datetime
    seen: tuple[int, ...] = ()


def store_key(tenant: str, conversation: str) -> str:
    """Where a conversation is kept: two tenants may well use one name, and must never share a ticket."""
    return f"{tenant.replace('%', '%25').replace('/', '%2F')}/{conversation}"


def mark_of(request: RequestReceived) -> int:
    """The fingerprint by which a message is known again."""
    return fingerprint(f"{request.channel.value}\n{request.external_id}")


def ticket_of(
    request: RequestReceived, occurred_at: datetime, conversation: Conversation | None, threading: Threading
) -> str | None:
    """The ticket that a message belongs to, None for one of its own."""
    if request.known_ticket_id is not None:
        return request.known_ticket_id
    open_seconds = threading.open_seconds.get(request.channel)
    if conversation is None or open_seconds is None:
        return None
    still_open = occurred_at - conversation.last_at <= timedelta(seconds=open_seconds)
    return conversation.ticket_id if still_open else None


def with_message(conversation: Conversation | None, ticket_id: str, occurred_at: datetime, mark: int) -> Conversation:
    """The conversation after one more message, which belongs to `ticket_id`."""
    if conversation is None:
        return Conversation(ticket_id, occurred_at, (mark,))
    seen = (*conversation.seen[1 - MESSAGES_REMEMBERED :], mark)
    return Conversation(ticket_id, max(conversation.last_at, occurred_at), seen)


def forgotten_at(conversation: Conversation, channel: Channel, now: datetime, threading: Threading) -> datetime:
    """When nothing about the conversation needs to be known any more."""
    open_seconds = threading.open_seconds.get(channel, 0.0)
    return max(
        now + timedelta(seconds=threading.remember_seconds), conversation.last_at + timedelta(seconds=open_seconds)
    )


def text_of(request: RequestReceived) -> str:
    """What a further message says: its body, and what it fills in of the template, cut to what an event takes."""
    parts = [request.body]
    if request.steps_to_reproduce:
        parts.append(request.steps_to_reproduce)
    if request.screenshot_url:
        parts.append(request.screenshot_url)
    return "\n\n".join(parts)[:TEXT_CHARACTERS]
