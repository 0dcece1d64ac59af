"""What clocks tell on `ticket.sla`, for those who read it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from schemas.ticket_sla import TargetBreached, TargetBreachRetracted, TargetCompleted, TargetMet, Verdict
from services._runtime.engine.driver import START

_OWN: Final[dict[Any, dict[str, Any]]] = {
    TargetBreached: {"segments": []},
    TargetMet: {"segments": [], "stopped_at": START},
    TargetCompleted: {"segments": [], "stopped_at": START, "verdict": Verdict.BREACHED},
    TargetBreachRetracted: {"reason": "late"},
}


def told(contract: Any, ticket_id: str, decided_at: datetime, **given: Any) -> Any:
    """The data of an event of a resolution target of a minute; `given` says what is otherwise, or more."""
    stated: dict[str, Any] = {
        "target": "resolution",
        "cycle": 1,
        "generation": 1,
        "priority": "P1",
        "pool": "north",
        "policy_id": "gold",
        "policy_version": 1,
        "started_at": START,
        "due_at": START,
        "budget_seconds": 60.0,
        "elapsed_seconds": 60.0,
        "position": "p",
    }
    return contract.new(ticket_id=ticket_id, decided_at=decided_at, **{**stated, **_OWN.get(contract, {}), **given})
