"""`directory.*`: who and what there is, compacted. Key: entity id. Writer: the directory API."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.contract import Contract, Instant, Personal
from schemas.routing_policy import RoutingPolicy, Shift, WallTime
from schemas.vocabulary import Language, Level, Line, Name, Presence, Sequence, Text, Tier


class CustomerDefined(Contract, type_name="aftercare.directory.customer_defined.v1"):
    """A customer with what decides how its requests are treated."""

    customer_id: Name
    company: Line
    tier: Tier = Tier.STANDARD
    contract: Name | None = None
    language: Language = Language.ZH_CN
    email_domains: list[Name] = []
    pool: Name | None = None
    products: list[Name] = []


class TechnicianDefined(Contract, type_name="aftercare.directory.technician_defined.v1"):
    """A resolver; also published to the pool's router on `routing.work` (see `TechnicianRostered`)."""

    technician_id: Name
    name: Annotated[Line, Personal]
    email: Annotated[Line, Personal]
    pool: Name
    team: Name
    skills: list[Name]
    languages: list[Language]
    level: Level
    capacity: Annotated[int, Field(ge=0, le=1000)]
    presence: Presence = Presence.AVAILABLE
    active: bool = True
    products: list[Name] = []
    tiers: list[Tier] = []
    conflicts: Annotated[list[Name], Field(max_length=1000)] = []
    shift: Shift | None = None


class PoolDefined(Contract, type_name="aftercare.directory.pool_defined.v1"):
    """Teams that share technicians, who answers for them, and how work is assigned (null: by the router's settings)."""

    pool: Name
    title: Line
    categories: list[Name] = []
    products: list[Name] = []
    lead_email: Annotated[Line | None, Personal] = None
    supervisor_email: Annotated[Line | None, Personal] = None
    director_email: Annotated[Line | None, Personal] = None
    emergency_team_email: Annotated[Line | None, Personal] = None
    routing: RoutingPolicy | None = None


class CalendarDefined(Contract, type_name="aftercare.directory.calendar_defined.v1"):
    """Opening hours as in `sla-cases.md`: intervals a weekday in local wall time, holidays, replaced days."""

    calendar_id: Name
    version: Sequence
    timezone: Name
    hours: dict[str, list[list[WallTime]]]
    holidays: list[Name] = []
    overrides: dict[str, list[list[WallTime]]] = {}


class SlaPolicyDefined(Contract, type_name="aftercare.directory.sla_policy_defined.v1"):
    """One version of an SLA policy; `definition` is its YAML text, checked when it is loaded."""

    policy_id: Name
    version: Sequence
    effective_from: Instant | None = None
    definition: Text


class TemplateDefined(Contract, type_name="aftercare.directory.template_defined.v1"):
    """What a notification at a node says, in one language (Jinja2 text)."""

    template_id: Name
    node: Name
    language: Language
    subject: Line
    body: Text
