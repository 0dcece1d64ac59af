"""Derives the msgspec struct that processors decode into from the pydantic model that declares it.

Only what both sides treat alike is let through; anything else is refused when the module is imported, with the model's
and the field's name. So the models can't say anything that the hot path would not hold to.

Known to differ, and harmless: JSON that no writer of ours makes, inside fields nobody reads. Of a name given twice
pydantic reads the last and msgspec refuses if either is wrong; in unknown fields pydantic lets `NaN` pass, msgspec
invalid UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cached_property
from types import FunctionType, NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec
from annotated_types import GroupedMetadata
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schemas.personal import SEALED_ROOM, Personal, redact
from schemas.scalars import Grammar
from schemas.wire import LARGEST_NUMBER, says_nothing

CONSTRAINTS: Final = ("min_length", "max_length", "pattern", "ge", "le", "gt", "lt")
CLASS_ATTRIBUTES: Final = ("type_name", "since")
BEHAVIOUR: Final = (FunctionType, classmethod, staticmethod, property, cached_property)
LENGTHS: Final = frozenset({"min_length", "max_length"})
MODIFIERS: Final = ("alias", "validation_alias", "serialization_alias", "exclude", "exclude_if", "discriminator")


class UnsupportedFieldError(TypeError):
    """A model declares what its struct could not hold to. Raised at import, never in use."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a field is on the wire: the type msgspec decodes, whether it is personal, and the part inside it."""

    wire_type: Any
    personal: bool = False
    part: type[BaseModel] | None = None


def derive(model: type[BaseModel]) -> type[msgspec.Struct]:
    """The frozen struct with the model's fields, defaults and constraints, in the same order.

    The struct class carries `model` (where it came from), `__personal__` (for `schemas.personal`) and a contract's
    `type_name` and `since`; it is built without validation and by keyword.

    Raises:
        UnsupportedFieldError: naming model and field.
    """
    _refuse_behaviour(model)
    shapes = {name: _shape_of_field(model, name, field) for name, field in model.model_fields.items()}
    plan = {
        name: (shape.personal, shape.part)
        for name, shape in shapes.items()
        if shape.personal or getattr(shape.part, "__personal__", None)
    }
    names = {name: getattr(model, name) for name in CLASS_ATTRIBUTES if hasattr(model, name)}
    return msgspec.defstruct(
        model.__name__,
        [(name, shape.wire_type, _default(model.model_fields[name])) for name, shape in shapes.items()],
        module=model.__module__,
        namespace={
            "__doc__": model.__doc__,
            "__repr__": _repr,
            "__pydantic_fields_set__": property(_refuse_nesting),
            "__personal__": plan,
            "model": model,
            **names,
        },
        frozen=True,
        kw_only=True,
        omit_defaults=True,
        # Values of text, numbers and other structs form no cycles; millions of them in state must not slow the GC.
        gc=False,
    )


def _repr(struct: msgspec.Struct) -> str:
    return f"{type(struct).__name__}({redact(struct)})"


def _refuse_nesting(struct: msgspec.Struct) -> None:
    """Pydantic asks for this when a struct is put inside a model."""
    name = type(struct).__name__
    raise TypeError(f"a struct can't be nested in a model: use {name}(...) or {name}.from_struct, not {name}.new")


def _refuse_behaviour(model: type[BaseModel]) -> None:
    """Validators would hold at the gateways and not on the hot path; methods would be missed there."""
    decorators = model.__pydantic_decorators__
    found = [kind.name for kind in fields(decorators) if getattr(decorators, kind.name)]
    found += ["private attributes"] if model.__private_attributes__ else []
    found += [
        name for name, member in vars(model).items() if isinstance(member, BEHAVIOUR) and not name.startswith("_")
    ]
    if found:
        raise UnsupportedFieldError(f"{model.__qualname__}: {', '.join(found)} can't be carried over to its struct")


