"""One ticket's life, read as the processor reads it, once under each side's policy.

Which facts are kept depends on the policy: `domain.reading` keeps those that its clocks look out for. So a history has
a track a side, or one for both where the policy is the same.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from schemas.ticket_events import PolicyChanged, TicketEvent, TicketOpened
from services.sla_monitor.adapters.terms import DirectoryTerms
from services.sla_monitor.domain import facts as f
from services.sla_monitor.domain.conditions import Profile
from services.sla_monitor.domain.facts import Fact, ordered
from services.sla_monitor.domain.instants import from_datetime
from services.sla_monitor.domain.policy import ALWAYS_ID, Policy, moved
from services.sla_monitor.domain.reading import READERS, Reader, heard, opening_facts, profile_of, status_of
from services.sla_monitor.domain.what_if import Judged
from services.sla_monitor.handlers import calendars_of

OPENED: Final = TicketOpened.type_name
MOVED: Final = PolicyChanged.type_name
_READERS: Final[dict[str, Reader]] = {contract.type_name: reader for contract, reader in READERS.items()}
TOLD: Final = frozenset({OPENED, MOVED, *_READERS})
"""Type names of the events that a history takes in; all others say nothing to the clocks."""


class Track:
    """The facts of a ticket under one side's policy, as the processor would have kept them."""

    __slots__ = ("_facts", "_first", "_policy", "_priority", "_profile", "_status", "_terms", "_then")

    def __init__(
        self, opened: TicketOpened, at_us: int, profile: Profile, policy: Policy, terms: DirectoryTerms
    ) -> None:
        self._terms = terms
        self._profile = profile
        self._first = self._policy = policy
        self._then: tuple[tuple[Policy, str | None], ...] = ()
        self._priority = opened.priority
        self._status = status_of(opened, policy)
        self._facts = opening_facts(opened, at_us, policy)

    def take(self, reader: Reader, data: TicketEvent, at_us: int) -> None:
        """Take in an event."""
        facts, self._priority, self._status = heard(reader, data, at_us, self._policy, self._priority, self._status)
        self._facts += facts

    def move(self, data: PolicyChanged, at_us: int) -> None:
        """Go by another policy from here on, if there is such a version."""
        policy = self._terms.find(data.policy_id, data.policy_version)
        if policy is not None:
            self._then = (*self._then, (policy, policy.calendar_for(self._profile)))
            self._policy = moved(self._first, self._then)
            self._facts.append(Fact(at_us, data.sequence, f.POLICY, policy.ref))

    def hears_as(self, other: Track) -> bool:
        """Whether both keep the same facts of every event."""
        one, two = self._policy, other._policy
        return (one.watched, one.statuses, one.rules.plan.valued) == (two.watched, two.statuses, two.rules.plan.valued)

    def hear(self, other: Track) -> None:
        """Take over what another track that hears the same has heard so far."""
        self._facts, self._priority, self._status = list(other._facts), other._priority, other._status

    def judged(self) -> Judged:
        """What the verdict is made from."""
        calendars = calendars_of(self._terms, self._first.calendar_for(self._profile))
        return Judged(ordered(self._facts), self._policy, calendars)


class History:
    """The events of one ticket, `take`n in the ledger's order. `pool` and `technician_id` are the last ones named."""

    __slots__ = ("_alike", "_now", "_sequence", "_then", "opened_us", "pool", "technician_id", "ticket_id")

    def __init__(self, opened: TicketOpened, opened_at: datetime, now: DirectoryTerms, then: DirectoryTerms) -> None:
        self.ticket_id = opened.ticket_id
        self.opened_us = from_datetime(opened_at)
        self.pool = opened.pool
        self.technician_id: str | None = None
        self._sequence = opened.sequence
        profile = profile_of(opened)
        policies = now.at_opening(profile, opened_at), then.at_opening(profile, opened_at)
        self._now = Track(opened, self.opened_us, profile, policies[0], now)
        self._then = self._now
        if not _is_same(profile, policies, (now, then)):
            self._then = Track(opened, self.opened_us, profile, policies[1], then)
        self._alike = self._then.hears_as(self._now)

    def take(self, type_name: str, data: Any, occurred_at: datetime) -> None:
        """Take in an event whose type is in `TOLD`; a copy of one that was taken in before changes nothing."""
        if data.sequence <= self._sequence or type_name == OPENED:
            return
        self._sequence = data.sequence
        at_us = from_datetime(occurred_at)
        if type_name == MOVED:
            self._move(data, at_us)
        else:
            self._now.take(_READERS[type_name], data, at_us)
            if not self._alike:
                self._then.take(_READERS[type_name], data, at_us)
        self.pool = getattr(data, "pool", None) or self.pool
        self.technician_id = getattr(data, "technician_id", None) or self.technician_id

    def _move(self, data: PolicyChanged, at_us: int) -> None:
        self._catch_up()
        self._now.move(data, at_us)
        if self._then is not self._now:
            self._then.move(data, at_us)
            self._alike = False

    def _catch_up(self) -> None:
        """While both tracks hear the same, only today's is written."""
        if self._alike and self._then is not self._now:
            self._then.hear(self._now)

    def judged(self) -> tuple[Judged, Judged]:
        """Both sides; one and the same object where nothing about this ticket would be different."""
        self._catch_up()
        now = self._now.judged()
        return now, now if self._then is self._now else self._then.judged()


def _is_same(profile: Profile, policies: tuple[Policy, Policy], terms: tuple[DirectoryTerms, DirectoryTerms]) -> bool:
    """Whether both sides judge a ticket alike: the same text of the policy, and calendars of the same data."""
    now, then = policies
    if now != then:
        return False
    ids = {now.calendar_for(profile)} | {
        None if target.calendar_id in {None, ALWAYS_ID} else target.calendar_id
        for named in now.targets.values()
        for target in named.values()
    }
    return all(terms[0].calendar(each).hours == terms[1].calendar(each).hours for each in ids)
