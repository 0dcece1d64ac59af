"""What tickets are judged by: the terms of a ticket's regimes put together, each combination once."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple, Protocol

from services.sla_monitor.domain.calendar import BusinessCalendar, Calendars
from services.sla_monitor.domain.conditions import Profile
from services.sla_monitor.domain.policy import ALWAYS_ID, Policy, moved
from services.sla_monitor.state import Kept, Regime

RULINGS_MAX: Final = 1_000
"""Combinations of policies and calendars that are kept ready."""


class Terms(Protocol):
    """Under which policy and calendar a ticket's clocks run. Answers quickly, without I/O, and never fails."""

    @property
    def changes(self) -> int:
        """Counts up when an answer may be another than before; until then what follows from answers can be kept."""

    def at_opening(self, profile: Profile, opened_at: datetime) -> Policy:
        """The policy for a ticket that is opened now: the first whose conditions hold."""
        ...

    def policy(self, policy_id: str, version: int) -> Policy:
        """The version that a ticket began with, or the next best where it is gone."""
        ...

    def find(self, policy_id: str, version: int) -> Policy | None:
        """A version that a ticket is to be moved to, None where it is unknown or can't be used."""
        ...

    def calendar(self, calendar_id: str | None) -> BusinessCalendar:
        """A calendar as it is today; None is 24/7."""
        ...


class Ruling(NamedTuple):
    """What one ticket's clocks are judged by."""

    policy: Policy
    calendar: Calendars


class Rulings:
    """Answers of terms, kept until the terms change: each due timer asks. For one thread, as the terms are."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._changes = terms.changes
        self._rulings: dict[tuple[Regime, ...], Ruling] = {}

    def of(self, kept: Kept) -> Ruling:
        """The policy and the calendars of a ticket; never fails."""
        changes = self._terms.changes
        if changes != self._changes or len(self._rulings) >= RULINGS_MAX:
            self._rulings.clear()
            self._changes = changes
        ruling = self._rulings.get(kept.regimes)
        if ruling is None:
            ruling = self._rulings[kept.regimes] = self._put_together(kept.regimes)
        return ruling

    def _put_together(self, regimes: tuple[Regime, ...]) -> Ruling:
        first, *then = ((self._terms.policy(each.policy_id, each.version), each.calendar_id) for each in regimes)
        policy = moved(first[0], tuple(then)) if then else first[0]
        return Ruling(policy, calendars_of(self._terms, regimes[0].calendar_id))


def calendars_of(terms: Terms, calendar_id: str | None) -> Calendars:
    """The calendar that a ticket goes by, with those that single targets may name."""

    def named(other_id: str) -> BusinessCalendar:
        return terms.calendar(None if other_id == ALWAYS_ID else other_id)

    return Calendars(terms.calendar(calendar_id), named)