def _shape_of_field(model: type[BaseModel], name: str, field: FieldInfo) -> Shape:
    try:
        _refuse_modifiers(field)
        shape = _shape_of(field.annotation, field.metadata)
    except UnsupportedFieldError as error:
        raise UnsupportedFieldError(f"{model.__qualname__}.{name}: {error}") from None
    return shape


def _refuse_modifiers(field: FieldInfo) -> None:
    found = [modifier for modifier in MODIFIERS if getattr(field, modifier) is not None]
    if found or field.default_factory_takes_validated_data:
        raise UnsupportedFieldError(f"{', '.join(found) or 'a default made of other fields'} is not supported")


def _shape_of(annotation: Any, metadata: Iterable[Any] = ()) -> Shape:
    """Shape of one annotation; `metadata` is what stood beside it in `Annotated`."""
    marks = list(_flat(metadata))
    if get_origin(annotation) is Annotated:
        inner, *outer = get_args(annotation)
        return _shape_of(inner, [*outer, *marks])
    supertype = getattr(annotation, "__supertype__", None)  # NewType
    if supertype is not None:
        return _shape_of(supertype, marks)
    if get_origin(annotation) in {Union, UnionType}:
        return _optional(annotation, marks)
    grammars = [mark for mark in marks if isinstance(mark, Grammar)]
    personal = Personal in marks
    constraints = _constraints([mark for mark in marks if mark not in grammars and mark is not Personal])
    if grammars:
        return _constrained(Shape(grammars[0].wire_type), constraints, allowed=frozenset())
    shape = _plain(annotation, constraints)
    return _personal(shape, annotation, constraints) if personal else shape


def _optional(annotation: Any, marks: list[Any]) -> Shape:
    members = [member for member in get_args(annotation) if member is not NoneType]
    if len(members) != 1 or len(get_args(annotation)) == 1:
        raise UnsupportedFieldError(f"{annotation}: of unions only `X | None` is supported")
    shape = _shape_of(members[0], marks)
    return Shape(shape.wire_type | None, shape.personal, shape.part)


def _plain(annotation: Any, constraints: dict[str, Any]) -> Shape:
    """Shape of a type without markers."""
    if annotation is str:
        return _constrained(Shape(str), constraints, allowed=LENGTHS | {"pattern"})
    if annotation in {int, float}:
        return _number(annotation, constraints)
    if get_origin(annotation) in {list, tuple, dict}:
        return _constrained(_container(annotation), constraints, allowed=LENGTHS)
    if annotation is bool or _is_word(annotation):
        return _constrained(Shape(annotation), constraints, allowed=frozenset())
    struct = getattr(annotation, "struct", None)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and struct is not None:
        return _constrained(Shape(struct, part=annotation), constraints, allowed=frozenset())
    raise UnsupportedFieldError(f"{annotation}: not a supported type (for points in time use Instant, for days Day)")


def _is_word(annotation: Any) -> bool:
    """Whether a closed list of texts: a StrEnum or a Literal of str."""
    if get_origin(annotation) is Literal:
        return all(isinstance(choice, str) for choice in get_args(annotation))
    return isinstance(annotation, type) and issubclass(annotation, StrEnum)


def _number(annotation: type, constraints: dict[str, Any]) -> Shape:
    bounds = {name: annotation(value) for name, value in constraints.items()}
    if not {"ge", "gt"} & bounds.keys():
        bounds["ge"] = annotation(-LARGEST_NUMBER)
    if not {"le", "lt"} & bounds.keys():
        bounds["le"] = annotation(LARGEST_NUMBER)
    return _constrained(Shape(annotation), bounds, allowed=frozenset({"ge", "le", "gt", "lt"}))


