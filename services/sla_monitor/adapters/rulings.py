"""What a ticket is judged by, for those who look at the clocks from outside: the terms of its state, put together."""

from __future__ import annotations

from services.sla_monitor.adapters.terms import DirectoryTerms
from services.sla_monitor.domain.calendar import BusinessCalendar, Calendars
from services.sla_monitor.domain.policy import ALWAYS_ID, Policy, moved
from services.sla_monitor.state import Kept


class Rulings:
    """Answers from terms of its own: `DirectoryTerms` are for one thread, and the processor's has its."""

    def __init__(self, terms: DirectoryTerms) -> None:
        self._terms = terms

    def of(self, kept: Kept) -> tuple[Policy, Calendars]:
        """The policy and the calendars of a ticket, as the processor has them; never fails."""
        first, *rest = kept.regimes
        policy = self._terms.policy(first.policy_id, first.version)
        if rest:
            then = ((self._terms.policy(each.policy_id, each.version), each.calendar_id) for each in rest)
            policy = moved(policy, tuple(then))
        return policy, Calendars(self._terms.calendar(first.calendar_id), self._named)

    def _named(self, calendar_id: str) -> BusinessCalendar:
        return self._terms.calendar(None if calendar_id == ALWAYS_ID else calendar_id)
