"""Checks the parts of a policy's data form; what is wrong is said with its place, so that a line can be named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from services.sla_monitor.domain.instants import InvalidInstant, from_datetime, from_seconds, from_text

MAX_BUDGET_SECONDS: Final = 10 * 366 * 24 * 3600
WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
"""What a policy may call a clock of its own."""


class InvalidPolicy(ValueError):  # noqa: N818 - says what the policy is
    """A policy that can't be used; the message gives the reason, `path` the keys and places that lead to it."""

    def __init__(self, reason: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(reason)
        self.path = path


class Place(NamedTuple):
    """Where in the form something stands: for people in `words`, for a file's lines in `path`."""

    words: str
    path: tuple[str | int, ...] = ()

    def of(self, key: str | int, words: str | None = None) -> Place:
        """The place of a field of this one; `words` says it otherwise than `<this>: <key>`."""
        return Place(f"{self.words}: {key}" if words is None else words, (*self.path, key))

    def refusal(self, reason: str) -> InvalidPolicy:
        """The error to raise; it begins with the place."""
        return InvalidPolicy(f"{self.words}: {reason}", self.path)


def mapping(data: object, place: Place) -> Mapping[Any, Any]:
    """A mapping."""
    if not isinstance(data, Mapping):
        raise place.refusal(f"expected a mapping, got {type(data).__name__}")
    return data


def fields(data: object, place: Place, required: set[str], optional: set[str]) -> Mapping[str, Any]:
    """A mapping with all of the required and none but the optional fields besides."""
    form = mapping(data, place)
    missing, unknown = required - set(form), set(form) - required - optional
    if missing:
        raise place.refusal(f"{', '.join(sorted(missing))} is missing")
    if unknown:
        names = sorted(map(str, unknown))
        raise InvalidPolicy(f"{place.words}: unknown field {', '.join(names)}", (*place.path, names[0]))
    return form


def names(data: object, place: Place) -> tuple[str, ...]:
    """A list of names, in order; a single one may stand for itself."""
    if isinstance(data, str) and data:
        return (data,)
    if not isinstance(data, list | tuple) or not all(isinstance(item, str) and item for item in data):
        raise place.refusal("expected a list of names")
    return tuple(data)


def name(value: object, place: Place) -> str:
    """A text that isn't empty."""
    if not isinstance(value, str) or not value:
        raise place.refusal(f"expected a name, got {value!r}")
    return value


def flag(value: object, place: Place) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise place.refusal(f"expected true or false, got {value!r}")
    return value


def whole(value: object, place: Place, least: int, most: int) -> int:
    """A whole number within bounds."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise place.refusal(f"expected a whole number from {least} to {most}, got {value!r}")
    return value


def span_us(value: object, place: Place) -> int:
    """Seconds as microseconds, at most ten years either way."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise place.refusal(f"expected a number, got {value!r}")
    if not -MAX_BUDGET_SECONDS <= value <= MAX_BUDGET_SECONDS:
        raise place.refusal(f"more than ten years: {value!r}")
    return from_seconds(value)


def instant_us(value: Any, place: Place) -> int | None:
    """An instant as RFC 3339 text, or as YAML reads one; None stays None."""
    try:
        if value is None or isinstance(value, str):
            return None if value is None else from_text(value)
        return from_datetime(value)
    except (InvalidInstant, AttributeError, TypeError) as error:
        raise place.refusal(str(error)) from None
