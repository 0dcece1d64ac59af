"""Where the monitor keeps what in Redis. `apply.lua` makes the keys of a tenant from its prefix in the same way.

The state's version is in every key: code that writes another one begins a view of its own, from the beginning.
"""

from __future__ import annotations

from typing import Final

from services._runtime.redis_client import shared_key, tenant_key
from services.sla_monitor.state import STATE_VERSION, SURGES_STATE_VERSION

ROOM: Final = f"clocks-{STATE_VERSION}-{SURGES_STATE_VERSION}"
POSITIONS: Final = shared_key(ROOM, "positions")
"""Hash: `topic/partition` to the next offset."""
FRESH: Final = shared_key(ROOM, "fresh")
"""Set while the view has lately caught up with the changelog."""
PREFIXES: Final = f"{POSITIONS}:prefixes"
"""Set: `prefix` of each tenant that has had clocks."""
LEASE: Final = shared_key(ROOM, "lease")
"""The instance that projects."""


def prefix(tenant: str) -> str:
    """What the keys of a tenant begin with."""
    return tenant_key(tenant, ROOM)


def ticket(tenant: str, ticket_id: str) -> str:
    """Text: the state as JSON."""
    return tenant_key(tenant, ROOM, "ticket", ticket_id)


def rows(tenant: str, ticket_id: str) -> str:
    """Hash: the ticket's rows on the board as JSON, by member."""
    return tenant_key(tenant, ROOM, "ticket", ticket_id, "rows")


def lane(tenant: str, name: str, pool: str | None) -> str:
    """Sorted set: members of a lane by their instant, of one pool or of all."""
    return tenant_key(tenant, ROOM, "lane", name, *([] if pool is None else ["pool", pool]))


def lane_under(prefix: str, name: str) -> str:
    """`lane` of the tenant with this prefix, of all pools."""
    return f"{prefix}:lane:{name}"


def pools(tenant: str) -> str:
    """Sorted set: pools that have had rows."""
    return tenant_key(tenant, ROOM, "pools")


def surges(tenant: str) -> str:
    """Hash: the surges of each pool that has any, as JSON."""
    return tenant_key(tenant, ROOM, "surges")
