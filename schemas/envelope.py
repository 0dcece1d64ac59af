"""CloudEvents 1.0 in structured mode: the JSON around every contract's `data`, and its codec.

    {"specversion": "1.0", "id": …, "source": …, "type": …, "time": …, "subject": …, "dataschema": …, "tenant": …,
     "traceparent": …, "data": {…}}

Processors read in two steps, `decode_head` and, for the types they care about, `decode_data`; `data` is not parsed
before. They write with `encode`. Edges and subscribers that want pydantic's checks use `envelope_of(contract)`.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, Literal, TypeVar, cast

import msgspec
from pydantic import Field, create_model

from schemas import topics
from schemas.contract import Contract, Instant, Part, contract_of
from schemas.personal import Scope, installation, seal, unseal

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT_TYPE_HEADER: Final = ("content-type", b"application/cloudevents+json")
"""The only Kafka header of an event."""

SCHEMA_URI_PREFIX: Final = "urn:aftercare:schema:"

TOPICS: Final = topics.TOPICS  # importing them registers every contract of the product

Payload = TypeVar("Payload", bound=Contract)
Words = Annotated[str, Field(min_length=1, max_length=1024)]


class InvalidEvent(ValueError):  # noqa: N818 - says what the event is
    """An event that is no JSON or breaks its contract. `path` is where (`$.data.reason`), or "" for malformed JSON.

    The message names what was expected, never a text that a person wrote.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(f"{reason} at {path}" if path else reason)
        self.path = path


class UnknownType(LookupError):  # noqa: N818 - says what the type is
    """No imported contract has this type name: a newer producer's, or not ours. `type_name` is what it said."""

    def __init__(self, type_name: str) -> None:
        super().__init__(f"no contract {type_name!r}")
        self.type_name = type_name


class Attributes(Part):
    """The envelope without `data`. `time` is when the fact occurred, `subject` what it is about (a ticket id).

    `source` is the part of the product that states it (`/aftercare/intake`), `id` is unique within that.
    """

    specversion: Literal["1.0"]
    id: Words
    source: Words
    type: Words
    time: Instant
    subject: Words | None = None
    dataschema: Words
    tenant: Words
    traceparent: Annotated[str, Field(max_length=128)] | None = None


class Envelope(Attributes, Generic[Payload]):
    """A whole event; `Envelope[TicketOpened]` for one type, `envelope_of` to have `type` pinned too."""

    data: Payload


_SHAPE: Final[Any] = {"frozen": True, "kw_only": True, "omit_defaults": True, "gc": False}

if TYPE_CHECKING:

    class Head(Attributes):
        """The attributes, decoded, and `data` still as the bytes that came in."""

        data: msgspec.Raw

else:
    Head = msgspec.defstruct("Head", [("data", msgspec.Raw)], bases=(Attributes.struct,), **_SHAPE)

_Outgoing: Final = msgspec.defstruct("_Outgoing", [("data", Any)], bases=(Attributes.struct,), **_SHAPE)


def _written(value: object) -> object:
    """Lets a validated model be sent as it is."""
    if isinstance(value, Part):
        return value.to_struct()
    raise TypeError(f"{type(value).__name__} is neither a contract nor its struct")


_encode: Final = msgspec.json.Encoder(enc_hook=_written).encode
_decode_head: Final = msgspec.json.Decoder(Head).decode


class _Decoders(dict[str, "Callable[[msgspec.Raw], Any]"]):
    """The decoder of each type name's struct, made when first asked for."""

    def __missing__(self, type_name: str) -> Callable[[msgspec.Raw], Any]:
        contract = contract_of(type_name)
        if contract is None:
            raise UnknownType(type_name)
        self[type_name] = decoder = msgspec.json.Decoder(contract.struct).decode
        return decoder


_decoders: Final = _Decoders()


def schema_uri(type_name: str) -> str:
    """The `dataschema` of a type."""
    return SCHEMA_URI_PREFIX + type_name


def type_name_of(data: Contract) -> str:
    """The CloudEvents type of a payload, model or struct."""
    return data.type_name


def encode(
    *,
    type_name: str,
    event_id: str,
    source: str,
    time: datetime,
    subject: str | None,
    tenant: str,
    data: Contract,
    traceparent: str | None = None,
) -> bytes:
    """The event as it goes on the wire, not validated. `time` must be aware; `data` is a struct or a model.

    Raises:
        TypeError: `data` is something else.
    """
    if installation.codec is not None:
        data = seal(_struct(data), Scope(tenant, subject or ""))
    return _encode(
        _Outgoing(
            specversion="1.0",
            id=event_id,
            source=source,
            type=type_name,
            time=time,
            subject=subject,
            dataschema=SCHEMA_URI_PREFIX + type_name,
            tenant=tenant,
            traceparent=traceparent,
            data=data,
        )
    )


def decode_head(value: bytes) -> Head:
    """The attributes of an event, with `data` left for `decode_data`.

    Raises:
        InvalidEvent: no JSON, or an attribute is missing or wrong.
    """
    try:
        return _decode_head(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(error, "$") from None


def decode_data(type_name: str, raw: msgspec.Raw, scope: Scope | None = None) -> Any:
    """The payload as the struct of its contract. `scope` says whose personal data it is, for the installed codec.

    Raises:
        UnknownType: no contract has this name.
        InvalidEvent: the payload breaks its contract.
        TypeError: a codec is installed and no scope was given.
    """
    try:
        data = _decoders[type_name](raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(error, "$.data") from None
    if installation.codec is not None:
        if scope is None:
            raise TypeError("a personal codec is installed: decode_data needs the scope")
        return unseal(data, scope)
    return data


def scope_of(head: Head) -> Scope:
    """Whose personal data an event holds."""
    return Scope(head.tenant, head.subject or "")


@cache
def envelope_of(contract: type[Payload]) -> type[Envelope[Payload]]:
    """The whole event of one contract as a model, `type` pinned: for edges, subscribers and JSON Schema."""
    return create_model(
        f"{contract.__name__}Event",
        __base__=Envelope[contract],  # type: ignore[valid-type]
        __module__=contract.__module__,
        __doc__=contract.__doc__,
        type=(cast("Any", Literal)[contract.type_name], ...),
    )


def _struct(data: Contract) -> Contract:
    return data if isinstance(data, msgspec.Struct) else data.to_struct()


def _invalid(error: Exception, root: str) -> InvalidEvent:
    reason, _, path = str(error).partition(" - at `")
    return InvalidEvent(reason, path.rstrip("`").replace("$", root, 1))
