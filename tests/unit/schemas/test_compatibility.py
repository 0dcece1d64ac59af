"""Which changes break a published contract: closed producers, open consumers."""

from enum import StrEnum
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, create_model

from schemas.compatibility import breaks
from schemas.contract import Contract, Instant, Part


class Two(StrEnum):
    A = "a"
    B = "b"


class Three(StrEnum):
    A = "a"
    B = "b"
    C = "c"


class Inner(Part):
    name: str


def schema(**fields: object) -> dict[str, object]:
    model: type[BaseModel] = create_model("Thing", __base__=Contract, **fields)  # type: ignore[call-overload]
    return model.model_json_schema()


def inner(**fields: object) -> type[Part]:
    made: type[Part] = create_model("Inner", __base__=Part, **fields)  # type: ignore[call-overload]
    return made


OLD_EVENTS = "events already written: "
OLD_READERS = "subscribers of the published version: "

FINE = [
    ("nothing changed", {"x": (str, ...)}, {"x": (str, ...)}),
    ("a new optional field", {"x": (str, ...)}, {"x": (str, ...), "y": (int | None, None)}),
    ("a new field with a default", {"x": (str, ...)}, {"x": (str, ...), "y": (int, 3)}),
    ("an optional field dropped", {"x": (str, ...), "y": (str | None, None)}, {"x": (str, ...)}),
    ("fields in another order", {"x": (str, ...), "y": (str, ...)}, {"y": (str, ...), "x": (str, ...)}),
    ("an optional field in a part", {"x": (Inner, ...)}, {"x": (inner(name=(str, ...), age=(int, 1)), ...)}),
]

BROKEN = [
    ({"x": (str, ...), "y": (str, ...)}, {"x": (str, ...)}, OLD_READERS + "y: required, but may be missing"),
    ({"x": (str, ...)}, {"x": (str | None, None)}, OLD_READERS + "x: required, but may be missing"),
    ({"x": (str, ...)}, {"x": (str, ...), "y": (str, ...)}, OLD_EVENTS + "y: required, but may be missing"),
    ({"x": (str, "")}, {"x": (str, ...)}, OLD_EVENTS + "x: required, but may be missing"),
    ({"x": (str, ...)}, {"x": (int, ...)}, OLD_EVENTS + "x: string where integer is expected"),
    ({"x": (int, ...)}, {"x": (float, ...)}, OLD_READERS + "x: number where integer is expected"),
    ({"x": (str, ...)}, {"x": (list[str], ...)}, OLD_EVENTS + "x: string where array is expected"),
    ({"x": (list[str], ...)}, {"x": (list[int], ...)}, OLD_EVENTS + "x[]: string where integer is expected"),
    ({"x": (dict[str, int], ...)}, {"x": (dict[str, str], ...)}, OLD_EVENTS + "x{}: integer where string is expected"),
    ({"x": (dict[str, str], ...)}, {"x": (Inner, ...)}, OLD_EVENTS + "x: fixed fields and free keys are not the same"),
    ({"x": (dict[str, int], ...)}, {"x": (dict[Two, int], ...)}, OLD_EVENTS + "x{key}: any text where one of"),
    ({"x": (Three, ...)}, {"x": (Two, ...)}, OLD_EVENTS + "x: 'c' is refused"),
    ({"x": (Two, ...)}, {"x": (Three, ...)}, OLD_READERS + "x: 'c' is refused"),
    ({"x": (Literal["a"], ...)}, {"x": (Literal["b"], ...)}, OLD_EVENTS + "x: 'a' is refused"),
    ({"x": (str, ...)}, {"x": (Two, ...)}, OLD_EVENTS + "x: any text where one of ['a', 'b'] is expected"),
    ({"x": (str | None, ...)}, {"x": (str, ...)}, OLD_EVENTS + "x: null is refused"),
    ({"x": (str, ...)}, {"x": (str | None, ...)}, OLD_READERS + "x: null is refused"),
    ({"x": (str, ...)}, {"x": (Instant, ...)}, OLD_EVENTS + "x: format 'date-time' is not that of the writer"),
    (
        {"x": (Annotated[str, Field(max_length=9)], ...)},
        {"x": (Annotated[str, Field(max_length=5)], ...)},
        OLD_EVENTS + "x: maxLength 5, but it may be 9",
    ),
    (
        {"x": (Annotated[int, Field(ge=0)], ...)},
        {"x": (Annotated[int, Field(ge=1)], ...)},
        OLD_EVENTS + "x: minimum 1, but it may be 0",
    ),
    (
        {"x": (str, ...)},
        {"x": (Annotated[str, Field(pattern="^a")], ...)},
        OLD_EVENTS + "x: pattern '^a' is not that of the writer",
    ),
    (
        {"x": (Inner, ...)},
        {"x": (inner(name=(str, ...), age=(int, ...)), ...)},
        OLD_EVENTS + "x.age: required, but may be missing",
    ),
]


@pytest.mark.parametrize(("published", "current"), [case[1:] for case in FINE], ids=[case[0] for case in FINE])
def test_a_change_that_neither_side_notices_is_compatible(
    published: dict[str, object], current: dict[str, object]
) -> None:
    assert breaks(schema(**published), schema(**current)) == []


@pytest.mark.parametrize(("published", "current", "reason"), BROKEN, ids=[case[2] for case in BROKEN])
def test_a_change_that_makes_a_reader_refuse_is_named(
    published: dict[str, object], current: dict[str, object], reason: str
) -> None:
    assert any(line.startswith(reason) for line in breaks(schema(**published), schema(**current)))


def test_a_keyword_the_check_does_not_know_is_an_error() -> None:
    odd = schema(x=(str, ...)) | {"not": {}}
    with pytest.raises(ValueError, match="not"):
        breaks(odd, odd)
