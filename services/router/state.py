"""What the router keeps of its pools, and the view over it that decisions look at.

A partition holds several pools; every key begins with its pool:

    <pool>/policy                        Ruled
    <pool>/technician/<technician id>    Member
    <pool>/tally/<technician id>         Tally
    <pool>/offer/<ticket id>             Waiting, Held or Ended
    <pool>/requester/<requester id>      Acquainted
    <pool>/release                       Releasing

`Pools` is derived from these states alone: rosters with loads, queues, and who is to give back what. `Draft` shows a
decision what it has changed so far, and puts everything back: the engine is the one that makes changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from types import TracebackType
from typing import Final, Protocol, Self, TypeAlias

import msgspec

from schemas.ticket_assignments import ReleaseReason
from services.router.domain.acquaintances import Acquainted, AtWork, AtWorkFor
from services.router.domain.instants import microseconds_of
from services.router.domain.policy import Policy
from services.router.domain.queue import Queue
from services.router.domain.roster import Roster
from services.router.domain.tally import Tally
from services.router.domain.work import Technician, Work

STATE_VERSION: Final = 1


class Ruled(msgspec.Struct, frozen=True, array_like=True, tag="ruled"):
    """By which policy the pool assigns.

    After it changed, all that waits is looked at again, in slices: `swept` is the last ticket id that was, None once
    all were.
    """

    policy: Policy
    swept: str | None = None


class Gone(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Since when someone does not work, and why; what they hold is taken off them after the pool's grace."""

    since: datetime
    reason: ReleaseReason


class Member(msgspec.Struct, frozen=True, array_like=True, tag="member", gc=False):
    """A technician of the pool. `leaving`: gone for longer than the grace, so that they give back what they hold."""

    technician: Technician
    gone: Gone | None = None
    leaving: bool = False


class Waiting(msgspec.Struct, frozen=True, array_like=True, tag="waiting", gc=False):
    """An offer that nobody can take now. `offered_at` is when the ledger's cause for it occurred.

    `groups_told` counts the overflow groups of which it was told that they are asked; `alarmed` says whether the pool's
    owner was.
    """

    tenant: str
    offered_at: datetime
    work: Work
    groups_told: int = 0
    alarmed: bool = False

    @property
    def generation(self) -> int:
        """The ledger's number of the offer."""
        return self.work.generation

    @property
    def waiting_since(self) -> datetime:
        """When the ticket came to need a technician."""
        return self.work.waiting_since


class Held(msgspec.Struct, frozen=True, array_like=True, tag="held", gc=False):
    """An offer that a technician was proposed for, and that weighs on them until it is withdrawn.

    `released` says that the ledger was asked to offer it anew; `stays` that it is not to be, since it was given by hand
    to someone who was gone. `requester_id` is whose ticket it is.
    """

    generation: int
    technician_id: str
    weight: int
    tenant: str
    priority: str
    queued_at: datetime
    waiting_since: datetime
    due_at: datetime | None = None
    released: bool = False
    stays: bool = False
    requester_id: str | None = None


class Ended(msgspec.Struct, frozen=True, array_like=True, tag="ended", gc=False):
    """The last generation of a ticket that needs nobody now; kept for a while so that copies of it do nothing.

    `ended_at` is when the ledger's cause occurred: an offer of the same cause goes on waiting from `waiting_since`.
    """

    generation: int
    waiting_since: datetime | None = None
    ended_at: datetime | None = None


class Releasing(msgspec.Struct, frozen=True, array_like=True, tag="releasing", gc=False):
    """Work of people who are gone is being given back, slice by slice; `slices` counts them."""

    slices: int = 0


Offer: TypeAlias = Waiting | Held | Ended
State: TypeAlias = Ruled | Member | Tally | Waiting | Held | Ended | Releasing | Acquainted


@lru_cache(maxsize=1_024)
def prefix_of(pool: str) -> str:
    """The pool as its keys begin; escaped, since a pool's name may hold the separator."""
    return pool.replace("%", "%25").replace("/", "%2F")


def pool_of(key: str) -> str:
    """The pool of a key."""
    return key.partition("/")[0].replace("%2F", "/").replace("%25", "%")


def kind_in(key: str) -> str:
    """What a key is about: `policy`, `technician`, `tally`, `offer`, `requester` or `release`."""
    return key.split("/", 2)[1]


def name_in(key: str) -> str:
    """Which technician or ticket a key is about."""
    return key.split("/", 2)[2]


def policy_key(pool: str) -> str:
    """The store key of a pool's policy."""
    return f"{prefix_of(pool)}/policy"


def release_key(pool: str) -> str:
    """The store key under which a pool's people who are gone give back their work."""
    return f"{prefix_of(pool)}/release"


def technician_key(pool: str, technician_id: str) -> str:
    """The store key of a technician."""
    return f"{prefix_of(pool)}/technician/{technician_id}"


def tally_key(pool: str, technician_id: str) -> str:
    """The store key of what a technician was assigned lately."""
    return f"{prefix_of(pool)}/tally/{technician_id}"


def requester_key(pool: str, requester_id: str) -> str:
    """The store key of who knows a requester."""
    return f"{prefix_of(pool)}/requester/{requester_id}"


