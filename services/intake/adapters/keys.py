"""Where intake keeps what in Redis. `apply.lua` makes the keys of a tenant from its prefix in the same way."""

from __future__ import annotations

from typing import Final

from services._runtime.redis_client import shared_key, tenant_key

POSITIONS: Final = shared_key("read-model", "positions")
"""Hash: `topic/partition` to the next offset."""
FRESH: Final = shared_key("read-model", "fresh")
"""Set while the view has lately caught up with the topics."""
LEASE: Final = shared_key("read-model", "lease")
"""The instance that projects."""
MAILBOX_LEASE: Final = shared_key("mailbox", "lease")
"""The instance that reads the mailbox."""


def ticket(tenant: str, ticket_id: str) -> str:
    """Hash: the ticket, `target:<name>` for each SLA target."""
    return tenant_key(tenant, "ticket", ticket_id)


def timeline(tenant: str, ticket_id: str) -> str:
    """List: the ticket's events as JSON, oldest first."""
    return tenant_key(tenant, "ticket", ticket_id, "events")


def in_status(tenant: str, status: str) -> str:
    """Sorted set: tickets in a status, by microseconds of their opening."""
    return tenant_key(tenant, "tickets", status)


def held_by(tenant: str, technician_id: str) -> str:
    """Sorted set: a technician's tickets in work, by microseconds of their opening."""
    return tenant_key(tenant, "technician", technician_id, "tickets")


def stats(tenant: str, what: str) -> str:
    """Hash: counts of `status`, `channel` or `events`."""
    return tenant_key(tenant, "stats", what)


def thread(tenant: str, place: str) -> str:
    """Text: `1` or `0` (confirmed by the ledger), ticket id, conversation, each on a line."""
    return tenant_key(tenant, "thread", place)
