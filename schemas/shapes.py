"""What a field of a contract is on the wire: the type that msgspec decodes, from the annotation that pydantic reads.

Only what both sides treat alike has a shape; for the rest there is `UnsupportedFieldError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec
from annotated_types import GroupedMetadata
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schemas.personal import SEALED_ROOM, Personal
from schemas.scalars import Grammar
from schemas.wire import LARGEST_NUMBER

CONSTRAINTS: Final = ("min_length", "max_length", "pattern", "ge", "le", "gt", "lt")
LENGTHS: Final = frozenset({"min_length", "max_length"})


class UnsupportedFieldError(TypeError):
    """A model declares what its struct could not hold to. Raised at import, never in use."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a field is on the wire: the type msgspec decodes, whether it is personal, and the part inside it."""

    wire_type: Any
    personal: bool = False
    part: type[BaseModel] | None = None


def shape_of(annotation: Any, metadata: Iterable[Any] = ()) -> Shape:
    """Shape of one annotation; `metadata` is what stood beside it in `Annotated`.

    Raises:
        UnsupportedFieldError: saying what of it is not supported.
    """
    marks = list(_flat(metadata))
    if get_origin(annotation) is Annotated:
        inner, *outer = get_args(annotation)
        return shape_of(inner, [*outer, *marks])
    supertype = getattr(annotation, "__supertype__", None)  # NewType
    if supertype is not None:
        return shape_of(supertype, marks)
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
    shape = shape_of(members[0], marks)
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
        item = shape_of(arguments[0])
        return Shape(list[item.wire_type], item.personal, item.part)  # type: ignore[name-defined]
    if origin is tuple and len(arguments) == 2 and arguments[1] is ...:  # noqa: PLR2004 - `X, ...`
        item = shape_of(arguments[0])
        return Shape(tuple[item.wire_type, ...], item.personal, item.part)  # type: ignore[name-defined]
    if origin is dict and (key := shape_of(arguments[0])).wire_type is not None and _is_text(arguments[0]):
        item = shape_of(arguments[1])
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
