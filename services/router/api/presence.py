"""Who is there: signs of life, and what people say of themselves.

The client of a technician sends a sign of life every few seconds with how they are there; when they stop coming, the
router is told that they are offline. Without a client presence is declared, and holds until it is declared otherwise.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, SecretStr

from schemas.directory import TechnicianDefined
from schemas.vocabulary import Presence
from services._runtime.clock import Clock
from services._runtime.web.access import COORDINATOR, STAFF, SYSTEM, bearer_with_role
from services._runtime.web.audited import Action
from services._runtime.web.closed_json import AsJson
from services._runtime.web.edge import traceparent_of
from services._runtime.web.problems import Problem
from services._runtime.web.tokens import Principal
from services.router.api.directory import DirectoryApi, EntityId
from services.router.api.directory_bodies import PresenceBody
from services.router.api.ports import Attendance


class Heard(BaseModel):
    """What was heard. `within_seconds`: send the next sign of life well before that."""

    technician_id: str
    presence: Presence
    within_seconds: int


def presence_router(
    secret: SecretStr, api: DirectoryApi, attendance: Attendance, clock: Clock, router: APIRouter, timeout_seconds: int
) -> APIRouter:
    """Add the routes to `router`, which audits what is refused."""
    staff = bearer_with_role(secret, clock, *STAFF)

    async def known(entity_id: EntityId, principal: Annotated[Principal, Depends(staff)]) -> TechnicianDefined:
        if principal.subject != entity_id and principal.roles.isdisjoint((COORDINATOR, SYSTEM)):
            raise Problem(403, "not-yourself", "Technicians speak for themselves; coordinators for everyone.")
        technician = api.technician(entity_id)
        if not technician.active:
            raise Problem(409, "off-the-roster", "They are not on the roster: PUT them with `active` true first.")
        return technician

    @router.post("/v1/technicians/{entity_id}/heartbeat", summary="A sign of life")
    async def heartbeat(
        technician: Annotated[Any, Depends(known)],
        principal: Annotated[Principal, Depends(staff)],
        body: Annotated[PresenceBody, AsJson()],
    ) -> Heard:
        """Offline is a good-bye. Only what is news is an event."""
        await attendance.beat(principal.tenant, technician.technician_id, technician.pool, body.presence)
        return Heard(technician_id=technician.technician_id, presence=body.presence, within_seconds=timeout_seconds)

    @router.put("/v1/technicians/{entity_id}/presence", summary="Say how someone is there")
    async def put_presence(
        request: Request,
        technician: Annotated[Any, Depends(known)],
        principal: Annotated[Principal, Depends(staff)],
        body: Annotated[PresenceBody, AsJson()],
    ) -> Heard:
        """Holds until it is said otherwise, or signs of life that have begun stop."""
        action = Action(principal, "put_presence", technician.technician_id, traceparent_of(request))
        await attendance.declare(technician.technician_id, technician.pool, body.presence, action)
        return Heard(technician_id=technician.technician_id, presence=body.presence, within_seconds=timeout_seconds)

    return router
