"""The points in a ticket's life at which someone is told, and the two voices in which that is done."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from schemas.vocabulary import Role


class Node(StrEnum):
    """A point in a ticket's life (FACTS: notifications at nodes). `replied` is ours, `customer_replied` theirs.

    `sla_surge` is one in a pool's: many of its tickets are breached.
    """

    OPENED = "opened"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    REPLIED = "replied"
    CUSTOMER_REPLIED = "customer_replied"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    CLOSED = "closed"
    REOPENED = "reopened"
    SURVEY_OFFERED = "survey_offered"
    SLA_WARNED = "sla_warned"
    SLA_BREACHED = "sla_breached"
    SLA_SURGE = "sla_surge"


class Voice(StrEnum):
    """Whom a text is written for: the customer, or our own people."""

    CUSTOMER = "customer"
    STAFF = "staff"


CLOCK_NODES: Final = frozenset({Node.SLA_WARNED, Node.SLA_BREACHED})
"""What clocks say: it comes by another topic than the ticket's own events, without their sequence."""

POOL_ROLES: Final = frozenset({Role.LEAD, Role.SUPERVISOR, Role.DIRECTOR, Role.EMERGENCY_TEAM})
"""Roles that answer for a pool: nobody can be named before a ticket has one."""


def voice_of(role: Role) -> Voice:
    """Return the voice in which a role is spoken to."""
    return Voice.CUSTOMER if role is Role.REQUESTER else Voice.STAFF
