"""`/v1/technicians`, `/v1/pools`, `/v1/teams`: who works where, with which skills and hours, and by which rules.

Coordinators and other systems change, all staff look. A change is answered once Kafka has the entity on its directory
topic, what the pool's router must know of it on `routing.work`, and the audit: each is an event. The same call again
writes the same again, so whoever hears 503 sends it once more.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Final, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import SecretStr

from schemas.contract import Contract, replace
from schemas.directory import CalendarDefined, PoolDefined, TechnicianDefined
from schemas.routing_policy import Shift
from schemas.vocabulary import Presence
from services._runtime.clock import Clock
from services._runtime.directory.directory import Directory
from services._runtime.web.access import COORDINATOR, STAFF, SYSTEM, bearer_with_role
from services._runtime.web.audited import Action
from services._runtime.web.closed_json import AsJson
from services._runtime.web.edge import traceparent_of
from services._runtime.web.problems import Problem, json_pointer
from services._runtime.web.tokens import Principal
from services.router.api.directory_bodies import PoolBody, RoutingBody, TeamBody, TechnicianBody
from services.router.api.ports import DirectoryWriter
from services.router.domain.entries import (
    Mistake,
    policy_mistakes,
    shift_mistakes,
    shift_of_calendar,
    skill_mistakes,
    skills_of,
)

PAGE_MAX: Final = 1_000
TEAM_MAX: Final = 1_000
"""Members of a team that is renamed or moved in one call."""

Found = TypeVar("Found")
EntityId = Annotated[str, Path(min_length=1, max_length=128)]


class DirectoryApi:
    """Checks changes against the directory as this process knows it, and has them written."""

    def __init__(self, directory: Directory, writer: DirectoryWriter) -> None:
        self._directory = directory
        self._writer = writer

    def technicians(self, pool: str | None, team: str | None) -> list[TechnicianDefined]:
        """Those of a pool or a team, by id."""
        return [
            each
            for each in self._directory.all(TechnicianDefined)
            if pool in (None, each.pool) and team in (None, each.team)
        ]

    def technician(self, technician_id: str) -> TechnicianDefined:
        """One of them; a Problem (404) if there is none."""
        return _found(self._directory.get(TechnicianDefined, technician_id), "technician", technician_id)

    def pools(self) -> list[PoolDefined]:
        """All pools, by name."""
        return list(self._directory.all(PoolDefined))

    def pool(self, pool: str) -> PoolDefined:
        """One of them; a Problem (404) if there is none."""
        return _found(self._directory.get(PoolDefined, pool), "pool", pool)

    async def put_technician(self, technician_id: str, body: TechnicianBody, action: Action) -> TechnicianDefined:
        """Put someone on the roster, change them, or (not `active`) take them off it; raises a Problem (422)."""
        known = self._directory.get(TechnicianDefined, technician_id)
        shift, mistakes = self._shift_of(body)
        if self._directory.get(PoolDefined, body.pool) is None:
            mistakes.append(_no_pool(body.pool))
        mistakes += skill_mistakes(body.skills)
        _refuse(mistakes)
        plain = body.model_dump(mode="json", exclude={"skill_levels", "shift_calendar", "shift", "skills"})
        entity = TechnicianDefined.closed_validate(
            {
                **plain,
                "technician_id": technician_id,
                "skills": skills_of(body.skills, body.skill_levels),
                "shift": shift,
                "presence": Presence.AVAILABLE if known is None else known.presence,
            }
        ).to_struct()
        await self._writer.write([entity], action)
        return entity

    async def put_pool(self, pool: str, body: PoolBody, action: Action) -> PoolDefined:
        """Make a pool, or change what it is called and whom it is for; its routing policy stays."""
        known = self._directory.get(PoolDefined, pool)
        routing = known.routing if known is not None else None
        entity = PoolDefined.closed_validate(
            {**body.model_dump(mode="json"), "pool": pool, "routing": routing}
        ).to_struct()
        await self._writer.write([entity], action)
        return entity

    async def put_routing(self, pool: str, body: RoutingBody, action: Action) -> PoolDefined:
        """Put the next version of a pool's rules in force; raises a Problem (409 for another version, 422)."""
        known = self.pool(pool)
        members = self.technicians(pool, None)
        present = known.routing.version if known.routing is not None else 0
        mistakes = list(
            policy_mistakes(
                body.policy, present, {each.team for each in members}, {each.technician_id for each in members}
            )
        )
        _refuse(mistakes, status=409 if any(each.path[-1] == "version" for each in mistakes) else 422)
        entity = replace(known, routing=body.policy.to_struct())
        await self._writer.write([entity], action)
        return entity

    async def change_team(self, pool: str, team: str, body: TeamBody, action: Action) -> list[TechnicianDefined]:
        """Rename a team, or move it to another pool, with all who are in it; raises a Problem (404, 422)."""
        members = [each for each in self.technicians(pool, team) if each.active]
        _found(members or None, "team", team)
        mistakes = []
        if body.team is None and body.pool is None:
            mistakes.append(Mistake((), "nothing is to change", "Send team, pool, or both."))
        if body.pool is not None and self._directory.get(PoolDefined, body.pool) is None:
            mistakes.append(_no_pool(body.pool))
        if len(members) > TEAM_MAX:
            mistakes.append(Mistake((), f"{len(members)} are in it", f"Move them one by one; {TEAM_MAX} go at once."))
        _refuse(mistakes)
        changed = [replace(each, team=body.team or team, pool=body.pool or pool) for each in members]
        await self._writer.write(changed, action)
        return changed

    def _shift_of(self, body: TechnicianBody) -> tuple[Shift | None, list[Mistake]]:
        if body.shift_calendar is None:
            shift = body.shift.to_struct() if body.shift is not None else None
            return shift, list(shift_mistakes(shift))
        if body.shift is not None:
            return None, [Mistake(("shift_calendar",), "the shift is given as well", "Send one of the two.")]
        calendar = self._directory.get(CalendarDefined, body.shift_calendar)
        if calendar is None:
            path = ("shift_calendar",)
            return None, [Mistake(path, f"no calendar {body.shift_calendar!r}", "Load it first, or send shift.")]
        shift = shift_of_calendar(calendar)
        return shift, list(shift_mistakes(shift))


