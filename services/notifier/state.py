"""What the notifier keeps: of each ticket whom it may have to tell, of each delivery how far it is."""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from schemas.vocabulary import Language, Medium, Role
from services.notifier.domain.bundling import Item
from services.notifier.domain.nodes import Node
from services.notifier.domain.retry import Ending

TICKET_STATE_VERSION: Final = 1
DELIVERY_STATE_VERSION: Final = 1
TOLD_MAX: Final = 64
TOLD_ONCE_MAX: Final = 256
NOTICES_MAX: Final = 16
OFFERED_MAX: Final = 1_000


class Notice(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a clock said of a ticket: a warning (with the `percent` used up) or a breach."""

    node: Node
    target: str
    cycle: int
    priority: str
    percent: int | None
    due_at: datetime | None
    occurred_at: datetime


class Early(msgspec.Struct, frozen=True, array_like=True, tag="early", gc=False):
    """A ticket of which clocks were heard before its opening: the two topics are read side by side.

    The latest `NOTICES_MAX` are kept until the opening comes.
    """

    notices: tuple[Notice, ...]


class Known(msgspec.Struct, frozen=True, array_like=True, tag="known", gc=False):
    """A ticket whose requester may have to be told something.

    `last_sequence` is that of the last event dealt with, so what each event is told of need not be remembered. What
    sequences don't cover is, by digests of deliveries already requested: `told_once` of what a cycle has once, of this
    cycle (as many as there are nodes and people, `TOLD_ONCE_MAX` at most), `told` of what clocks said, the latest
    `TOLD_MAX`. `notices` wait until the ticket has a pool, since its people are who is told of them. Once the ticket
    `ended` all are emptied, and the contact stays only for a survey or a reopening.
    """

    tenant: str
    last_sequence: int
    cycle: int
    priority: str
    requester_id: str
    language: Language
    subject_line: str
    name: str | None = None
    address: str | None = None
    pool: str | None = None
    assignee: str | None = None
    told: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()
    ended: bool = False
    told_once: tuple[str, ...] = ()


class Gone(msgspec.Struct, frozen=True, array_like=True, tag="gone", gc=False):
    """A ticket that ended long ago: remembered so that old events do nothing."""

    last_sequence: int


TicketState: TypeAlias = Early | Known | Gone


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is delivered; kept while it may have to be sent again."""

    address: str
    language: Language
    subject: str
    body: str
    requested_at: datetime


class Told(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One ticket's part of a bundle: the delivery that it stands for."""

    ticket_id: str
    delivery_id: str
    node: str
    role: Role


class Underway(msgspec.Struct, frozen=True, array_like=True, tag="underway", gc=False):
    """A delivery that is being made.

    `attempt` is the number of the last attempt begun, from 1; `started` says whether its result is still awaited, or
    a further one waits for its time. `silences` counts attempts that nothing came back from. `parts` are the tickets of
    a bundle.
    """

    tenant: str
    ticket_id: str
    node: str
    role: Role
    medium: Medium
    give_up_at: datetime
    message: Message
    attempt: int
    started: bool
    silences: int = 0
    parts: tuple[Told, ...] = ()


class Finished(msgspec.Struct, frozen=True, array_like=True, tag="finished", gc=False):
    """A delivery that ended. What it said and to whom is forgotten; of a bundle which tickets it told of is kept."""

    tenant: str
    ticket_id: str
    node: str
    role: Role
    medium: Medium
    attempt: int
    ending: Ending
    parts: tuple[Told, ...] = ()


class Gathered(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What waits to go out together until `flush_at`: at most `bundling.PARTS_MAX` messages.

    `subject` and `body` are those of a message that is alone, else empty.
    """

    medium: Medium
    address: str
    language: Language
    items: tuple[Item, ...]
    subject: str
    body: str
    flush_at: datetime
    give_up_at: datetime
    directory_version: int


class Recipient(msgspec.Struct, frozen=True, array_like=True, tag="recipient", gc=False):
    """One address that bundles are gathered for.

    `passed` messages went at once within the window until `window_ends_at`. `offered` are the digests of what was
    offered lately, the latest `OFFERED_MAX`: an offer that comes again does nothing, and once its time to be delivered
    is over it would be refused anyway. So nothing has to be remembered after `forget_at`.
    """

    tenant: str
    forget_at: datetime
    window_ends_at: datetime | None = None
    passed: int = 0
    gathered: Gathered | None = None
    offered: tuple[str, ...] = ()


DeliveryState: TypeAlias = Underway | Finished | Recipient
