"""When messages to one person go out together, and what the bundle then says. Rules are data, in `rules/audience.yaml`.

What clocks say comes in bursts: after an outage everything that was missed, on a Monday morning everything that ran
over the weekend. Of what is late each person gets one bundle at the end of a window; of what is in time the first few
within a window at once, and the rest in a bundle. What is urgent and in time never waits.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from schemas.vocabulary import Medium, Role
from services.notifier.domain.addresses import folded
from services.notifier.domain.nodes import Node

RANKS: Final = {Node.SLA_WARNED: 0, Node.SLA_BREACHED: 1, Node.ESCALATED: 2}
"""What is bundled, and how far a clock has come by then: a bundle lists each clock once, as it stands."""

BUNDLE: Final = "bundle"
"""The node of a bundle, which is its own; each ticket in it keeps the node that it is told at."""
PARTS_MAX: Final = 100
"""Messages in one bundle: with a line each it stays within what one mail may hold."""


class Rules(NamedTuple):
    """The rules, checked.

    `windows` are how long a bundle is gathered, by priority, with a `default`; of several priorities in one bundle the
    shortest counts. `burst` is how many messages to one person go at once within a window. What is older than
    `late_after` is late. `at_once` are the priorities that never wait while they are in time.
    """

    windows: dict[str, timedelta]
    burst: int
    late_after: timedelta
    at_once: frozenset[str]

    def waits(self, node: Node, priority: str, age: timedelta) -> bool:
        """Whether a message may go out with others at all."""
        return node in RANKS and (age > self.late_after or priority not in self.at_once)


class Item(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One message in a bundle: whose it is, and the line that stands for it.

    `clock` is the target and its cycle, `rank` how far that had come (`RANKS`), `occurred_at` when it came due.
    """

    delivery_id: str
    ticket_id: str
    node: str
    role: Role
    clock: str
    rank: int
    line: str
    occurred_at: datetime


def recipient_key(secret: str, tenant: str, medium: Medium, address: str) -> str:
    """What all bundles of a person are gathered under: one address, whatever roles it has.

    A key holds no personal data, and a plain digest of an address can be found by trying addresses: hence the secret.
    """
    text = "\x1f".join(("bundle", tenant, medium, folded(address)))
    return f"to.{hmac.new(secret.encode(), text.encode(), sha256).hexdigest()[:32]}"


def bundle_id_of(items: Iterable[Item]) -> str:
    """The delivery id of a bundle: made of what it tells, each of which is told in one bundle only."""
    told = "\x1f".join(sorted(item.delivery_id for item in items))
    return f"{BUNDLE}.{sha256(told.encode()).hexdigest()[:20]}"


def in_due_order(items: Sequence[Item]) -> list[Item]:
    """The messages by when what they tell came due."""
    return sorted(items, key=lambda item: (item.occurred_at, item.ticket_id, item.rank))


def lines_of(items: Sequence[Item]) -> list[str]:
    """A line for each clock, in the order in which they came due first, each as far as it has come."""
    furthest: dict[tuple[str, str], Item] = {}
    for item in in_due_order(items):
        place = (item.ticket_id, item.clock)
        known = furthest.get(place)
        if known is None or item.rank >= known.rank:
            furthest[place] = item  # in the place of the first one
    return [item.line for item in furthest.values()]
