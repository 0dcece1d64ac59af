"""Who let the time for accepting a ticket pass gets it again, but not at once: until then they count as declining it.

Were it for ever, an outage in which nobody could accept would leave the ticket to nobody, though all are back. Who gave
it back with a word never gets it again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from services.router.domain.policy import Policy
from services.router.domain.work import Missed, Work


def declining(
    declined_by: Collection[str], missed: Collection[Missed], policy: Policy, now: datetime
) -> tuple[str, ...]:
    """Who does not get the ticket at `now`, sorted: those who declined, and those who missed it and rest."""
    if not declined_by and not missed:
        return ()
    return tuple(sorted({*declined_by, *(each.technician_id for each in missed if _rests(each, policy, now))}))


def only_missed(missed: Iterable[Missed], declined_by: Iterable[str]) -> tuple[Missed, ...]:
    """Those who missed the ticket and never declined it: the others' rest has no end."""
    gave_back = set(declined_by)
    return tuple(sorted((each for each in missed if each.technician_id not in gave_back), key=_by_name))


def rested(work: Work, policy: Policy, now: datetime) -> Work:
    """The work as it may go again to those whose rest is over by `now`; the same where there are none.

    A rest that is over stays so, though another policy would have made it longer.
    """
    if not work.missed:
        return work
    over = {each.technician_id for each in work.missed if not _rests(each, policy, now)}
    if over.isdisjoint(work.declined_by):
        return work
    return msgspec.structs.replace(work, declined_by=tuple(each for each in work.declined_by if each not in over))


def in_the_end(work: Work, policy: Policy) -> Work:
    """The work as it is once everyone has rested: who still declines it then never gets it."""
    if not work.missed or policy.missed_rests_seconds is None:
        return work
    missed = {each.technician_id for each in work.missed}
    return msgspec.structs.replace(work, declined_by=tuple(each for each in work.declined_by if each not in missed))


def rests_end_at(work: Work, policy: Policy) -> Iterator[datetime]:
    """The instants, in no order, at which someone may get the work again."""
    if policy.missed_rests_seconds is not None:
        for each in work.missed:
            yield each.missed_at + timedelta(seconds=policy.missed_rests_seconds)


def _rests(missed: Missed, policy: Policy, now: datetime) -> bool:
    rests_seconds = policy.missed_rests_seconds
    return rests_seconds is None or now < missed.missed_at + timedelta(seconds=rests_seconds)


def _by_name(missed: Missed) -> str:
    return missed.technician_id
