"""What a ticket's clocks know: a short list of facts, ordered by when they happened.

Facts arrive in the order of the ledger, which is not always the order in which they happened: a mail may be read late.
They are kept by `(at_us, sequence)`, so that a late one takes its place and at the same instant the ledger's order
stands.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

import msgspec

OPENED: Final = "opened"
ASSIGNED: Final = "assigned"
AGENT_REPLIED: Final = "agent_replied"
CUSTOMER_REPLIED: Final = "customer_replied"
STATUS: Final = "status"
PRIORITY: Final = "priority"
RESOLVED: Final = "resolved"
CLOSED: Final = "closed"
REOPENED: Final = "reopened"
CANCELLED: Final = "cancelled"
"""The ticket was withdrawn or merged into another: clocks stop without a verdict, unless they were breached."""
REGISTERED: Final = "registered"
"""The request became a ticket."""
QUEUED: Final = "queued"
ACCEPTED: Final = "accepted"
DECLINED: Final = "declined"
ESCALATED: Final = "escalated"
ESCALATION_REQUESTED: Final = "escalation_requested"
"""Someone asked for an escalation by hand."""
ACKNOWLEDGED: Final = "acknowledged"
PLAN_WANTED: Final = "plan_wanted"
"""An escalation asked for a handling plan."""
PLAN_SUBMITTED: Final = "plan_submitted"
CUSTOMER_NOTIFIED: Final = "customer_notified"
"""The customer was told of the solution."""
SURVEY_OFFERED: Final = "survey_offered"
SURVEY_WAIVED: Final = "survey_waived"
RATED_LOW: Final = "rated_low"
POLICY: Final = "policy"
"""The ticket goes by another policy from here on; the value names it (`policy_ref`)."""

KINDS: Final = (
    OPENED,
    ASSIGNED,
    AGENT_REPLIED,
    CUSTOMER_REPLIED,
    STATUS,
    PRIORITY,
    RESOLVED,
    CLOSED,
    REOPENED,
    REGISTERED,
    QUEUED,
    ACCEPTED,
    DECLINED,
    ESCALATED,
    ESCALATION_REQUESTED,
    ACKNOWLEDGED,
    PLAN_WANTED,
    PLAN_SUBMITTED,
    CUSTOMER_NOTIFIED,
    SURVEY_OFFERED,
    SURVEY_WAIVED,
    RATED_LOW,
)
"""What a case may hold. The first nine are the words of shared/sla-cases.md; the others have no value, but may."""

ALL_KINDS: Final = (*KINDS, CANCELLED, POLICY)
"""Every kind. What is kept of a ticket names them by their place here: new ones go to the end."""

ENDED: Final = "ended"
"""In a clock's conditions: whatever ends a ticket that is not resolved yet, `resolved` or `closed`."""

ENDS: Final = frozenset({RESOLVED, CLOSED, CANCELLED})
REPLIES: Final = frozenset({AGENT_REPLIED, CUSTOMER_REPLIED})

MAX_FACTS: Final = 256
"""Beyond this a ticket's history is condensed (`condense.py`)."""


class Fact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing that happened at `at_us`.

    `value` is the priority of `opened` and `priority`, the status of `status`, the pool of `assigned` and `queued`,
    the support level of `escalated`, the `target:cycle` of `acknowledged` (None: all that run), the policy of `policy`.
    `sequence` is the ledger's number of the event, or the place in a case.
    """

    at_us: int
    sequence: int
    kind: str
    value: str | None = None


class Past(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What remains of facts that were let go: how many cycles of each target they held.

    `settled_us` is when the ticket ended with everything up to then let go, `priority` and `policy` what was then in
    force; None while its opening is still among the facts (`policy` also for the one it began with). `closed`: that end
    was its closing.
    """

    settled_us: int | None = None
    priority: str | None = None
    numbers: dict[str, int] = {}
    policy: str | None = None
    closed: bool = False


NO_PAST: Final = Past()


def ordered(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """The facts as they happened: by instant, then by sequence, then as given."""
    return tuple(sorted(facts, key=_place))


def insert(facts: tuple[Fact, ...], fact: Fact) -> tuple[Fact, ...]:
    """Ordered facts with one more in its place: after those at the same instant with the same or a lower sequence."""
    if not facts or _place(facts[-1]) <= _place(fact):
        return (*facts, fact)
    place = bisect_right(facts, _place(fact), key=_place)
    return (*facts[:place], fact, *facts[place:])


def _place(fact: Fact) -> tuple[int, int]:
    return fact.at_us, fact.sequence
