"""What a declaration gives, and what it refuses."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
import pytest
from pydantic import ConfigDict, Field, ValidationError, field_validator

from schemas.contract import Contract, Day, Instant, Part, Personal, all_contracts, contract_of, replace
from schemas.shapes import UnsupportedFieldError


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Owner(Part):
    name: Annotated[str, Personal]
    age: int = 30


class Painted(Contract, type_name="aftercare.test.painted.v1", since="0.2.0"):
    """A wall was painted."""

    colour: Colour
    owner: Owner
    at: Instant
    day: Day | None = None
    coats: Annotated[int, Field(ge=1, le=5)] = 1
    tags: tuple[str, ...] = ()
    notes: list[str] = []  # noqa: RUF012 - pydantic copies it, and the struct makes its own
    sizes: dict[str, float] = {}  # noqa: RUF012 - as above
    finish: Literal["matt", "gloss"] = "matt"
    second: Owner = Owner(name="nobody")


AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


def painted(**changes: object) -> Painted:
    event = Painted.new(colour=Colour.RED, owner=Owner.new(name="王磊"), at=AT)
    return replace(event, **changes)


def test_new_builds_a_struct_with_the_models_attributes_and_defaults() -> None:
    event = painted()
    assert isinstance(event, msgspec.Struct)
    assert (event.colour, event.owner.name, event.owner.age, event.coats, event.finish) == (
        Colour.RED,
        "王磊",
        30,
        1,
        "matt",
    )
    assert event.type_name == "aftercare.test.painted.v1"


def test_default_lists_and_parts_are_each_structs_own() -> None:
    one, other = painted(), painted()
    one.notes.append("x")
    assert other.notes == []
    assert isinstance(other.second, msgspec.Struct)
    assert other.second.name == "nobody"


def test_a_struct_is_an_instance_of_its_model_and_of_its_bases_only() -> None:
    event: object = painted()
    assert isinstance(event, Painted)
    assert isinstance(event, Contract)
    assert not isinstance(painted().owner, Painted)
    match event:
        case Painted(owner=Owner(name=name)):
            assert name == "王磊"
        case _:
            pytest.fail("match does not see the struct")


def test_a_struct_can_be_changed_only_as_a_copy() -> None:
    event = painted()
    assert replace(event, coats=3).coats == 3
    with pytest.raises(AttributeError):
        event.coats = 3  # type: ignore[misc]


def test_model_and_struct_turn_into_each_other() -> None:
    event = painted(sizes={"door": 2.5}, tags=("a", "b"))
    model = Painted.from_struct(event)
    assert not isinstance(model, msgspec.Struct)
    assert model.sizes == {"door": 2.5}
    assert model.to_struct() == event


def test_a_struct_is_refused_where_a_model_nests() -> None:
    with pytest.raises(TypeError, match=r"not Owner\.new"):
        Painted(colour=Colour.RED, owner=Owner.new(name="x"), at=AT)


def test_null_and_empty_are_left_out_and_other_defaults_are_written() -> None:
    text = msgspec.json.encode(painted())
    assert text == (
        b'{"colour":"red","owner":{"name":"\xe7\x8e\x8b\xe7\xa3\x8a","age":30},"at":"2026-11-22T08:30:00Z",'
        b'"coats":1,"finish":"matt","second":{"name":"nobody","age":30}}'
    )
    assert Painted.from_struct(painted()).model_dump_json().encode() == text


def test_producers_are_closed_and_consumers_open() -> None:
    text = b'{"name":"x","hobby":"chess"}'
    assert Owner.model_validate_json(text).name == "x"
    assert msgspec.json.decode(text, type=Owner.struct).name == "x"
    with pytest.raises(ValidationError, match="hobby"):
        Owner.closed_validate(text)
    with pytest.raises(ValidationError, match=r"owner\.hobby"):
        Painted.closed_validate({"colour": "red", "at": AT, "owner": {"name": "x", "hobby": "chess"}})


def test_closed_validation_takes_what_can_be_written_as_json() -> None:
    model = Painted.closed_validate({"colour": "blue", "at": AT, "owner": {"name": "x"}})
    assert (model.colour, model.at) == (Colour.BLUE, AT)


def test_validation_errors_name_the_field_and_not_the_value() -> None:
    with pytest.raises(ValidationError) as raised:
        Owner.closed_validate({"name": "13800001234", "age": "secret"})
    assert "age" in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("text", ["2026-11-22T08:30:00", "2026-11-22", "yesterday", "2026-11-22T25:00:00Z", ""])
def test_an_instant_without_offset_or_meaning_is_refused_by_both(text: str) -> None:
    body = msgspec.json.encode({"colour": "red", "owner": {"name": "x"}, "at": text})
    with pytest.raises(ValidationError):
        Painted.model_validate_json(body)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=Painted.struct)


def test_a_naive_datetime_is_refused_in_python_too() -> None:
    with pytest.raises(ValidationError, match="at"):
        Painted(colour=Colour.RED, owner=Owner(name="x"), at=datetime(2026, 1, 1))  # noqa: DTZ001 - meant


def test_personal_data_is_masked_in_both_reprs() -> None:
    assert "王磊" not in repr(painted())
    assert "王磊" not in repr(Painted.from_struct(painted()))


def test_a_contract_is_registered_under_its_type_name() -> None:
    assert contract_of("aftercare.test.painted.v1") is Painted
    assert all_contracts()["aftercare.test.painted.v1"].since == "0.2.0"


def test_a_type_name_that_is_taken_or_malformed_is_refused() -> None:
    with pytest.raises(TypeError, match="is declared by Painted"):
        type("Other", (Contract,), {"__annotations__": {}}, type_name="aftercare.test.painted.v1")
    with pytest.raises(TypeError, match="not aftercare"):
        type("Unversioned", (Contract,), {"__annotations__": {}}, type_name="aftercare.test.painted")


class Plain:
    """Not a contract type."""


@pytest.mark.parametrize(
    "annotation",
    [
        bytes,
        datetime,
        set[str],
        str | int,
        dict[int, str],
        tuple[str, str],
        list[datetime],
        Literal[1, 2],
        Annotated[int, Field(multiple_of=2)],
        Annotated[str, Field(ge=1)],
        Annotated[str, Field(alias="other")],
        Annotated[int, Personal],
        Annotated[Owner, Personal],
        Annotated[str, Personal, Field(max_length=100)],
        Annotated[str, Personal, Field(pattern="^[0-9]+$")],
        Annotated[list[Annotated[str, Field(max_length=20)]], Personal],
    ],
    ids=str,
)
def test_a_field_that_the_struct_could_not_hold_to_is_refused_by_name(annotation: object) -> None:
    with pytest.raises(UnsupportedFieldError, match=r"Refused\.field"):
        type("Refused", (Part,), {"__annotations__": {"field": annotation}})


def test_how_many_personal_texts_there_are_may_be_bounded() -> None:
    class Bounded(Part):
        names: Annotated[list[str], Field(max_length=3), Personal]

    assert Bounded.new(names=["王磊"]).names == ["王磊"]


def test_behaviour_that_the_struct_could_not_have_is_refused() -> None:
    with pytest.raises(UnsupportedFieldError, match="field_validators"):

        class Validated(Part):
            name: str

            @field_validator("name")
            @classmethod
            def check(cls, name: str) -> str:
                return name

    with pytest.raises(UnsupportedFieldError, match="private attributes"):

        class Hiding(Part):
            _secret: str = ""

    with pytest.raises(UnsupportedFieldError, match="shout"):

        class Shouting(Part):
            name: str

            def shout(self) -> str:
                return self.name.upper()

    with pytest.raises(UnsupportedFieldError, match="model_config"):

        class Stripping(Part):
            model_config = ConfigDict(str_strip_whitespace=True)
            name: str


@pytest.mark.parametrize("number", [2**53, -(2**53), 2**70])
def test_numbers_that_not_every_json_reader_keeps_exact_are_refused_by_both(number: int) -> None:
    body = msgspec.json.encode({"name": "x"})[:-1] + f',"age":{number}}}'.encode()
    with pytest.raises(ValidationError):
        Owner.model_validate_json(body)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=Owner.struct)
