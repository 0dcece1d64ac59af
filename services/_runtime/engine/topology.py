"""What a processor does, as a value: inputs, one store, pure functions.

The same `Topology` runs under the real processor (`processor`), under the synchronous test driver (`driver`)
and under a simulator. Its functions read no clock and do no I/O: time, position and state come in, a `Decision` goes
out, and the engine (`engine`) does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from schemas.contract import Contract
from schemas.topics import Topic
from services._runtime.engine.records import Record

S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)


PROMPT_SECONDS: Final = 0.008
"""For what somebody waits for: an assignment, an answer."""
RELAXED_SECONDS: Final = 0.05
"""For what nobody waits for by the second: mails, surveys, clocks (which go by event time)."""


PARKED_KEYS_MAX: Final = 1_000
"""So many keys of one partition may wait for redrive; with 20,000 open tickets in it, one in twenty."""


class Unchanged(Enum):
    """The one value that says "leave the state as it is" (None says "forget the key")."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED


class Timer(msgspec.Struct, frozen=True, order=True, array_like=True, gc=False):
    """A point in time at which a key wants to be asked again.

    `kind` names it within its key, `generation` counts its changes: a timer that was replaced does nothing.
    """

    kind: str
    due_at: datetime
    generation: int = 0


def firing_id(key: str, timer: Timer) -> str:
    """What names the firing of a key's timer: as a cause, and as the body of its dead letter where it raises."""
    return f"{key}:{timer.kind}:{timer.generation}:{int(timer.due_at.timestamp() * 1_000_000)}"


class Event(msgspec.Struct, frozen=True, gc=False):
    """One decoded input. `data` is the derived struct of the contract that `type` names."""

    topic: str
    key: str
    id: str
    type: str
    occurred_at: datetime
    tenant: str
    data: Any
    subject: str | None = None
    traceparent: str | None = None


class Emit(msgspec.Struct, frozen=True, gc=False):
    """One output.

    Without `id` it gets one made of the topology, the cause and its number; without `occurred_at`, the cause's; both
    are the same for the same input. `tenant` defaults to the cause's, `subject` to the cause's or the key.
    """

    topic: Topic
    key: str
    data: Contract
    id: str | None = None
    occurred_at: datetime | None = None
    subject: str | None = None
    tenant: str | None = None


class Change(msgspec.Struct, Generic[S], frozen=True):
    """What becomes of one further key of the partition (None forgets it), with all timers it then has."""

    key: str
    state: S | None
    timers: tuple[Timer, ...] = ()


class Decision(msgspec.Struct, Generic[S], frozen=True):
    """What a handler wants done, whole or not at all.

    `state` replaces the state of the input's key; `timers` replaces *all* timers of that key (None leaves them).
    `changes` are for topologies whose input key spans several store keys. `effects` are handed to the service after
    the commit is known, at most once: a crash in between loses them, so state must say that they were begun.
    `indexed`: the index follows `changes` already, each of another key, since the handler had to see what they lead to;
    the engine leaves it so, and takes it back where the decision can't be taken.
    """

    state: S | Unchanged | None = UNCHANGED
    emits: Sequence[Emit] = ()
    timers: tuple[Timer, ...] | None = None
    changes: Sequence[Change[S]] = ()
    effects: Sequence[Any] = ()
    indexed: bool = False


NOTHING: Final[Decision[Any]] = Decision()


class Index(Protocol[S_contra]):
    """A view derived from a partition's states, kept in step by the engine and rebuilt on restore."""

    def replace(self, key: str, old: S_contra | None, new: S_contra | None) -> None:
        """Take `old` out and `new` in."""


class Context(Protocol):
    """What a handler may know besides state and event."""

    @property
    def now(self) -> datetime:
        """The time of this batch: for what is due, never for verdicts."""

    @property
    def position(self) -> str:
        """Where the input stands: `topic/partition/offset`, or `timer/partition/key/kind`."""

    @property
    def key(self) -> str:
        """The input's key."""

    @property
    def index(self) -> Any:
        """The partition's derived index, None where the topology declares none."""

    def get(self, key: str) -> Any:
        """The state of any key of the partition, None where there is none."""