def directory_router(secret: SecretStr, api: DirectoryApi, clock: Clock, router: APIRouter) -> APIRouter:
    """Add the routes to `router`, which audits what is refused. Each endpoint's name is the action in the audit."""
    _add_queries(router, api, bearer_with_role(secret, clock, *STAFF))
    _add_changes(router, api, bearer_with_role(secret, clock, COORDINATOR, SYSTEM))
    return router


def _add_queries(router: APIRouter, api: DirectoryApi, staff: Any) -> None:
    @router.get("/v1/technicians", summary="Who there is, by pool or team")
    async def technicians(
        _: Annotated[Principal, Depends(staff)],
        pool: Annotated[str | None, Query(max_length=128)] = None,
        team: Annotated[str | None, Query(max_length=128)] = None,
        after: Annotated[str, Query(max_length=128, description="Go on after this id.")] = "",
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
    ) -> list[dict[str, Any]]:
        """By id, a page at a time; without addresses, which one technician's own page has."""
        found = (each for each in api.technicians(pool, team) if each.technician_id > after)
        return [_without_contact(each) for _number, each in zip(range(limit), found, strict=False)]

    @router.get("/v1/technicians/{entity_id}", summary="A technician")
    async def technician(entity_id: EntityId, _: Annotated[Principal, Depends(staff)]) -> dict[str, Any]:
        """As the directory has them."""
        return shown(api.technician(entity_id))

    @router.get("/v1/teams", summary="Teams with how many are in them")
    async def teams(
        _: Annotated[Principal, Depends(staff)], pool: Annotated[str | None, Query(max_length=128)] = None
    ) -> list[dict[str, Any]]:
        """A team is there as long as someone on the roster is in it."""
        counts: dict[tuple[str, str], int] = {}
        for each in api.technicians(pool, None):
            if each.active:
                counts[each.pool, each.team] = counts.get((each.pool, each.team), 0) + 1
        return [{"pool": where, "team": team, "technicians": count} for (where, team), count in sorted(counts.items())]

    @router.get("/v1/pools", summary="All pools with their rules")
    async def pools(_: Annotated[Principal, Depends(staff)]) -> list[dict[str, Any]]:
        """By name."""
        return [shown(each) for each in api.pools()]

    @router.get("/v1/pools/{entity_id}", summary="A pool with its rules")
    async def pool(entity_id: EntityId, _: Annotated[Principal, Depends(staff)]) -> dict[str, Any]:
        """As the directory has it; `routing` null means the router's own settings."""
        return shown(api.pool(entity_id))


