"""A directory file (YAML) as the records that it stands for. Pure but for reading the file."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from schemas import envelope
from schemas.contract import Contract
from schemas.directory import PoolDefined, TechnicianDefined
from schemas.routing_work import PresenceChanged, RoutingPolicyStated, TechnicianRostered
from schemas.topics import DIRECTORY, ROUTING_WORK, Topic
from services._runtime.directory.directory import record_key
from services._runtime.kafka.producer import Outgoing

SOURCE: Final = "/aftercare/directory"
ENTITIES_MAX: Final = 100_000


class DirectoryFileError(Exception):
    """The file can't be used as it is. The message has a line for each mistake, with its place."""


class _PlainLoader(yaml.SafeLoader):
    """YAML 1.2's plain values: `09:00` is no number in base 60, `2026-10-01` no date object, `no` not False."""


_PlainLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("int", r"^-?(?:0|[1-9][0-9]*)$", "-0123456789"),
    ("float", r"^-?(?:0|[1-9][0-9]*)\.[0-9]+$", "-0123456789"),
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
):
    _PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


class _Sections(BaseModel):
    """The file's outline; entries are checked by their contracts, one by one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    tenant: str
    customers: list[dict[str, Any]] = []
    technicians: list[dict[str, Any]] = []
    pools: list[dict[str, Any]] = []
    calendars: list[dict[str, Any]] = []
    sla_policies: list[dict[str, Any]] = []
    templates: list[dict[str, Any]] = []


class DirectoryFile(NamedTuple):
    """What a file says: whose it is, and its entities as structs of their contracts, in the file's order."""

    tenant: str
    entities: tuple[Contract, ...]


def read_directory_file(path: Path) -> DirectoryFile:
    """Read and check a file.

    An SLA policy may have `definition_file`, a path relative to the file, in place of its `definition`.

    Raises:
        DirectoryFileError: with everything that is wrong, not just the first.
        OSError: a file can't be read.
    """
    try:
        # A loader derived from SafeLoader makes plain values only.
        outline = _Sections.model_validate(yaml.load(path.read_text("utf-8"), Loader=_PlainLoader))  # noqa: S506
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise DirectoryFileError(f"{path}: {error}") from error
    entities: list[Contract] = []
    mistakes: list[str] = []
    for kind, topic in DIRECTORY.items():
        for number, entry in enumerate(getattr(outline, kind)):
            try:
                entities.append(topic.types[0].closed_validate(_with_definition(entry, path.parent)).to_struct())
            except ValidationError as error:
                mistakes += [f"{kind}[{number}].{_place(item)}: {item['msg']}" for item in error.errors()]
    mistakes += _named_twice(entities)
    if len(entities) > ENTITIES_MAX:
        mistakes.append(f"more than {ENTITIES_MAX} entities: split the file")
    if mistakes:
        raise DirectoryFileError("\n".join(mistakes))
    return DirectoryFile(outline.tenant, tuple(entities))


def records_of(file: DirectoryFile, before: Mapping[str, TechnicianDefined], now: datetime) -> Iterator[Outgoing]:
    """The records that bring the topics to what the file says.

    Args:
        file: what is wanted. Entities that it does not name stay as they are.
        before: the technicians as the topic has them now, by id: who changes pools leaves the old one's roster.
        now: when this was said.

    A technician's presence is written when the file changes it, not each time: meanwhile it is theirs to say. Ids
    come from contents and time, so repeating one load repeats its ids, and a later one has ids of its own.
    """
    topics = {topic.types[0]: topic for topic in DIRECTORY.values()}
    for entity in file.entities:
        key = record_key(entity)
        yield _record(topics[_contract(entity)], key, key, entity, file.tenant, now)
        if isinstance(entity, TechnicianDefined):
            for news in _for_router(entity, before.get(entity.technician_id)):
                yield _record(ROUTING_WORK, news.pool, news.technician_id, news, file.tenant, now)
        elif isinstance(entity, PoolDefined) and entity.routing is not None:
            stated = RoutingPolicyStated.new(pool=entity.pool, policy=entity.routing)
            yield _record(ROUTING_WORK, entity.pool, entity.pool, stated, file.tenant, now)


def news_record(news: PresenceChanged, tenant: str, now: datetime) -> Outgoing:
    """The record that tells a pool's router how someone is there, apart from what the directory says of them."""
    return _record(ROUTING_WORK, news.pool, news.technician_id, news, tenant, now)


def _for_router(
    technician: TechnicianDefined, was: TechnicianDefined | None
) -> Iterator[TechnicianRostered | PresenceChanged]:
    moved = was is not None and was.pool != technician.pool
    if was is not None and moved:
        yield rostered_as(was, active=False)
    yield rostered_as(technician, active=technician.active)
    if was is None or moved or was.presence != technician.presence:
        yield PresenceChanged.new(
            technician_id=technician.technician_id, pool=technician.pool, presence=technician.presence
        )


def _contract(entity: Contract) -> type[Contract]:
    model: type[Contract] = getattr(type(entity), "model", type(entity))
    return model


def rostered_as(technician: TechnicianDefined, *, active: bool) -> TechnicianRostered:
    """What a technician's router is told of them."""
    return TechnicianRostered.new(
        technician_id=technician.technician_id,
        pool=technician.pool,
        team=technician.team,
        skills=technician.skills,
        languages=technician.languages,
        level=technician.level,
        capacity=technician.capacity,
        active=active,
        products=technician.products,
        tiers=technician.tiers,
        conflicts=technician.conflicts,
        shift=technician.shift,
    )


def _record(topic: Topic, key: str, subject: str, data: Contract, tenant: str, now: datetime) -> Outgoing:
    digest = sha256(msgspec.json.encode(data)).hexdigest()[:16]
    value = envelope.encode(
        type_name=data.type_name,
        event_id=f"directory/{topic.name}/{subject}/{now.isoformat()}/{digest}",
        source=SOURCE,
        time=now,
        subject=subject,
        tenant=tenant,
        data=data,
    )
    return Outgoing(topic.name, key, value)


def _with_definition(entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    if "definition_file" not in entry:
        return entry
    rest = {name: value for name, value in entry.items() if name != "definition_file"}
    return {**rest, "definition": (folder / entry["definition_file"]).read_text("utf-8")}


def _place(item: Any) -> str:
    return ".".join(str(part) for part in item["loc"])


def _named_twice(entities: Iterable[Contract]) -> list[str]:
    seen: set[tuple[str, str]] = set()
    mistakes = []
    for entity in entities:
        name = (entity.type_name, record_key(entity))
        if name in seen:
            mistakes.append(f"{record_key(entity)} is there twice ({entity.type_name})")
        seen.add(name)
    return mistakes
