"""What a gateway took in, before it is known which thread it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from schemas.contract import replace
from schemas.directory import CustomerDefined
from schemas.ids import ticket_id
from schemas.parts import Requester
from schemas.vocabulary import Channel, Language, Tier

__all__ = ["Arrival", "with_profile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One message of a customer, at the moment `occurred_at` of its receipt.

    `conversation` names its thread without personal data; None where it stands alone. `references` are the channel's
    ids of earlier messages of the thread, nearest first. `signed_ticket_id` is a ticket that the message proves to
    belong to. `details` are further fields of `RequestReceived`, by name.
    """

    tenant: str
    channel: Channel
    external_id: str
    requester: Requester
    subject: str
    body: str
    occurred_at: datetime
    conversation: str | None = None
    references: tuple[str, ...] = ()
    signed_ticket_id: str | None = None
    traceparent: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)

    @property
    def own_ticket_id(self) -> str:
        """The ticket that the message opens, if it opens one."""
        return ticket_id(self.tenant, self.channel.value, self.external_id)


def with_profile(requester: Requester, customer: CustomerDefined | None, *, language: Language | None) -> Requester:
    """The requester (a struct) with what the directory says of its company; `language` is what it asked for itself."""
    if customer is None:
        return requester if language is None else replace(requester, language=language)
    # The stricter service holds: a person may be a VIP of a company that is none.
    tier = Tier.VIP if Tier.VIP in (requester.tier, customer.tier) else Tier.STANDARD
    return replace(
        requester,
        company=customer.company,
        tier=tier,
        contract=customer.contract,
        language=language or customer.language,
    )