def _add_changes(router: APIRouter, api: DirectoryApi, in_charge: Any) -> None:
    @router.put("/v1/technicians/{entity_id}", summary="Put someone on the roster, or change them")
    async def put_technician(
        request: Request,
        entity_id: EntityId,
        body: Annotated[TechnicianBody, AsJson()],
        principal: Annotated[Principal, Depends(in_charge)],
    ) -> dict[str, Any]:
        """With `active` false they leave the roster and get no more work; what they hold stays with them."""
        action = Action(principal, "put_technician", entity_id, traceparent_of(request))
        return shown(await api.put_technician(entity_id, body, action))

    @router.put("/v1/pools/{entity_id}", summary="Make a pool, or change it")
    async def put_pool(
        request: Request,
        entity_id: EntityId,
        body: Annotated[PoolBody, AsJson()],
        principal: Annotated[Principal, Depends(in_charge)],
    ) -> dict[str, Any]:
        """Its routing policy stays as it is."""
        action = Action(principal, "put_pool", entity_id, traceparent_of(request))
        return shown(await api.put_pool(entity_id, body, action))

    @router.put("/v1/pools/{entity_id}/routing", summary="By which rules a pool assigns from now on")
    async def put_routing(
        request: Request,
        entity_id: EntityId,
        body: Annotated[RoutingBody, AsJson()],
        principal: Annotated[Principal, Depends(in_charge)],
    ) -> dict[str, Any]:
        """Versions follow each other without holes, so that two who change the rules at once notice."""
        action = Action(principal, "put_routing", entity_id, traceparent_of(request))
        return shown(await api.put_routing(entity_id, body, action))

    @router.patch("/v1/pools/{pool}/teams/{entity_id}", summary="Rename a team, or move it to another pool")
    async def change_team(
        request: Request,
        pool: EntityId,
        entity_id: EntityId,
        body: Annotated[TeamBody, AsJson()],
        principal: Annotated[Principal, Depends(in_charge)],
    ) -> list[dict[str, Any]]:
        """All who are in it go along; what they hold stays with them."""
        action = Action(principal, "change_team", entity_id, traceparent_of(request))
        return [_without_contact(each) for each in await api.change_team(pool, entity_id, body, action)]


def shown(entity: Contract) -> dict[str, Any]:
    """An entity as JSON has it."""
    plain: dict[str, Any] = msgspec.to_builtins(entity)
    return plain


def _without_contact(technician: TechnicianDefined) -> dict[str, Any]:
    return {name: value for name, value in shown(technician).items() if name not in {"name", "email"}}


def _found(entity: Found | None, kind: str, name: str) -> Found:
    if entity is None:
        detail = f"There is no {kind} {name!r}. One that was made a moment ago appears shortly."
        raise Problem(404, f"{kind}-not-found", detail)
    return entity


def _no_pool(pool: str) -> Mistake:
    return Mistake(("pool",), f"there is no pool {pool!r}", "Make it first: PUT /v1/pools/{pool}.")


def _refuse(mistakes: Iterable[Mistake], status: int = 422) -> None:
    errors = [{"pointer": json_pointer(each.path), "problem": each.problem, "do": each.do} for each in mistakes]
    if errors:
        where = ", ".join(each["pointer"] for each in errors[:5])
        detail = f"Correct what `errors` names ({where}) and send the request again; nothing was changed."
        raise Problem(status, "directory-entry", detail, extra={"errors": errors})
