"""Derives the msgspec struct that processors decode into from the pydantic model that declares it.

Only what both sides treat alike is let through; anything else is refused when the module is imported, with the model's
and the field's name. So the models can't say anything that the hot path would not hold to.

Known to differ, and harmless: JSON that no writer of ours makes, inside fields nobody reads. Of a name given twice
pydantic reads the last and msgspec refuses if either is wrong; in unknown fields pydantic lets `NaN` pass, msgspec
invalid UTF-8 and nesting without end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cached_property
from types import FunctionType
from typing import Any, Final

import msgspec
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schemas.personal import redact
from schemas.shapes import Shape, UnsupportedFieldError, shape_of
from schemas.wire import says_nothing

CLASS_ATTRIBUTES: Final = ("type_name", "since")
BEHAVIOUR: Final = (FunctionType, classmethod, staticmethod, property, cached_property)
MODIFIERS: Final = ("alias", "validation_alias", "serialization_alias", "exclude", "exclude_if", "discriminator")


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
        shape = shape_of(field.annotation, field.metadata)
    except UnsupportedFieldError as error:
        raise UnsupportedFieldError(f"{model.__qualname__}.{name}: {error}") from None
    return shape


def _refuse_modifiers(field: FieldInfo) -> None:
    found = [modifier for modifier in MODIFIERS if getattr(field, modifier) is not None]
    if found or field.default_factory_takes_validated_data:
        raise UnsupportedFieldError(f"{', '.join(found) or 'a default made of other fields'} is not supported")


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
