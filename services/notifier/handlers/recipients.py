"""Who is behind a role: the customer of a ticket, whoever works on it, and the people of its pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from schemas.directory import PoolDefined, TechnicianDefined, TemplateDefined
from schemas.vocabulary import Language, Medium, Role
from services.notifier.domain.addresses import folded, mailbox
from services.notifier.domain.audience import Audience
from services.notifier.handlers.news import News
from services.notifier.settings import NotifierSettings
from services.notifier.state import Known

NO_ADDRESS: Final = "no address is known"
BAD_ADDRESS: Final = "mail can't be sent to the address"
OWN_ADDRESS: Final = "the address is our own"


@dataclass(frozen=True, slots=True)
class Lookups:
    """What the directory is asked; each answers None for what it doesn't know, quickly and without I/O.

    `version` is how many of its records have been read: equal versions of two processes mean equal answers.
    """

    technician: Callable[[str], TechnicianDefined | None]
    pool: Callable[[str], PoolDefined | None]
    template: Callable[[str], TemplateDefined | None]
    version: Callable[[], int]


class Recipient(NamedTuple):
    """Someone in a role. `identity` names the person or the post and is no personal data."""

    role: Role
    identity: str
    address: str | None
    name: str
    language: Language


class Recipients:
    """Finds whom the rules name, and says who of them can't be written to."""

    def __init__(self, settings: NotifierSettings, audience: Audience, lookups: Lookups) -> None:
        self._audience = audience
        self._lookups = lookups
        self._staff_language = settings.notifier_staff_language
        self._own_addresses = frozenset(map(folded, settings.own_addresses))

    def of(self, ticket: Known, news: News) -> Iterator[tuple[Recipient, Medium]]:
        """Yield whom the rules name; the assignee's place is taken by the lead while nobody is assigned."""
        for told in self._audience.told(news.node, news.priority or ticket.priority):
            for role in (told.role,) if told.role is not None else news.escalated_to:
                if news.roles is not None and role not in news.roles:
                    continue
                stands_in = role is Role.ASSIGNEE and ticket.assignee is None
                yield self._one(ticket, Role.LEAD if stands_in else role), told.medium

    def _one(self, ticket: Known, role: Role) -> Recipient:
        if role is Role.REQUESTER:
            identity = f"requester:{ticket.requester_id}"
            return Recipient(role, identity, ticket.address, ticket.name or "", ticket.language)
        if role is Role.ASSIGNEE and ticket.assignee is not None:
            identity = f"technician:{ticket.assignee}"
            technician = self._lookups.technician(ticket.assignee)
            if technician is None:
                return Recipient(role, identity, None, "", self._staff_language)
            language = technician.languages[0] if technician.languages else self._staff_language
            return Recipient(role, identity, technician.email, technician.name, language)
        pool = self._lookups.pool(ticket.pool) if ticket.pool is not None else None
        return Recipient(role, f"{role}:{ticket.pool}", _address_of(role, pool), "", self._staff_language)

    def unreachable(self, recipient: Recipient) -> str | None:
        """Return why no mail can go to somebody, None where it can."""
        if not recipient.address:
            return NO_ADDRESS
        address = mailbox(recipient.address)
        if address is None:
            return BAD_ADDRESS
        return OWN_ADDRESS if folded(address) in self._own_addresses else None


def _address_of(role: Role, pool: PoolDefined | None) -> str | None:
    if pool is None:
        return None
    addresses = {
        Role.LEAD: pool.lead_email,
        Role.SUPERVISOR: pool.supervisor_email,
        Role.DIRECTOR: pool.director_email,
        # A pool without a team for emergencies has a director.
        Role.EMERGENCY_TEAM: pool.emergency_team_email or pool.director_email,
    }
    return addresses.get(role)
