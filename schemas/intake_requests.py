"""`intake.requests`: what arrived, as it arrived, in one envelope. Key: conversation. Writer: the gateways."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.contract import Contract, Personal
from schemas.parts import Requester
from schemas.vocabulary import Channel, Count, Impact, Line, Name, Text, TicketId, Urgency


class RequestReceived(Contract, type_name="aftercare.intake.request_received.v1"):
    """One message of a customer, from whichever channel.

    `external_id` is the channel's own id of the message (idempotency key, Message-ID); with tenant and channel
    it names the ticket that the message would open. `known_ticket_id` is what the gateway knows of the thread:
    a signed reference in the message, or the thread index in Redis. `automatic` names the reason why a message
    was not written by a person (RFC 3834), and is null for people.
    """

    channel: Channel
    external_id: Annotated[str, Field(min_length=1, max_length=512)]
    conversation: Annotated[str, Field(min_length=1, max_length=512)]
    requester: Requester
    subject: Annotated[Line, Personal]
    body: Annotated[Text, Personal]
    issue_type: Name | None = None
    product: Name | None = None
    version: Name | None = None
    impact: Impact | None = None
    urgency: Urgency | None = None
    users_affected_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    steps_to_reproduce: Annotated[Text | None, Personal] = None
    screenshot_url: Line | None = None
    known_ticket_id: TicketId | None = None
    in_reply_to: Annotated[list[Line], Field(max_length=64)] = []
    automatic: Line | None = None
    attachments: Count = 0
