"""Short ways to say what routing is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.vocabulary import Language, Level
from services.router.domain.roster import Roster
from services.router.domain.work import Technician, Work

NOON = datetime(2026, 1, 7, 12, 0, tzinfo=UTC)


def work(ticket_id: str, *, queued_minutes: float = 0, due_minutes: float | None = None, **changes: Any) -> Work:
    """Work that anyone may take; times are minutes after `NOON`."""
    stated: dict[str, Any] = {
        "generation": 1,
        "priority": "P2",
        "skills": (),
        "level": Level.L1,
        "language": Language.EN,
        "weight": 1,
        "queued_at": NOON + timedelta(minutes=queued_minutes),
        "due_at": None if due_minutes is None else NOON + timedelta(minutes=due_minutes),
    }
    return Work(ticket_id, **{**stated, **changes})


def technician(technician_id: str, *skills: str, **changes: Any) -> Technician:
    """A technician on the roster, available, with room for five."""
    stated: dict[str, Any] = {"languages": (Language.EN,), "capacity": 5, "rostered": True}
    return Technician(technician_id, tuple(sorted(skills)), **{**stated, **changes})


def roster_of(*technicians: Technician, **loads: int) -> Roster:
    """A roster; keywords say what someone holds."""
    roster = Roster()
    for each in technicians:
        roster.replace(None, each)
    for technician_id, load in loads.items():
        roster.add_load(technician_id, load)
    return roster
