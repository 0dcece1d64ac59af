"""Deliveries on their way: `notifier.outbox` and `notifier.results` (key: delivery id), `ticket.notifications`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.contract import Contract, Instant, Part, Personal
from schemas.vocabulary import Count, Language, Line, Medium, Name, Role, Sequence, Text, TicketId


class Outcome(StrEnum):
    """What came of one attempt."""

    SENT = "sent"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    BOUNCED = "bounced"


class Bundling(Part):
    """How a message may go out together with others to the same person.

    `hold`: it waits for the end of the window, for it is late and likely one of many. Others go at once until `burst`
    of them have within a window; then they wait too. In a bundle `line` stands for it. `clock` is what it is about (a
    target and its cycle) and `rank` how far that has come: of a clock only the furthest is listed.
    """

    hold: bool
    window_seconds: Annotated[float, Field(gt=0)]
    burst: Count
    line: Annotated[Line, Personal]
    clock: Name
    rank: Count


class Bundled(Part):
    """One message that a bundle stands for: the delivery of one ticket that would have been made otherwise."""

    ticket_id: TicketId
    delivery_id: Name
    node: Name
    role: Role


class DeliveryRequested(Contract, type_name="aftercare.delivery.requested.v1"):
    """One message to one recipient through one medium. Writer: the notifier.

    `delivery_id` is made of ticket, node, cycle, recipient and medium: the same node never tells twice.
    `decided_at` and `position` say when and on which input it was decided, `directory_version` how many records of the
    directory had been read then, all kinds: by them went address, language, names and wording.

    With `bundling` it is an offer to the bundles of its recipient, under that one's key; what comes of it is requested
    anew. With `parts` it is a bundle, of which ticket, node and role are those of the part that came due first.
    """

    delivery_id: Name
    ticket_id: TicketId
    node: Name
    role: Role
    medium: Medium
    address: Annotated[Line, Personal]
    language: Language
    subject: Annotated[Line, Personal]
    body: Annotated[Text, Personal]
    give_up_at: Instant
    decided_at: Instant
    position: Line
    directory_version: Count
    bundling: Bundling | None = None
    parts: list[Bundled] = []


class DeliveryAttempted(Contract, type_name="aftercare.delivery.attempted.v1"):
    """What came of attempt number `attempt`. Writer: the senders. `detail` holds no personal data."""

    delivery_id: Name
    attempt: Sequence
    outcome: Outcome
    detail: Line


class NotificationEvent(Contract):
    """What every outcome of a delivery states. Writer: the notifier's delivery, of a suppression the notifier.

    `decided_at` and `position` say when and on which input it was decided.
    `bundle_id` is the delivery that it went out in with others; each of them has its own outcome on its own ticket.
    """

    ticket_id: TicketId
    delivery_id: Name
    node: Name
    role: Role
    medium: Medium
    attempt: Sequence
    decided_at: Instant
    position: Line
    bundle_id: Name | None = None


class NotificationSent(NotificationEvent, type_name="aftercare.notification.sent.v1"):
    """The next hop took the message."""


class NotificationFailed(NotificationEvent, type_name="aftercare.notification.failed.v1"):
    """Given up, with the last reason."""

    reason: Line


class NotificationSuppressed(NotificationEvent, type_name="aftercare.notification.suppressed.v1"):
    """Not sent on purpose, and why (no address, preference).

    `directory_version` is that of the request which was not made (`DeliveryRequested`).
    """

    reason: Line
    directory_version: Count


class NotificationBounced(NotificationEvent, type_name="aftercare.notification.bounced.v1"):
    """Taken, then returned."""

    reason: Line


class NotificationUnknown(NotificationEvent, type_name="aftercare.notification.unknown.v1"):
    """An attempt was started and nothing came back: it may or may not have arrived."""

    reason: Line
