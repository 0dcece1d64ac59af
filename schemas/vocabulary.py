"""The words that every topic shares, as closed lists.

Names of priorities and pools are data (a company may call its levels P1 to P4), so they are strings with a
shape; what the code itself decides by (statuses, channels, roles) is an enumeration.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

TicketId = Annotated[str, Field(min_length=3, max_length=64)]
Priority = Annotated[str, Field(min_length=1, max_length=8)]
Name = Annotated[str, Field(min_length=1, max_length=128)]
Text = Annotated[str, Field(max_length=100_000)]
Line = Annotated[str, Field(max_length=1_000)]
Count = Annotated[int, Field(ge=0)]
Sequence = Annotated[int, Field(ge=1)]


class Channel(StrEnum):
    """How a request came in (FACTS: channels)."""

    EMAIL = "email"
    PHONE = "phone"
    CHAT = "chat"
    PORTAL = "portal"
    APP = "app"
    WECHAT = "wechat"
    RELAY = "relay"
    API = "api"
    SURVEY = "survey"


class Status(StrEnum):
    """Where a ticket stands; only `ticket.events` states it."""

    NEW = "new"
    CLASSIFIED = "classified"
    QUEUED = "queued"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    PENDING = "pending"
    ON_HOLD = "on_hold"
    IN_REVIEW = "in_review"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    MERGED = "merged"


class Impact(StrEnum):
    """How much is hit, worst first."""

    OUTAGE = "outage"
    ABNORMAL = "abnormal"
    MINOR = "minor"
    QUESTION = "question"


class Urgency(StrEnum):
    """How soon it hurts."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Tier(StrEnum):
    """The customer's service tier (差异化服务)."""

    STANDARD = "standard"
    VIP = "vip"


class Category(StrEnum):
    """What kind of work a ticket is."""

    TECHNICAL = "technical"
    PRODUCT = "product"
    SERVICE = "service"


class Level(StrEnum):
    """Support level: front line, technical support, R&D experts."""

    L1 = "L1"
    L2 = "L2"
    L3 = "L3"


class Language(StrEnum):
    """Languages that a customer reads."""

    ZH_CN = "zh-CN"
    EN = "en"


class Presence(StrEnum):
    """Whether a technician takes work."""

    AVAILABLE = "available"
    BUSY = "busy"
    AWAY = "away"
    OFFLINE = "offline"


class ActorKind(StrEnum):
    """Who did it."""

    REQUESTER = "requester"
    TECHNICIAN = "technician"
    COORDINATOR = "coordinator"
    SYSTEM = "system"


class Role(StrEnum):
    """Who is told."""

    REQUESTER = "requester"
    ASSIGNEE = "assignee"
    LEAD = "lead"
    SUPERVISOR = "supervisor"
    DIRECTOR = "director"
    EMERGENCY_TEAM = "emergency_team"


class Medium(StrEnum):
    """Through what a notification leaves."""

    EMAIL = "email"
    IN_APP = "in_app"
