"""What a subscriber is handed: an event with typed data, a key that was removed, or a record that can't be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from pydantic import ValidationError

from schemas.catalog import CATALOG
from schemas.contract import Contract
from schemas.envelope import Head, InvalidEvent, decode_head, envelope_of


class Position(NamedTuple):
    """Where a record lies."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Event:
    """One CloudEvent.

    `time` is when the fact occurred, `id` is unique within `source` and the same in every copy, `subject` what it is
    about (a ticket's id). `data` is the validated model of the type's contract, None for a type that this version of
    the kit doesn't know: a newer product writes it, and a subscriber passes it over.
    """

    id: str
    source: str
    type: str
    time: datetime
    subject: str | None
    tenant: str
    traceparent: str | None
    key: str
    data: Contract | None
    position: Position


@dataclass(frozen=True, slots=True)
class Removed:
    """A compacted topic holds this key no longer: forget what you know of it."""

    key: str
    position: Position


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that breaks its contract, with what was wrong. Keep it for somebody to look at, and go on.

    `reason` names fields, never what a person wrote; `value` may hold personal data.
    """

    key: str
    value: bytes
    reason: str
    position: Position


Item = Event | Removed | Unreadable


def read(position: Position, key: bytes | None, value: bytes | None) -> Item:
    """The record at a position, decoded and checked against the contract of its type. Never raises."""
    name = key.decode("utf-8", "replace") if key is not None else ""
    if value is None:
        return Removed(name, position)
    try:
        head = decode_head(value)
        contract = CATALOG.get(head.type)
        data = None if contract is None else envelope_of(contract).model_validate_json(value).data
    except (InvalidEvent, ValidationError) as error:
        return Unreadable(name, value, _reason(error), position)
    return _event(head, name, data, position)


def _event(head: Head, key: str, data: Contract | None, position: Position) -> Event:
    return Event(
        id=head.id,
        source=head.source,
        type=head.type,
        time=head.time,
        subject=head.subject,
        tenant=head.tenant,
        traceparent=head.traceparent,
        key=key,
        data=data,
        position=position,
    )


def _reason(error: InvalidEvent | ValidationError) -> str:
    if isinstance(error, InvalidEvent):
        return str(error)
    # Without the input: it may be what a person wrote.
    return "; ".join(
        f"{each['msg']} at $.{'.'.join(map(str, each['loc']))}"
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    )
