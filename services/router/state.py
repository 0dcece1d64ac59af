"""What the router keeps of its pools, and the view over it that decisions look at.

A partition holds several pools; every key begins with its pool:

    <pool>/technician/<technician id>    Member
    <pool>/offer/<ticket id>             Waiting, Held or Ended

`Pools` is derived from these states alone: rosters with loads, and queues. `Draft` shows a decision what it has changed
so far, and puts everything back: the engine is the one that makes changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Final, Protocol, TypeAlias

import msgspec

from services.router.domain.queue import Queue
from services.router.domain.roster import Roster
from services.router.domain.work import Technician, Work

STATE_VERSION: Final = 1


class Member(msgspec.Struct, frozen=True, array_like=True, tag="member", gc=False):
    """A technician of the pool."""

    technician: Technician


class Waiting(msgspec.Struct, frozen=True, array_like=True, tag="waiting", gc=False):
    """An offer that nobody can take now. `offered_at` is when the ledger's cause for it occurred."""

    tenant: str
    offered_at: datetime
    work: Work

    @property
    def generation(self) -> int:
        """The ledger's number of the offer."""
        return self.work.generation


class Held(msgspec.Struct, frozen=True, array_like=True, tag="held", gc=False):
    """An offer that a technician was proposed for, and that weighs on them until it is withdrawn."""

    generation: int
    technician_id: str
    weight: int


class Ended(msgspec.Struct, frozen=True, array_like=True, tag="ended", gc=False):
    """The last generation of a ticket that needs nobody now; kept for a while so that copies of it do nothing."""

    generation: int


Offer: TypeAlias = Waiting | Held | Ended
State: TypeAlias = Member | Waiting | Held | Ended


def prefix_of(pool: str) -> str:
    """The pool as its keys begin; escaped, since a pool's name may hold the separator."""
    return pool.replace("%", "%25").replace("/", "%2F")


def technician_key(pool: str, technician_id: str) -> str:
    """The store key of a technician."""
    return f"{prefix_of(pool)}/technician/{technician_id}"


def offer_key(pool: str, ticket_id: str) -> str:
    """The store key of a ticket's offer."""
    return f"{prefix_of(pool)}/offer/{ticket_id}"


class Pool:
    """One pool as decisions see it."""

    __slots__ = ("queue", "roster")

    def __init__(self) -> None:
        self.roster = Roster()
        self.queue = Queue()


class Pools:
    """The partition's pools: the topology's index. Equal states give equal pools, in whatever order they came."""

    def __init__(self) -> None:
        self._pools: dict[str, Pool] = {}

    def pool(self, pool: str) -> Pool:
        """The pool of this name, empty where nothing is known of it."""
        return self._at(prefix_of(pool))

    def replace(self, key: str, old: State | None, new: State | None) -> None:
        """Take `old` out and `new` in."""
        pool = self._at(key.partition("/")[0])
        if isinstance(old, Member) or isinstance(new, Member):
            pool.roster.replace(_technician(old), _technician(new))
            return
        if old is not None:
            _add(pool, old, -1)
        if new is not None:
            _add(pool, new, 1)

    def _at(self, prefix: str) -> Pool:
        pool = self._pools.get(prefix)
        if pool is None:
            pool = self._pools[prefix] = Pool()
        return pool


def _technician(state: State | None) -> Technician | None:
    return state.technician if isinstance(state, Member) else None


def _add(pool: Pool, state: State, sign: int) -> None:
    if isinstance(state, Held):
        pool.roster.add_load(state.technician_id, sign * state.weight)
    elif isinstance(state, Waiting):
        if sign > 0:
            pool.queue.add(state.work)
        else:
            pool.queue.remove(state.work)


class States(Protocol):
    """Where committed states are read; the engine's context."""

    def get(self, key: str) -> State | None:
        """The state of a key, None where there is none."""


class Draft:
    """A pool with the changes that a decision has made so far; see `drafting`."""

    def __init__(self, pools: Pools, pool: str, states: States) -> None:
        self.name = pool
        self.pool = pools.pool(pool)
        self._pools = pools
        self._states = states
        self._changed: dict[str, State | None] = {}

    @property
    def changed(self) -> Mapping[str, State | None]:
        """What became of each changed key, in the order of its first change; None forgets it."""
        return self._changed

    def get(self, key: str) -> State | None:
        """The state of a key as it now would be."""
        return self._changed[key] if key in self._changed else self._states.get(key)

    def put(self, key: str, state: State | None) -> None:
        """Change a key."""
        self._pools.replace(key, self.get(key), state)
        self._changed[key] = state

    def undo(self) -> None:
        """Bring the pools back to the committed states."""
        for key, state in reversed(self._changed.items()):
            self._pools.replace(key, state, self._states.get(key))


@contextmanager
def drafting(pools: Pools, pool: str, states: States) -> Iterator[Draft]:
    """A draft of a pool, undone at the end, also when the decision raises."""
    draft = Draft(pools, pool, states)
    try:
        yield draft
    finally:
        draft.undo()
