"""What the directory's API takes. An entity is sent whole: what a body leaves out is at its default afterwards."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.routing_policy import RoutingPolicy, Shift
from schemas.vocabulary import Language, Level, Line, Name, Presence, Tier
from services._runtime.web.closed_json import Body

SkillLevel = Annotated[int, Field(ge=1, le=5)]


class TechnicianBody(Body):
    """A technician. `skills` are names; `skill_levels` says how well, 1 to 5, and work may ask for `name:level`.

    The shift is given by its hours, or taken from a calendar of the directory; with neither they are always on duty.
    """

    name: Annotated[Line, Field(min_length=1)]
    email: Annotated[Line, Field(min_length=3)]
    pool: Name
    team: Name
    skills: Annotated[list[Name], Field(max_length=200)] = Field(default_factory=list)
    skill_levels: Annotated[dict[Name, SkillLevel], Field(max_length=200)] = Field(default_factory=dict)
    languages: Annotated[list[Language], Field(min_length=1)]
    level: Level = Level.L1
    capacity: Annotated[int, Field(ge=0, le=1_000)]
    active: bool = True
    products: Annotated[list[Name], Field(max_length=200)] = Field(default_factory=list)
    tiers: list[Tier] = Field(default_factory=list)
    conflicts: Annotated[list[Name], Field(max_length=1_000)] = Field(default_factory=list)
    shift: Shift | None = None
    shift_calendar: Name | None = None


class PoolBody(Body):
    """A pool, without its routing policy, which has a place of its own and stays as it is."""

    title: Annotated[Line, Field(min_length=1)]
    categories: Annotated[list[Name], Field(max_length=100)] = Field(default_factory=list)
    products: Annotated[list[Name], Field(max_length=1_000)] = Field(default_factory=list)
    lead_email: Line | None = None
    supervisor_email: Line | None = None
    director_email: Line | None = None
    emergency_team_email: Line | None = None


class RoutingBody(Body):
    """The rules of a pool from now on; its `version` is the one after the pool's present one."""

    policy: RoutingPolicy


class TeamBody(Body):
    """What becomes of a team: its new name, its new pool, or both."""

    team: Name | None = None
    pool: Name | None = None


class PresenceBody(Body):
    """Whether someone takes new work from now on."""

    presence: Presence
