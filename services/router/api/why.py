"""`GET /v1/assignments/{ticket}/why`: who was looked at for a ticket, what dropped them, and what weighed for whom."""

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Path, Query
from pydantic import SecretStr

from schemas.ids import find_ticket_id
from services._runtime.clock import Clock
from services._runtime.web.access import STAFF, bearer_with_role
from services._runtime.web.problems import Problem
from services._runtime.web.tokens import Principal
from services.router.api.ports import Reasons
from services.router.domain.reasons import LogTooLongError, UnknownDecisionError, Why

CANDIDATES_MAX: Final = 10_000

TicketIdInPath = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9-]{3,64}$", description="As in `T-8ZKD-3M0Q-V7XA-2HRC`; letters in any case.")
]


def why_router(secret: SecretStr, reasons: Reasons, clock: Clock) -> APIRouter:
    """The route, also under `/assignments/{ticket}/why`. Staff only: it tells of people."""
    router = APIRouter(tags=["decisions"])
    staff = bearer_with_role(secret, clock, *STAFF)

    @router.get("/assignments/{ticket_id}/why", include_in_schema=False)
    @router.get("/v1/assignments/{ticket_id}/why", summary="Why a ticket was assigned as it was")
    async def why(
        ticket_id: TicketIdInPath,
        principal: Annotated[Principal, Depends(staff)],
        generation: Annotated[int | None, Query(ge=1, description="Of the offer; the last one if left out.")] = None,
        limit: Annotated[int, Query(ge=1, le=CANDIDATES_MAX, description="Candidates at most.")] = 200,
    ) -> dict[str, Any]:
        """The decision made again from the router's logs, and `equal`: whether it comes to what was told then.

        Each candidate has the verdict of every filter (true keeps), the first one that dropped them, what each weigher
        gave times its factor, the sum, and their place among those who might have the ticket.
        """
        known_id = find_ticket_id(ticket_id) or ticket_id
        try:
            found = await reasons.why(principal.tenant, known_id, generation)
        except UnknownDecisionError as error:
            detail = f"{str(error).capitalize()}. A decision can be shown for as long as both logs are kept."
            raise Problem(404, "decision-not-found", detail) from error
        except LogTooLongError as error:
            detail = f"{error}: run `python -m services.router why {known_id}`, which reads however much there is."
            raise Problem(422, "replay-too-long", detail) from error
        return shown(found, limit)

    return router


def shown(found: Why, limit: int) -> dict[str, Any]:
    """The answer, with the first of the candidates and how many there are."""
    plain: dict[str, Any] = msgspec.to_builtins(found)
    candidates = plain.pop("candidates")
    return {**plain, "candidates_count": len(candidates), "candidates": candidates[:limit]}
