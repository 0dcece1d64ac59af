"""How contracts are declared: `Part` for nested values, `Contract` for what travels as an event's `data`.

    class TicketClosed(TicketEvent, type_name="aftercare.ticket.closed.v1"):
        reason: Line

One declaration, two classes. The pydantic model validates at the edges and gives the JSON Schema. Beside it stands a
msgspec struct derived from it at import (`schemas.derive`), which is what processors hold:

    event = TicketClosed.new(ticket_id=…, reason="confirmed")     # a struct; not validated, about 0.3 µs
    def on_closed(event: TicketClosed) -> …                       # annotated with the model's name
    msgspec.json.Decoder(TicketClosed.struct)                     # decodes to the struct

To the type checker `new` and `struct` are the model's own class (see `Derived`), so a struct is built, annotated,
matched and read under the model's one name; there is no second set of declarations that could drift. The struct has
the same attributes, `replace` gives a changed copy, and `isinstance(struct, TicketClosed)` holds, so `match`
works. What it lacks is pydantic's methods: `from_struct` and `to_struct` go from one to the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar, Final, Protocol, Self, TypeVar, cast

import msgspec
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic._internal._model_construction import ModelMetaclass
from pydantic_core import CoreSchema

from schemas.derive import derive
from schemas.personal import Personal, Plan, masked, plan_of
from schemas.scalars import Day, Instant
from schemas.shapes import UnsupportedFieldError
from schemas.wire import tighten

__all__ = ["Contract", "Day", "Instant", "Part", "Personal", "all_contracts", "contract_of", "replace"]

FREE_SETTINGS: Final = ConfigDict(title=None, json_schema_extra=None)
"""The settings of a model that change nothing about what is read and written."""

TYPE_NAME: Final = re.compile(r"aftercare(\.[a-z][a-z0-9_]*)+\.v[1-9][0-9]*")

Model = TypeVar("Model", bound="Part")

_contracts: dict[str, type[Contract]] = {}


class Derived:
    """Types `Model.new` and `Model.struct` as the model's own class; each class then holds its struct there."""

    def __get__(self, instance: object, owner: type[Model]) -> type[Model]:
        """Only reached on `Part` itself, which has no fields and no struct."""
        raise AttributeError(f"{owner.__name__} has no derived struct")


class _Replace(Protocol):
    def __call__(self, struct: Model, /, **changes: Any) -> Model:
        """A copy of a derived struct with some fields changed; not validated."""
        ...


replace: Final = cast("_Replace", msgspec.structs.replace)
"""`msgspec.structs.replace`, typed for structs that are annotated with their model's name."""


class _StructsAreInstances(ModelMetaclass):
    """Makes a derived struct pass for an instance of its model in `isinstance` and `match`."""

    def __instancecheck__(self, instance: object) -> bool:
        model = getattr(type(instance), "model", None)
        return super().__instancecheck__(instance) or (isinstance(model, type) and issubclass(model, self))


class Part(BaseModel, metaclass=_StructsAreInstances):
    """A value inside an event. Frozen; consumers ignore fields they don't know; JSON is read strictly."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        strict=True,
        allow_inf_nan=False,
        regex_engine="python-re",
        hide_input_in_errors=True,
        # A struct nested in a model passes `isinstance` and would fail when written; looked at again it fails at once.
        revalidate_instances="always",
    )

    new: ClassVar = Derived()
    struct: ClassVar = Derived()
    __personal__: ClassVar[Plan] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Derive the struct.

        Raises:
            UnsupportedFieldError: for a field that the struct could not hold to.
        """
        super().__pydantic_init_subclass__(**kwargs)
        if cls.__pydantic_generic_metadata__["parameters"]:
            return  # `Envelope` itself; `Envelope[TicketOpened]` gets its struct
        if {**cls.model_config, **FREE_SETTINGS} != {**Part.model_config, **FREE_SETTINGS}:
            raise UnsupportedFieldError(f"{cls.__qualname__}: model_config would not hold for its struct")
        struct = derive(cls)
        cls.__personal__ = plan_of(struct)
        for name in ("new", "struct"):
            setattr(cls, name, struct)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Build pydantic's own schema within the rules of `schemas.wire`."""
        schema = handler(source)
        tighten(schema)
        return schema

    @classmethod
    def closed_validate(cls, value: object) -> Self:
        """Check what a producer is about to send: JSON text, or anything that can be written as JSON.

        Fields that the contract doesn't know are refused, in parts too. Text forms of enumerations and instants are
        taken, since the value is read as JSON.

        Raises:
            pydantic.ValidationError: with the path of every wrong field, without the values.
        """
        text = value if isinstance(value, (bytes, str)) else msgspec.json.encode(value)
        return cls.model_validate_json(text, extra="forbid")

    @classmethod
    def from_struct(cls, struct: Self) -> Self:
        """The validated model of a derived struct; raises `pydantic.ValidationError`."""
        return cls.model_validate_json(msgspec.json.encode(struct))

    def to_struct(self) -> Self:
        """The derived struct of this model."""
        return msgspec.json.decode(self.model_dump_json(), type=type(self).struct)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Personal data masked, as in the structs: a model may end up in a log line."""
        plan = plan_of(type(self))
        for name, value in super().__repr_args__():
            yield name, masked(value) if name in plan and plan[name][0] else value


class Contract(Part):
    """The payload of one type of event or command.

    `type_name` is CloudEvents' `type` and ends in the version; a class without one is a base for others. `since` is
    the product version that published it first.
    """

    type_name: ClassVar[str]
    since: ClassVar[str]

    def __init_subclass__(cls, *, type_name: str | None = None, since: str = "0.1.0", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if type_name is not None:
            cls.type_name = type_name
            cls.since = since

    @classmethod
    def __pydantic_init_subclass__(
        cls, *, type_name: str | None = None, since: str = "0.1.0", **kwargs: object
    ) -> None:
        """Derive the struct and register the type.

        Raises:
            TypeError: the type name is malformed or taken.
        """
        super().__pydantic_init_subclass__(**kwargs)
        if type_name is None:
            return
        if not TYPE_NAME.fullmatch(type_name):
            raise TypeError(f"{cls.__qualname__}: type name {type_name!r} is not aftercare.<words>.v<number>")
        known = _contracts.setdefault(type_name, cls)
        if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"{type_name} is declared by {known.__qualname__} and by {cls.__qualname__}")
        _contracts[type_name] = cls


def contract_of(type_name: str) -> type[Contract] | None:
    """The contract with this type name, of those imported so far."""
    return _contracts.get(type_name)


def all_contracts() -> dict[str, type[Contract]]:
    """Every contract imported so far, by type name."""
    return dict(_contracts)
