"""What the metrics hear of a decision, once it is committed."""

from __future__ import annotations

from typing import Final

import msgspec

ASSIGNED: Final = "assigned"
BY_HAND: Final = "by_hand"
OVERFLOWED: Final = "overflowed"
QUEUED: Final = "queued"
RELEASED: Final = "released"


class AssignmentDecided(msgspec.Struct, frozen=True, gc=False):
    """What became of an offer (`ASSIGNED`, `BY_HAND`, `OVERFLOWED`, `QUEUED`, `RELEASED`).

    `waited_seconds` runs since the ticket first queued; never negative, though clocks of two machines may differ.
    """

    outcome: str
    waited_seconds: float
    priority: str = ""


class DeclineHeard(msgspec.Struct, frozen=True, gc=False):
    """A technician gave an assignment back, or let its time-out pass (`in_time` false)."""

    pool: str
    in_time: bool


class OwnerAlarmed(msgspec.Struct, frozen=True, gc=False):
    """A pool's owner (or, where there is none, whoever watches) was alarmed of a ticket; `reason` as in the event."""

    pool: str
    reason: str
