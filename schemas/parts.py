"""Values that several topics carry inside their events."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.contract import Part, Personal
from schemas.vocabulary import ActorKind, Language, Line, Name, Tier


class Requester(Part):
    """The customer's person who asks. Contact fields are personal data."""

    requester_id: Name
    name: Annotated[Line | None, Personal] = None
    email: Annotated[Line | None, Personal] = None
    phone: Annotated[Line | None, Personal] = None
    company: Line | None = None
    tier: Tier = Tier.STANDARD
    contract: Name | None = None
    language: Language = Language.ZH_CN


class Actor(Part):
    """Who acts: a kind and an id that is no personal data."""

    kind: ActorKind
    actor_id: Name


class Candidate(Part):
    """A technician that a routing decision looked at, and the weight that ranked them (higher is better)."""

    technician_id: Name
    weight: float


class Segment(Part):
    """A stretch of business time that a target consumed, both ends RFC 3339 UTC."""

    start: Annotated[str, Field(min_length=20, max_length=40)]
    end: Annotated[str, Field(min_length=20, max_length=40)]


class Pause(Part):
    """A stretch in which a target stood still, both ends RFC 3339 UTC, and the status that paused it."""

    start: Annotated[str, Field(min_length=20, max_length=40)]
    end: Annotated[str, Field(min_length=20, max_length=40)]
    status: Name
