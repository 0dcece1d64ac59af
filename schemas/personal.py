"""Personal data: where it is, the one codec it passes through, and how it is kept out of logs.

`Annotated[str, Personal]` marks a field. The mark shows in JSON Schema as `x-personal-data: true`. Before an event is
encoded and after it is decoded every marked text passes the installed `PersonalCodec`. Without one installed nothing
is called and nothing is paid. A codec that encrypts under a key of (tenant, subject) makes erasing a matter of dropping
the key, also for what is already in an immutable log.

Only text can be personal: `str`, `str | None`, `tuple`/`list` of `str` and `dict[str, str]`; in a nested part mark its
own fields. A sealed text is longer than the open one, so `max_length` of a marked field is that of the *wire form* and
must leave room (`SEALED_ROOM`), and patterns are refused: a constraint that holds only for open text would break on the
day encryption is switched on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

SEALED_ROOM: Final = 320
"""Least `max_length` a marked field may have, in characters: room for the sealed form of a 60-character name."""

MASK: Final = "***"
"""What stands in logs where personal data was."""

Value = TypeVar("Value")
Plan = dict[str, tuple[bool, "type[BaseModel] | None"]]
"""Fields of a model or struct that hold personal data: whether marked itself, and which part inside has marks."""


class _PersonalMark:
    """The marker `Personal`; stateless."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        json_schema = handler(schema)
        json_schema["x-personal-data"] = True
        return json_schema

    def __repr__(self) -> str:
        return "Personal"


Personal: Final = _PersonalMark()


class Scope(NamedTuple):
    """Whose data a text is: the tenant, and the envelope's subject (a ticket or conversation id)."""

    tenant: str
    subject: str


class PersonalCodec(Protocol):
    """Turns open text into its wire form and back; `open(seal(text, scope), scope) == text`.

    `seal` gives text that JSON can carry, no longer than the marked field allows. `open` also accepts text that was
    never sealed (events from before the codec) and gives a placeholder once the key is gone; neither may raise for
    text that the other made.
    """

    def seal(self, text: str, scope: Scope) -> str:
        """Wire form of an open text."""
        ...

    def open(self, text: str, scope: Scope) -> str:
        """Open form of a wire text."""
        ...


class _Installation:
    """The process's codec. None is the identity, so the hot path pays one attribute look-up."""

    codec: PersonalCodec | None = None


installation: Final = _Installation()


def install(codec: PersonalCodec | None) -> None:
    """Make every later encode and decode of this process use `codec`; None goes back to the identity."""
    installation.codec = codec


def is_installed() -> bool:
    """Whether a codec other than the identity is in use, so that reading needs a scope."""
    return installation.codec is not None


def seal(value: Value, scope: Scope) -> Value:
    """`value` (a struct derived from a contract) with its marked texts in wire form; itself without a codec."""
    codec = installation.codec
    return value if codec is None else _apply(value, lambda text: codec.seal(text, scope))


def unseal(value: Value, scope: Scope) -> Value:
    """`value` (a struct just decoded) with its marked texts open; itself without a codec."""
    codec = installation.codec
    return value if codec is None else _apply(value, lambda text: codec.open(text, scope))


def personal_fields(model: type[BaseModel]) -> tuple[str, ...]:
    """Dotted paths of the marked fields of a model, parts included: `("requester.name", "subject_line")`."""
    paths: list[str] = []
    for name, (marked, part) in plan_of(model).items():
        paths += [name] if marked else []
        paths += [f"{name}.{inner}" for inner in personal_fields(part)] if part is not None else []
    return tuple(paths)


def plan_of(model: type) -> Plan:
    """The plan of a model or of its struct; empty where nothing is personal."""
    plan: Plan = getattr(model, "__personal__", {})
    return plan


def redact(value: object) -> object:
    """`value` for a log line: structs and models become dicts whose personal texts are masked; scalars stay.

    A bare text cannot be told to be personal: pass the part that holds it, or use `MASK`.
    """
    if isinstance(value, (list, tuple)):
        return [redact(item) for item in value]
    if isinstance(value, dict):
        return {key: redact(item) for key, item in value.items()}
    if not hasattr(type(value), "__personal__"):
        return value
    plan = plan_of(type(value))
    return {name: masked(item) if plan.get(name, (False, None))[0] else redact(item) for name, item in _items(value)}


def masked(value: object) -> object:
    """A personal value for a log line: every text in it masked, null kept."""
    return _mapped(value, lambda _: MASK)


def _items(value: object) -> list[tuple[str, object]]:
    names = getattr(value, "__struct_fields__", None) or type(value).model_fields  # type: ignore[attr-defined]
    return [(name, getattr(value, name)) for name in names]


def _apply(value: Value, change: Callable[[str], str]) -> Value:
    """A struct with `change` done to every marked text in it; the same object when it holds none."""
    plan = plan_of(type(value))
    if not plan:
        return value
    changed = {
        name: _mapped(getattr(value, name), change) if marked else _inside(getattr(value, name), change)
        for name, (marked, _) in plan.items()
    }
    replaced: Value = msgspec.structs.replace(value, **changed)  # type: ignore[type-var]
    return replaced


def _mapped(value: object, change: Callable[[str], str]) -> object:
    """A marked value with every text changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_mapped(item, change) for item in value)
    return value


def _inside(value: object, change: Callable[[str], str]) -> object:
    """A field that holds parts with marked fields, each part changed."""
    if isinstance(value, dict):
        return {key: _inside(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_inside(item, change) for item in value)
    return _apply(value, change)
