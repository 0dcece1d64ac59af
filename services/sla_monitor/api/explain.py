"""`GET /v1/tickets/{id}/sla`: what the clocks of a ticket say now, by which policy, and what they consumed."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import SecretStr

from schemas.ids import find_ticket_id
from services._runtime.clock import Clock
from services._runtime.web.access import STAFF, bearer_with_role
from services._runtime.web.problems import Problem
from services._runtime.web.tokens import Principal
from services.sla_monitor.api.ports import Clocks, Rules
from services.sla_monitor.domain.explanation import explanation
from services.sla_monitor.domain.instants import from_datetime, to_text
from services.sla_monitor.state import TicketClocks, unpacked

TicketIdInPath = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9-]{3,64}$", description="As in `T-8ZKD-3M0Q-V7XA-2HRC`; letters in any case.")
]


def explain_router(secret: SecretStr, clocks: Clocks, rules: Rules, clock: Clock) -> APIRouter:
    """The route, also under `/tickets/{id}/sla`. Staff only: it tells of pools, pauses and escalations."""
    router = APIRouter(tags=["clocks"])
    staff = bearer_with_role(secret, clock, *STAFF)

    @router.get("/tickets/{ticket_id}/sla", include_in_schema=False)
    @router.get("/v1/tickets/{ticket_id}/sla", summary="What a ticket's clocks say, and why")
    async def sla(ticket_id: TicketIdInPath, principal: Annotated[Principal, Depends(staff)]) -> dict[str, Any]:
        """Each target's state, due time, elapsed and remaining seconds, the open stretches and pauses it consumed.

        Earlier cycles and generations are in it, so that a reopening or a changed priority hides no breach. The answer
        is made by the function that decides in production, from the state that the deciding process committed last.
        """
        known_id = find_ticket_id(ticket_id) or ticket_id
        state = await clocks.state(principal.tenant, known_id)
        if state is None:
            raise Problem(404, "ticket-not-found", "No clock of such a ticket is known. A new one appears shortly.")
        return explained(known_id, state, rules, clock.now())

    return router


def explained(ticket_id: str, state: TicketClocks, rules: Rules, now: datetime) -> dict[str, Any]:
    """The answer for a state at `now`.

    `condensed`: what lies before the last end of the ticket was let go, only counts are left.
    """
    kept = unpacked(state)
    policy, calendar = rules.of(kept)
    now_us = from_datetime(now)
    past = kept.clocks.past
    return {
        "ticket_id": ticket_id,
        "at": to_text(now_us),
        "sequence": state.sequence,
        "policies": [
            {"policy_id": each.policy_id, "version": each.version, "calendar_id": each.calendar_id}
            for each in kept.regimes
        ],
        "calendar_version": calendar.of(None).version or None,
        "priority": kept.profile.priority,
        "pool": kept.profile.pool or None,
        "condensed": past.settled_us is not None,
        "targets": explanation(kept.clocks.facts, policy.rules, calendar, now_us, past),
    }
