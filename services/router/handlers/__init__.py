"""What each event of a pool changes, and which assignments follow: load, decide, emit.

Reading order: `topology` (which event goes where, and what it changes), `step` (one decision in the making: who gets
what), `overflow` and `release` (what becomes of work that nobody takes, or whose technician is gone), `timers` (what of
a state comes due, and when), `turns` (what was decided together), `effects` (what the metrics hear).
"""

from services.router.handlers.effects import (
    ASSIGNED,
    BY_HAND,
    OVERFLOWED,
    QUEUED,
    RELEASED,
    AssignmentDecided,
    DeclineHeard,
    OwnerAlarmed,
)
from services.router.handlers.topology import router_topology

__all__ = [
    "ASSIGNED",
    "BY_HAND",
    "OVERFLOWED",
    "QUEUED",
    "RELEASED",
    "AssignmentDecided",
    "DeclineHeard",
    "OwnerAlarmed",
    "router_topology",
]
