"""What a delivery is called, and what one attempt at it carries."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from schemas.notifications import Outcome
from schemas.vocabulary import Language, Medium
from services.notifier.domain.nodes import Node

DIGEST_CHARACTERS: Final = 20
"""80 bits: enough that no two deliveries of a ticket meet."""


class Identity(msgspec.Struct, frozen=True):
    """What makes a delivery that one and no other.

    `occurrence` tells repetitions of a node within a cycle apart (the event's sequence, the target of a warning); ""
    where a cycle has the node once. `recipient` is an id of a person or a post, never an address: the delivery id
    becomes a key, and keys hold no personal data.
    """

    ticket_id: str
    node: Node
    cycle: int
    occurrence: str
    recipient: str
    medium: Medium


class Attempt(msgspec.Struct, frozen=True):
    """One attempt at a delivery, for the sender: the effect that the processor hands over after its commit.

    It may begin before `begin_before` only: then it has ended, and its result is written, before `result_due_at`, when
    the processor takes it for silent. So two attempts at one delivery never run at the same time. `bundled`: it tells
    of several tickets, so an answer to it belongs to none of them.
    """

    delivery_id: str
    ticket_id: str
    tenant: str
    number: int
    medium: Medium
    address: str
    language: Language
    subject: str
    body: str
    requested_at: datetime
    begin_before: datetime
    result_due_at: datetime
    bundled: bool = False


class Report(NamedTuple):
    """What is known of an attempt. `detail` has codes and our own words only: servers quote addresses."""

    outcome: Outcome
    detail: str


def digest_of(identity: Identity) -> str:
    """Return the part of the delivery id that no other delivery of the ticket has."""
    parts = (
        identity.ticket_id,
        identity.node,
        str(identity.cycle),
        identity.occurrence,
        identity.recipient,
        identity.medium,
    )
    return sha256("\x1f".join(parts).encode()).hexdigest()[:DIGEST_CHARACTERS]


def delivery_id_of(identity: Identity) -> str:
    """Return the delivery id: the same for the same identity, readable in logs, at most 102 characters."""
    return f"{identity.ticket_id}.{identity.node}.{digest_of(identity)}"
