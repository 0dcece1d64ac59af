"""Short ways to say what routing is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.vocabulary import Language, Level
from services.router.domain.assignment import Choice, choose, choose_wanted
from services.router.domain.policy import Policy
from services.router.domain.roster import Roster
from services.router.domain.work import Technician, Work, requirement_of

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
        "waiting_since": NOON,
        "due_at": None if due_minutes is None else NOON + timedelta(minutes=due_minutes),
    }
    return Work(ticket_id, **{**stated, **changes})


def technician(technician_id: str, *skills: str, **changes: Any) -> Technician:
    """A technician on the roster, available, with room for five."""
    stated: dict[str, Any] = {"languages": (Language.EN,), "capacity": 5, "rostered": True}
    return Technician(technician_id, tuple(sorted(skills)), **{**stated, **changes})


def roster_of(*technicians: Technician, policy: Policy | None = None, **loads: int) -> Roster:
    """A roster at `NOON`; keywords say what someone holds."""
    roster = Roster(policy or Policy())
    for each in technicians:
        roster.replace(None, each)
    for technician_id, load in loads.items():
        roster.add_load(technician_id, load)
    roster.advance(NOON)
    return roster


def chosen(offered: Work, roster: Roster, now: datetime = NOON) -> Choice:
    """Who gets the work at `now`."""
    roster.advance(now)
    return choose(offered, requirement_of(offered, roster.policy, now), roster)


def chosen_by_hand(offered: Work, technician_id: str, roster: Roster) -> Choice:
    """The same where a coordinator names the technician."""
    return choose_wanted(offered, requirement_of(offered, roster.policy, NOON), technician_id, roster)