def offer_key(pool: str, ticket_id: str) -> str:
    """The store key of a ticket's offer."""
    return f"{prefix_of(pool)}/offer/{ticket_id}"


def at_work_on(ticket_id: str, held: Held) -> AtWork:
    """Who works on a ticket, as its requester knows them."""
    return AtWork(microseconds_of(held.waiting_since), ticket_id, held.technician_id)


class Pool:
    """One pool as decisions see it. `held` has what each technician holds, by ticket id."""

    __slots__ = ("at_work_for", "held", "leaving", "policy", "queue", "roster")

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.roster = Roster(policy)
        self.queue = Queue(policy)
        self.at_work_for = AtWorkFor()
        self.held: dict[str, dict[str, Held]] = {}
        self.leaving: set[str] = set()

    def advance(self, now: datetime) -> None:
        """Catch up with what time alone has changed."""
        self.roster.advance(now)
        self.queue.advance(now)

    def rule(self, policy: Policy) -> None:
        """Go by another policy."""
        self.policy = policy
        self.roster.rule(policy)
        self.queue.rule(policy)

    def replace_offer(self, ticket_id: str, old: State | None, new: State | None) -> None:
        """Take what is known of a ticket out and the new in."""
        if isinstance(old, Held):
            held = self.held[old.technician_id]
            del held[ticket_id]
            if not held:
                del self.held[old.technician_id]
            self.roster.add_load(old.technician_id, -old.weight)
            if old.requester_id is not None:
                self.at_work_for.remove(old.requester_id, at_work_on(ticket_id, old))
        elif isinstance(old, Waiting):
            self.queue.remove(old.work)
        if isinstance(new, Held):
            self.held.setdefault(new.technician_id, {})[ticket_id] = new
            self.roster.add_load(new.technician_id, new.weight)
            if new.requester_id is not None:
                self.at_work_for.add(new.requester_id, at_work_on(ticket_id, new))
        elif isinstance(new, Waiting):
            self.queue.add(new.work)

    def replace_member(self, old: State | None, new: State | None) -> None:
        """Take a technician out and in."""
        before, after = (each if isinstance(each, Member) else None for each in (old, new))
        if before is not None and before.leaving:
            self.leaving.discard(before.technician.technician_id)
        if after is not None and after.leaving:
            self.leaving.add(after.technician.technician_id)
        self.roster.replace(
            before.technician if before is not None else None, after.technician if after is not None else None
        )


class Pools:
    """The partition's pools: the topology's index. Equal states give equal pools, in whatever order they came.

    `policy` holds for pools that have stated none.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        self._policy = policy if policy is not None else Policy()
        self._pools: dict[str, Pool] = {}

    def pool(self, pool: str) -> Pool:
        """The pool of this name, empty where nothing is known of it."""
        return self._at(prefix_of(pool))

    def named(self) -> Iterator[tuple[str, Pool]]:
        """Every pool with its name."""
        return ((pool_of(prefix), pool) for prefix, pool in self._pools.items())

    def replace(self, key: str, old: State | None, new: State | None) -> None:
        """Take `old` out and `new` in."""
        pool = self._at(key.partition("/")[0])
        kind = type(new if new is not None else old)
        if kind is Member:
            pool.replace_member(old, new)
        elif kind is Tally:
            pool.roster.set_tally(name_in(key), new if isinstance(new, Tally) else None)
        elif kind is Ruled:
            pool.rule(new.policy if isinstance(new, Ruled) else self._policy)
        elif kind is not Releasing and kind is not Acquainted:
            pool.replace_offer(name_in(key), old, new)

    def _at(self, prefix: str) -> Pool:
        pool = self._pools.get(prefix)
        if pool is None:
            pool = self._pools[prefix] = Pool(self._policy)
        return pool


class States(Protocol):
    """Where committed states are read; the engine's context."""

    def get(self, key: str) -> State | None:
        """The state of a key, None where there is none."""


class Draft:
    """A pool with the changes that a decision has made so far.

    As a context it is undone at the end unless it is kept, also when the decision raises.
    """

    __slots__ = ("_changed", "_pools", "_states", "is_kept", "name", "pool")

    def __init__(self, pools: Pools, pool: str, states: States) -> None:
        self.name = pool
        self.pool = pools.pool(pool)
        self._pools = pools
        self._states = states
        self._changed: dict[str, State | None] = {}
        self.is_kept = False

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Undo what is not kept."""
        if not self.is_kept:
            self.undo()

    @property
    def changed(self) -> Mapping[str, State | None]:
        """What became of each changed key, in the order of its first change; None forgets it."""
        return self._changed

    def get(self, key: str) -> State | None:
        """The state of a key as it now would be."""
        changed = self._changed
        return changed[key] if key in changed else self._states.get(key)

    def put(self, key: str, state: State | None) -> None:
        """Change a key."""
        self._pools.replace(key, self.get(key), state)
        self._changed[key] = state

    def keep(self) -> None:
        """Leave the pool as it is by now, for whoever takes the changes over."""
        self.is_kept = True

    def undo(self) -> None:
        """Bring the pool back to the committed states."""
        for key, state in reversed(self._changed.items()):
            self._pools.replace(key, state, self._states.get(key))
