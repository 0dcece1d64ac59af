"""pydantic and msgspec accept, refuse and write the same, for every contract, inside its envelope.

Generic: a golden sample with a few fields replaced by other values of their types, as the derived struct describes
them, and every second time with something spoilt.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect
from pydantic import ValidationError

from schemas.catalog import CATALOG
from schemas.contract import Contract, Day, Part
from schemas.envelope import envelope_of
from schemas.sampling import sample_of

EXAMPLES = 24  # a contract, after its plain sample
CHANGES_MAX = 4  # fields an example

TEXTS = st.text(max_size=8) | st.sampled_from(["", "\x00", "\u2028", "\x7f", "😀", '"\\/\b\f\n\r\t', "长" * 1_001])
NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
JUNK = st.none() | st.booleans() | NUMBERS | TEXTS | st.sampled_from([[], {}, [None], {"x": 1}, "P1", "new"])
OFFSETS = st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(-timedelta(hours=3, minutes=30))])
ODD_INSTANTS = [
    "2026-11-22 08:30:00Z",
    "2026-11-22t08:30:00z",
    "2026-11-22T08:30Z",
    "2026-11-22T08:30:60Z",
    "2026-11-22T24:00:00Z",
    "2026-11-22T08:30:00.1234567899Z",
    "2026-11-22T08:30:00-00:00",
    "2026-11-22T08:30:00",
    "2026-02-30T00:00:00Z",
    "1763800000",
]
INSTANTS = st.builds(
    lambda seconds, offset: datetime.fromtimestamp(seconds / 1000, offset).isoformat(),
    st.integers(-(10**12), 10**14),
    OFFSETS,
) | st.sampled_from(ODD_INSTANTS)
DAYS = st.dates().map(str) | st.sampled_from(["2026-02-30", "20261122", "2026-11-22T00:00:00Z", "26-11-22"])

Values = st.SearchStrategy[Any]


def texts(shape: inspect.StrType) -> Values:
    near = [length for length in (shape.min_length, shape.max_length) if length is not None and length < 5_000]
    lengths = st.sampled_from([0, *near, *(length + 1 for length in near)]).map("长".__mul__)
    return st.from_regex(shape.pattern) | TEXTS if shape.pattern is not None else TEXTS | lengths


def integers(shape: inspect.IntType) -> Values:
    low, high = bounds(shape)
    return st.integers(low, high) | st.sampled_from([low, high, low - 1, high + 1])


def floats(shape: inspect.FloatType) -> Values:
    low, high = bounds(shape)
    return st.floats(low, high) | st.integers(int(low), int(high)) | st.sampled_from([low, high, high * 2, -0.0])


def bounds(shape: inspect.IntType | inspect.FloatType) -> tuple[Any, Any]:
    low = shape.ge if shape.ge is not None else shape.gt
    high = shape.le if shape.le is not None else shape.lt
    assert low is not None
    assert high is not None
    return low, high


def objects(shape: inspect.StructType) -> Values:
    required = {field.name: values(field.type) for field in shape.fields if field.required}
    return st.fixed_dictionaries(required, optional={f.name: values(f.type) for f in shape.fields if not f.required})


MAKERS: Mapping[type, Callable[[Any], Values]] = {
    inspect.NoneType: lambda _: st.none(),
    inspect.BoolType: lambda _: st.booleans(),
    inspect.StrType: texts,
    inspect.IntType: integers,
    inspect.FloatType: floats,
    inspect.DateTimeType: lambda _: INSTANTS,
    inspect.DateType: lambda _: DAYS,
    inspect.EnumType: lambda shape: st.sampled_from([member.value for member in shape.cls]),
    inspect.LiteralType: lambda shape: st.sampled_from(shape.values),
    inspect.UnionType: lambda shape: st.one_of(*map(values, shape.types)),
    inspect.ListType: lambda shape: st.lists(values(shape.item_type), max_size=3),
    inspect.VarTupleType: lambda shape: st.lists(values(shape.item_type), max_size=3),
    inspect.DictType: lambda shape: st.dictionaries(values(shape.key_type), values(shape.value_type), max_size=3),
    inspect.StructType: objects,
}


def values(shape: inspect.Type) -> Values:
    """JSON values that the type takes, now and then one just beyond its constraints."""
    return MAKERS[type(shape)](shape)


class Place(NamedTuple):
    """A field somewhere in an event."""

    path: tuple[str, ...]
    values: Values
    optional: bool


def places(shape: inspect.StructType, path: tuple[str, ...] = ()) -> Iterator[Place]:
    for field in shape.fields:
        yield Place((*path, field.name), values(field.type), not field.required)
        if isinstance(field.type, inspect.StructType):
            yield from places(field.type, (*path, field.name))


def changed(draw: Callable[[Values], Any], sample: dict[str, Any], all_places: list[Place]) -> bytes:
    """The sample with some fields given other values or left out; every second time regardless of their types."""
    event = deepcopy(sample)
    spoil = draw(st.booleans())
    for _ in range(draw(st.integers(1, CHANGES_MAX))):
        place = draw(st.sampled_from(all_places))
        holder: Any = event
        for name in place.path[:-1]:
            holder = holder.get(name) if isinstance(holder, dict) else None
        if not isinstance(holder, dict):
            continue
        action = draw(st.integers(0, 5))
        if action == 0 and (spoil or place.optional):
            holder.pop(place.path[-1], None)
        elif action == 1 and spoil:
            holder[place.path[-1]] = draw(JUNK)
        elif action == 2:
            holder["a field of a newer version"] = draw(JUNK)
        else:
            holder[place.path[-1]] = draw(place.values)
    # The standard library's writer, since msgspec's refuses integers beyond 64 bits.
    return json.dumps(event, ensure_ascii=False).encode()


class Agreement:
    """Reads texts by both sides and counts what they said."""

    def __init__(self, model: type[Part]) -> None:
        self._model = model
        self._decode = msgspec.json.Decoder(model.struct).decode
        self.accepted = 0
        self.refused = 0

    def check(self, text: bytes) -> None:
        try:
            model = self._model.model_validate_json(text)
        except ValidationError:
            with pytest.raises(msgspec.ValidationError):
                self._decode(text)
            self.refused += 1
            return
        struct = self._decode(text)
        written = msgspec.json.encode(struct)
        assert model.model_dump_json().encode() == written
        assert model.to_struct() == struct
        assert self._decode(written) == struct
        self.accepted += 1


def explore(model: type[Part], sample: dict[str, Any], examples: int = EXAMPLES) -> Agreement:
    shape = inspect.type_info(model.struct)
    assert isinstance(shape, inspect.StructType)
    all_places = list(places(shape))
    agreement = Agreement(model)
    agreement.check(json.dumps(sample).encode())

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def agree(data: st.DataObject) -> None:
        agreement.check(changed(data.draw, sample, all_places))

    agree()
    return agreement


@pytest.mark.parametrize("type_name", CATALOG)
def test_both_sides_accept_refuse_and_write_the_same(type_name: str) -> None:
    contract = CATALOG[type_name]
    agreement = explore(envelope_of(contract), json.loads(sample_of(contract)))
    assert agreement.accepted
    assert agreement.refused


class Everything(Contract, type_name="aftercare.test.everything.v1"):
    """The types that the product's contracts may use but seldom do."""

    day: Day
    days: tuple[Day, ...] = ()
    flags: dict[str, bool | None] = {}  # noqa: RUF012 - pydantic copies it
    share: float = 0.5
    nested: list[list[int]] = []  # noqa: RUF012 - as above


def test_both_sides_agree_on_every_supported_type() -> None:
    sample = {"day": "2026-11-22", "days": ["2026-11-23"], "flags": {"a": None}, "share": 0.25, "nested": [[1]]}
    agreement = explore(Everything, sample, examples=200)
    assert min(agreement.accepted, agreement.refused) > 50