Handler = Callable[[Any, Event, Context], Decision[Any]]
Counter = Callable[[Sequence[Any], Context], Sequence[Change[Any]]]
TimerHandler = Callable[[Any, Timer, Context], Decision[Any]]


class Handled(NamedTuple):
    """What a batch did of one partition: records in their order (`set_aside` are among them), then timers.

    `timers` are those that fired, each with its key, in their order.
    """

    records: Sequence[Record]
    set_aside: Sequence[Record]
    timers: Sequence[tuple[str, Timer]]


BatchHandler = Callable[[Handled, Context], Sequence[Emit]]
Upgrade = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Counted:
    """How the events of an input are decided many at once, where they are only counted.

    `view` is the struct of what is read of an event, envelope and data alike; all else is skipped, unchecked.
    `on_counted` gets the views of some events of one partition, in order, and says what becomes of the keys that they
    count for. It is the quick way of what `handlers` do: what it, or the decoding, raises on goes there, one by one,
    and so does what was sent again.
    """

    view: Any
    on_counted: Counter


@dataclass(frozen=True, slots=True)
class Topology(Generic[S]):
    """A processor as a value.

    `handlers` maps contracts to the function that decides them; other types on the inputs are skipped. `state_type`
    is what the store holds, `state_version` its version; `upgrades[n]` turns the built-in form of version n into that
    of n + 1, `downgrades[n]` that of n + 1 back. `writes_version` is the one that goes into the changelog: None for our
    own, an older one while instances that know only that still run or may come back. `parks` says whether later events
    of a key wait once one was dead-lettered: not where a key is a whole pool, whose tickets are independent of each
    other. There, a timer that raised waits alone, until it is redriven or a decision replaces it. More than
    `dead_letters_in_a_row`, or than `parked_keys_max` keys of one partition that wait, stop the processor; how many
    dead letters a key has is but a number, and has no bound. `gather_seconds` is how long records are gathered into a
    batch after the first one came: longer makes fewer transactions, which is kinder to the brokers, and later answers.
    `retries` is where operators send its dead letters again; it has the inputs' partitions and is read with them.
    `on_batch` says something of a whole batch, a partition at a time, in the batch's own transaction; each of its
    events needs an id.
    `writes` are the topics that decisions write to, so that what is told of each can be counted from the start.
    `counted` says, by the name of an input, that its events are only counted; they are decided before the others of
    their batch, `on_batch` does not hear of them, and none of them can be parked.
    """

    name: str
    service: str
    inputs: tuple[Topic, ...]
    changelog: Topic
    dead_letters: Topic
    handlers: Mapping[type[Contract], Handler]
    state_type: Any
    on_timer: TimerHandler | None = None
    on_batch: BatchHandler | None = None
    state_version: int = 1
    upgrades: Mapping[int, Upgrade] = field(default_factory=dict)
    downgrades: Mapping[int, Upgrade] = field(default_factory=dict)
    writes_version: int | None = None
    index: Callable[[], Index[S]] | None = None
    parks: bool = True
    dead_letters_in_a_row: int = 100
    parked_keys_max: int = PARKED_KEYS_MAX
    gather_seconds: float = PROMPT_SECONDS
    retries: Topic | None = None
    writes: tuple[Topic, ...] = ()
    counted: Mapping[str, Counted] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a version to write that there is no way down to, and to count what may have to wait.

        Raises:
            ValueError: naming the missing step, or what parks.
        """
        if self.counted and self.parks:
            raise ValueError(f"{self.name}: what is only counted can't be parked")
        to = self.writes_version if self.writes_version is not None else self.state_version
        missing = [version for version in range(to, self.state_version) if version not in self.downgrades]
        if missing or not 1 <= to <= self.state_version:
            have = self.state_version
            raise ValueError(
                f"{self.name}: state of version {have} can't be written as {to}: no downgrade to {missing}"
            )

    @property
    def sources(self) -> tuple[Topic, ...]:
        """All that is read: the inputs, and the dead letters that are sent again."""
        return self.inputs if self.retries is None else (*self.inputs, self.retries)

    def writing_previous(self) -> Topology[S]:
        """The same, writing the state as the version before its own knows it; version 1 has none before."""
        return replace(self, writes_version=max(1, self.state_version - 1))
