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

KINDS: Final = (OPENED, ASSIGNED, AGENT_REPLIED, CUSTOMER_REPLIED, STATUS, PRIORITY, RESOLVED, CLOSED, REOPENED)
"""What a case may hold; the words are those of shared/sla-cases.md."""

ENDS: Final = frozenset({RESOLVED, CLOSED, CANCELLED})
REPLIES: Final = frozenset({AGENT_REPLIED, CUSTOMER_REPLIED})

MAX_FACTS: Final = 256
"""Beyond this a ticket's history is condensed (`condense.py`)."""


class Fact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing that happened at `at_us`. `value` is the priority of `opened` and `priority`, the status of `status`.

    `sequence` is the ledger's number of the event, or the place in a case.
    """

    at_us: int
    sequence: int
    kind: str
    value: str | None = None


class Past(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What remains of facts that were let go: how many cycles they held.

    `settled_us` is when the ticket was resolved with everything before it let go, and `priority` the one then in
    force; both None while its opening is still among the facts.
    """

    settled_us: int | None = None
    priority: str | None = None
    resolutions: int = 0
    responses: int = 0


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
