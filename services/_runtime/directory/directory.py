"""The directory in memory: customers, technicians, pools, calendars, SLA policies and templates.

Every instance holds all of it, fed from the compacted `directory.*` topics. Asking is quick and safe from any thread;
only the feed writes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final, Literal, NamedTuple, TypeVar, overload

from schemas import envelope
from schemas.contract import Contract
from schemas.directory import (
    CalendarDefined,
    CustomerDefined,
    PoolDefined,
    SlaPolicyDefined,
    TechnicianDefined,
    TemplateDefined,
)
from schemas.topics import DIRECTORY
from services._runtime.metrics import DIRECTORY_ENTITIES

Kind = Literal["customers", "technicians", "pools", "calendars", "sla_policies", "templates"]
Entity = TypeVar("Entity", bound=Contract)

_ID_FIELDS: Final[Mapping[type[Contract], tuple[Kind, str]]] = {
    CustomerDefined: ("customers", "customer_id"),
    TechnicianDefined: ("technicians", "technician_id"),
    PoolDefined: ("pools", "pool"),
    CalendarDefined: ("calendars", "calendar_id"),
    SlaPolicyDefined: ("sla_policies", "policy_id"),
    TemplateDefined: ("templates", "template_id"),
}
_KINDS: Final = {topic.name: kind for kind, topic in DIRECTORY.items()}
UNVERSIONED: Final = 1


class EntityName(NamedTuple):
    """What an entity is called; `version` is `UNVERSIONED` for kinds that have no versions."""

    kind: str
    entity_id: str
    version: int


def name_of(data: Contract) -> EntityName:
    """The name of a directory entity, model or struct.

    Raises:
        ValueError: it is no directory entity.
    """
    for contract, (kind, id_field) in _ID_FIELDS.items():
        if isinstance(data, contract):
            return EntityName(kind, getattr(data, id_field), getattr(data, "version", UNVERSIONED))
    raise ValueError(f"{type(data).__name__} is no directory entity")


def record_key(data: Contract) -> str:
    """The Kafka key of an entity's record.

    Versioned kinds have their version in it, `cn-standard@2`: compaction keeps one record a key, and a ticket keeps
    the version of the policy that it began with.
    """
    name = name_of(data)
    return f"{name.entity_id}@{name.version}" if hasattr(data, "version") else name.entity_id


@dataclass(slots=True)
class _KindTable:
    """The entities of one kind: by record key, and by id and version."""

    names: dict[str, EntityName] = field(default_factory=dict)
    entities: dict[str, dict[int, Contract]] = field(default_factory=dict)

    def put(self, key: str, data: Contract) -> None:
        name = name_of(data)
        if self.names.get(key, name) != name:
            self.remove(key)
        self.names[key] = name
        # Replaced, not changed: whoever reads from another thread has the old mapping or the new one.
        versions = {**self.entities.get(name.entity_id, {}), name.version: data}
        self.entities[name.entity_id] = dict(sorted(versions.items()))

    def remove(self, key: str) -> None:
        name = self.names.pop(key, None)
        if name is None:
            return
        left = {number: data for number, data in self.entities[name.entity_id].items() if number != name.version}
        if left:
            self.entities[name.entity_id] = left
        else:
            del self.entities[name.entity_id]


class Directory:
    """A view of the `directory.*` topics, as far as they have been read.

    It is `caught_up` once every topic has been read to the end that it had when reading began, and stays so: a broker
    that is gone makes the view older, not unusable.
    """

    def __init__(self) -> None:
        self._tables: dict[str, _KindTable] = {kind: _KindTable() for kind in DIRECTORY}
        self._next_offsets: dict[str, int] = {}
        self._ends: dict[str, int] | None = None
        self._caught_up = False
        self.changes = 0
        """How many records were taken in: while it stays the same, so does every answer."""
        self._lock = Lock()

    @overload
    def get(self, kind: type[Entity], entity_id: str, version: int | None = None) -> Entity | None: ...
    @overload
    def get(self, kind: Kind, entity_id: str, version: int | None = None) -> Any: ...
    def get(self, kind: type[Contract] | str, entity_id: str, version: int | None = None) -> Any:
        """The entity, None where there is none; without `version` the highest there is.

        `kind` is a name, or the contract itself, which tells the type checker what comes back.
        """
        versions = self._tables[_kind_name(kind)].entities.get(entity_id)
        if not versions:
            return None
        return versions.get(version) if version is not None else versions[max(versions)]

    @overload
    def versions(self, kind: type[Entity], entity_id: str) -> tuple[Entity, ...]: ...
    @overload
    def versions(self, kind: Kind, entity_id: str) -> tuple[Any, ...]: ...
    def versions(self, kind: type[Contract] | str, entity_id: str) -> tuple[Any, ...]:
        """Every version of an entity, lowest first; empty where there is none."""
        return tuple(self._tables[_kind_name(kind)].entities.get(entity_id, {}).values())

    @overload
    def all(self, kind: type[Entity]) -> tuple[Entity, ...]: ...
    @overload
    def all(self, kind: Kind) -> tuple[Any, ...]: ...
    def all(self, kind: type[Contract] | str) -> tuple[Any, ...]:
        """The highest version of every entity of a kind, by id."""
        with self._lock:
            entities = sorted(self._tables[_kind_name(kind)].entities.items())
        return tuple(versions[max(versions)] for _, versions in entities)

    @property
    def version(self) -> int:
        """How many records have been read, all topics: equal versions of two processes mean equal views."""
        with self._lock:
            return sum(self._next_offsets.values())

    @property
    def caught_up(self) -> bool:
        """Whether the whole directory has been read once."""
        return self._caught_up

    @property
    def status(self) -> str:
        """One line for `/readyz`."""
        if self._ends is None:
            return "waiting for Kafka"
        behind = dict(self._missing())
        return f"read up to version {self.version}" if not behind else f"still to read: {behind}"

    def apply(self, topic: str, key: str, value: bytes | None) -> None:
        """Take in one record; None removes what `key` named. A type that this code does not know is passed over.

        Raises:
            envelope.InvalidEvent: the record is malformed.
            KeyError: the topic is none of the directory's.
            ValueError: the entity belongs on another topic, or its key is not its name.
        """
        kind = _KINDS[topic]
        data = None if value is None else _decoded(value)
        if data is not None and (name_of(data).kind != kind or record_key(data) != key):
            raise ValueError(f"the record of {topic} holds {name_of(data)}, its key says {key!r}")
        with self._lock:
            table = self._tables[kind]
            if data is None:
                table.remove(key)
            else:
                table.put(key, data)
            self.changes += 1
        DIRECTORY_ENTITIES.labels(kind).set(len(table.entities))

    def passed(self, topic: str, offset: int) -> None:
        """Note that the record at `offset` has been dealt with, whatever became of it."""
        with self._lock:
            self._next_offsets[topic] = max(offset + 1, self._next_offsets.get(topic, 0))
        self._look_whether_caught_up()

    def expect(self, ends: Mapping[str, int]) -> None:
        """Say how far each topic has to be read for the view to be whole.

        `ends` has, by topic, the offset after the last record; 0 for a topic without records.
        """
        with self._lock:
            self._ends = dict(ends)
        self._look_whether_caught_up()

    def _missing(self) -> Iterator[tuple[str, int]]:
        with self._lock:
            for topic, end in (self._ends or {}).items():
                left = end - self._next_offsets.get(topic, 0)
                if left > 0:
                    yield topic, left

    def _look_whether_caught_up(self) -> None:
        if not self._caught_up and self._ends is not None and not any(self._missing()):
            self._caught_up = True


def _kind_name(kind: type[Contract] | str) -> str:
    return kind if isinstance(kind, str) else _ID_FIELDS[kind][0]


def _decoded(value: bytes) -> Contract:
    head = envelope.decode_head(value)
    data: Contract = envelope.decode_data(head.type, head.data, envelope.scope_of(head))
    return data
