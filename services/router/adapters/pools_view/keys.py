"""Where the router keeps what in Redis. `apply.lua` makes the keys below the two prefixes in the same way.

The state's version is in every key: code that writes another one begins a view of its own, from the beginning. A pool
stands in keys with everything but letters, digits and `_.-~` escaped, so that no pool's name runs into what follows.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, unquote

from services._runtime.redis_client import shared_key, tenant_key
from services.router.state import STATE_VERSION

ROOM: Final = f"pools-{STATE_VERSION}"
SHARED: Final = shared_key(ROOM)
"""What the keys of pools begin with."""
POSITIONS: Final = shared_key(ROOM, "positions")
"""Hash: `topic/partition` to the next offset."""
FRESH: Final = shared_key(ROOM, "fresh")
"""Set while the view has lately caught up with the changelog."""
LEASE: Final = shared_key(ROOM, "lease")
"""The instance that projects."""
CHANGES: Final = shared_key(ROOM, "changes")
"""Counts changes, so that whoever watches need not look at what has not changed."""
POOLS: Final = shared_key(ROOM, "pools")
"""Set of pools, as they stand in keys."""
POLICIES: Final = f"{SHARED}:policies"
"""Hash: by which policy a pool assigns as JSON, by pool as it stands in keys, where it has stated one."""


def in_key(pool: str) -> str:
    """A pool as it stands in keys."""
    return quote(pool, safe="")


def out_of_key(name: str) -> str:
    """The pool again."""
    return unquote(name)


def prefix(tenant: str) -> str:
    """What the keys of a tenant begin with."""
    return tenant_key(tenant, ROOM)


def people(pool: str) -> str:
    """Hash: a technician's row as JSON, by id."""
    return f"{SHARED}:people:{in_key(pool)}"


def ranks(pool: str) -> str:
    """Sorted set: technicians in the board's order."""
    return f"{SHARED}:ranks:{in_key(pool)}"


def loads(pool: str) -> str:
    """Hash: the sum of the weights that a technician holds, by id."""
    return f"{SHARED}:loads:{in_key(pool)}"


def sums(pool: str) -> str:
    """Hash: `load`, and `capacity:<presence>` and `people:<presence>` of who is on the roster."""
    return f"{SHARED}:sums:{in_key(pool)}"


def rows(tenant: str, pool: str) -> str:
    """Hash: an offer's row as JSON, by ticket."""
    return f"{prefix(tenant)}:rows:{in_key(pool)}"


def queue(tenant: str, pool: str) -> str:
    """Sorted set, one score: places of waiting work, each ending with its ticket."""
    return f"{prefix(tenant)}:queue:{in_key(pool)}"


def due(tenant: str, pool: str) -> str:
    """Sorted set: waiting tickets by when they are due, in seconds since 1970."""
    return f"{prefix(tenant)}:due:{in_key(pool)}"


def ages(tenant: str, pool: str) -> str:
    """Sorted set: waiting tickets by since when they need a technician, in seconds since 1970."""
    return f"{prefix(tenant)}:ages:{in_key(pool)}"


def held(tenant: str, pool: str, technician_id: str) -> str:
    """Set: the tickets that someone holds."""
    return f"{prefix(tenant)}:held:{in_key(pool)}:{technician_id}"
