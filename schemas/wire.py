"""What both sides agree to put on the wire: which numbers, and which fields are left out.

pydantic and msgspec read and write the same JSON but for two things, settled here. Numbers stay within what every JSON
reader keeps exact (I-JSON, RFC 7493), which also keeps them clear of exponents, written differently by the two. And a
field at its default is left out only where the default says "nothing": null or empty.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

LARGEST_NUMBER: Final = 2**53 - 1
"""Bound of every `int` and `float` field that declares no narrower one, on either side of zero."""


NUMBERS: Final[dict[str, type[int | float]]] = {"int": int, "float": float}
INNER: Final = frozenset({"schema", "items_schema", "keys_schema", "values_schema", "definitions"})
"""Where pydantic's core schemas of supported types nest others."""


def says_nothing(default: object) -> bool:
    """Whether a field with this default is left out when it holds it: null, or an empty text, list or dict."""
    return default is None or (isinstance(default, (str, tuple, list, dict)) and len(default) == 0)


def tighten(schema: Any) -> None:
    """Put the two rules into a pydantic core schema, in place and as often as one likes.

    `schema` is pydantic's nested dict; models inside have been tightened when they were declared.
    """
    if isinstance(schema, (list, tuple)):
        for item in schema:
            tighten(item)
    elif isinstance(schema, dict):
        _tighten_node(schema)


def _tighten_node(node: dict[str, Any]) -> None:
    if node["type"] in NUMBERS:
        _bound(node, NUMBERS[node["type"]])
    elif node["type"] == "model-field":
        _leave_out(node)
    for key in INNER & node.keys():
        tighten(node[key])
    if node["type"] == "model-fields":
        tighten(list(node["fields"].values()))


def _bound(schema: dict[str, Any], number: type[int | float]) -> None:
    if "ge" not in schema and "gt" not in schema:
        schema["ge"] = number(-LARGEST_NUMBER)
    if "le" not in schema and "lt" not in schema:
        schema["le"] = number(LARGEST_NUMBER)


def _leave_out(field: dict[str, Any]) -> None:
    inner = field["schema"]
    if inner["type"] != "default":
        return
    default = inner["default_factory"]() if "default_factory" in inner else inner["default"]
    if says_nothing(default):
        field["serialization_exclude_if"] = _equals(default)


def _equals(default: object) -> Callable[[object], bool]:
    if default is None:
        return lambda value: value is None
    return lambda value: value == default