def _container(annotation: Any) -> Shape:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is list:
        item = _shape_of(arguments[0])
        return Shape(list[item.wire_type], item.personal, item.part)  # type: ignore[name-defined]
    if origin is tuple and len(arguments) == 2 and arguments[1] is ...:  # noqa: PLR2004 - `X, ...`
        item = _shape_of(arguments[0])
        return Shape(tuple[item.wire_type, ...], item.personal, item.part)  # type: ignore[name-defined]
    if origin is dict and (key := _shape_of(arguments[0])).wire_type is not None and _is_text(arguments[0]):
        item = _shape_of(arguments[1])
        return Shape(dict[key.wire_type, item.wire_type], item.personal, item.part)  # type: ignore[name-defined]
    raise UnsupportedFieldError(f"{annotation}: containers are list[X], tuple[X, ...] and dict[str, X]")


def _is_text(annotation: Any) -> bool:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation is str or _is_word(annotation)


def _personal(shape: Shape, annotation: Any, constraints: dict[str, Any]) -> Shape:
    """A marked shape, refused where its sealed form could not be carried."""
    while get_origin(annotation) in {list, tuple, dict, Annotated}:
        inner = get_args(annotation)
        if get_origin(annotation) is Annotated:
            constraints = constraints | _constraints(_flat(inner[1:]))
            annotation = inner[0]
        else:
            constraints = {}  # those of the container bound how many texts, not how long
            annotation = inner[1 if get_origin(annotation) is dict else 0]
    if annotation is not str:
        raise UnsupportedFieldError(f"{annotation}: only text can be Personal; in a part mark its own fields")
    if "pattern" in constraints or constraints.get("max_length", SEALED_ROOM) < SEALED_ROOM:
        raise UnsupportedFieldError(f"Personal needs room for a sealed form: no pattern, max_length >= {SEALED_ROOM}")
    return Shape(shape.wire_type, personal=True)


def _flat(metadata: Iterable[Any]) -> Iterable[Any]:
    """Single marks out of `Field(...)` and of grouped constraints."""
    for mark in metadata:
        if isinstance(mark, FieldInfo):
            yield from _flat(mark.metadata)
        elif isinstance(mark, GroupedMetadata):
            yield from _flat(mark)
        else:
            yield mark


def _constraints(marks: Iterable[Any]) -> dict[str, Any]:
    """Constraints by their common name; refuses every mark that is not one."""
    found: dict[str, Any] = {}
    for mark in marks:
        stated = {name: value for name, value in _attributes(mark).items() if value is not None}
        if not stated or not stated.keys() <= set(CONSTRAINTS):
            raise UnsupportedFieldError(f"{mark!r} is not supported beside a type")
        found.update(stated)
    return found


def _attributes(mark: Any) -> Mapping[str, Any]:
    """What a constraint of annotated-types or pydantic says, by name."""
    names = getattr(mark, "__slots__", ())
    return {name: getattr(mark, name) for name in names} if names else vars(mark)


def _constrained(shape: Shape, constraints: dict[str, Any], *, allowed: frozenset[str]) -> Shape:
    if not constraints.keys() <= allowed:
        raise UnsupportedFieldError(f"{', '.join(constraints.keys() - allowed)} does not apply to {shape.wire_type}")
    if not constraints:
        return shape
    return Shape(Annotated[shape.wire_type, msgspec.Meta(**constraints)], shape.personal, shape.part)


def _default(field: FieldInfo) -> Any:
    """The default as msgspec wants it. Only one that says nothing may be left out (see `schemas.wire`).

    msgspec leaves a field out by identity with its default and never when a function of ours makes the default.
    """
    if field.is_required():
        return msgspec.NODEFAULT
    made = field.get_default(call_default_factory=True, validated_data={})
    if says_nothing(made) and isinstance(made, (list, dict)):
        return msgspec.field(default_factory=type(made))
    if says_nothing(made):
        return msgspec.field(default=made)
    return msgspec.field(default_factory=_maker(field))


def _maker(field: FieldInfo) -> Callable[[], Any]:
    def make() -> Any:
        made = field.get_default(call_default_factory=True, validated_data={})
        return made.to_struct() if isinstance(made, BaseModel) and hasattr(made, "to_struct") else made

    made = make()
    immutable = field.default_factory is None and not isinstance(made, (list, dict))
    return (lambda: made) if immutable else make
