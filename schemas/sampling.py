"""Makes the golden sample of a contract: one whole event with every field filled, always the same."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import inspect

from schemas import envelope
from schemas.catalog import topics_of
from schemas.contract import Contract
from schemas.ids import event_id
from schemas.sample_values import OCCURRED_AT, SAMPLE_VALUES, TENANT, TICKET, TRACEPARENT

PLAIN: Final[dict[type, Any]] = {
    inspect.BoolType: True,
    inspect.FloatType: 0.5,
    inspect.DateTimeType: OCCURRED_AT,
    inspect.DateType: "2026-11-20",
}
SUBJECTS: Final = ("ticket_id", "delivery_id", "conversation", "key", "entity")
"""Fields that an event is about, the telling ones first; failing these, its first field."""


def sample_of(contract: type[Contract]) -> bytes:
    """The event as compact JSON, in the order in which it would be sent.

    Raises:
        msgspec.ValidationError: the contract's fields need an entry in `schemas.sample_values`.
    """
    content = _content(contract.struct, contract.__name__)
    data = msgspec.convert(content, type=contract.struct)
    subject = next((content[name] for name in SUBJECTS if name in content), next(iter(content.values())))
    return envelope.encode(
        type_name=contract.type_name,
        event_id=_event_id(contract, content),
        source="/aftercare/" + topics_of(contract.type_name)[0].writer.replace(" ", "-"),
        time=msgspec.convert(OCCURRED_AT, type=datetime),
        subject=subject,
        tenant=TENANT,
        traceparent=TRACEPARENT,
        data=data,
    )


def _event_id(contract: type[Contract], content: dict[str, Any]) -> str:
    if topics_of(contract.type_name)[0].name == "ticket.events":
        return event_id(TICKET, content["sequence"])
    return f"{contract.type_name}/{TICKET}/1"


def _content(struct: Any, owner: str) -> dict[str, Any]:
    """JSON value of a struct with every field filled."""
    return {field.name: _value(field.type, owner, field.name) for field in msgspec.structs.fields(struct)}


def _value(wire_type: Any, owner: str, name: str) -> Any:
    """The listed value of a field if its type takes it, else a plain one."""
    for key in (f"{owner}.{name}", name):
        with contextlib.suppress(KeyError, msgspec.ValidationError):
            msgspec.convert(SAMPLE_VALUES[key], type=wire_type)
            return SAMPLE_VALUES[key]
    return _plain(inspect.type_info(wire_type))


def _plain(shape: inspect.Type) -> Any:  # noqa: PLR0911 - one line a kind of type
    match shape:
        case inspect.UnionType(types=types):
            return _plain(next(member for member in types if not isinstance(member, inspect.NoneType)))
        case inspect.StructType(cls=cls):
            return _content(cls, cls.__name__)
        case inspect.EnumType(cls=cls):
            return next(iter(cls)).value
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.IntType(ge=ge, gt=gt):
            return max(1, ge or 0, (gt or 0) + 1)
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            return [_plain(item)]
        case inspect.DictType(key_type=key, value_type=value):
            return {_plain(key): _plain(value)}
        case _:
            return PLAIN.get(type(shape), "sample")
