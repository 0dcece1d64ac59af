"""The CloudEvents envelope and its two-step codec."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import pytest
from pydantic import ValidationError

from schemas import envelope, personal
from schemas.contract import Contract, Part, Personal
from schemas.envelope import InvalidEvent, UnknownType, decode_data, decode_head, encode, envelope_of, scope_of
from schemas.personal import Scope, personal_fields, redact


class Sender(Part):
    name: Annotated[str | None, Personal] = None
    tier: str = "standard"


class Written(Contract, type_name="aftercare.test.written.v1"):
    """Something was written."""

    sequence: int
    sender: Sender
    text: Annotated[str, Personal]
    copies: list[Sender] = []  # noqa: RUF012 - pydantic copies it
    aliases: Annotated[dict[str, list[str]], Personal] = {}  # noqa: RUF012 - as above


AT = datetime(2026, 11, 22, 8, 30, 0, 5000, tzinfo=UTC)


def written(**changes: object) -> Written:
    event = Written.new(sequence=1, sender=Sender.new(name="王磊"), text="打印机坏了")
    return msgspec.structs.replace(event, **changes)  # type: ignore[type-var]


def sent(data: Contract, traceparent: str | None = None) -> bytes:
    return encode(
        type_name=envelope.type_name_of(data),
        event_id="T-1:1",
        source="/aftercare/test",
        time=AT,
        subject="T-1",
        tenant="acme",
        traceparent=traceparent,
        data=data,
    )


def test_an_event_is_a_structured_cloudevent() -> None:
    assert msgspec.json.decode(sent(written(), "00-a-b-01")) == {
        "specversion": "1.0",
        "id": "T-1:1",
        "source": "/aftercare/test",
        "type": "aftercare.test.written.v1",
        "time": "2026-11-22T08:30:00.005000Z",
        "subject": "T-1",
        "dataschema": "urn:aftercare:schema:aftercare.test.written.v1",
        "tenant": "acme",
        "traceparent": "00-a-b-01",
        "data": {"sequence": 1, "sender": {"name": "王磊", "tier": "standard"}, "text": "打印机坏了"},
    }


def test_an_absent_traceparent_is_left_out() -> None:
    assert b"traceparent" not in sent(written())


def test_head_then_data_give_back_what_was_sent() -> None:
    head = decode_head(sent(written()))
    assert (head.id, head.time, head.subject, head.tenant, head.traceparent) == ("T-1:1", AT, "T-1", "acme", None)
    assert decode_data(head.type, head.data) == written()


def test_a_model_is_sent_like_its_struct() -> None:
    assert sent(Written.from_struct(written())) == sent(written())


def test_what_is_no_contract_is_not_sent() -> None:
    with pytest.raises(TypeError, match="neither a contract nor its struct"):
        encode(
            type_name="x",
            event_id="1",
            source="s",
            time=AT,
            subject=None,
            tenant="t",
            data=object(),  # type: ignore[arg-type]
        )


def test_a_type_nobody_declared_is_unknown_and_its_head_still_readable() -> None:
    head = decode_head(sent(written()).replace(b"aftercare.test.written.v1", b"aftercare.test.written.v9"))
    with pytest.raises(UnknownType) as raised:
        decode_data(head.type, head.data)
    assert raised.value.type_name == "aftercare.test.written.v9"


@pytest.mark.parametrize("value", [b"", b"null", b"[]", b"{", b"\xff", b'{"specversion":"1.0"}', b"[" * 100_000])
def test_what_is_no_event_is_invalid(value: bytes) -> None:
    with pytest.raises(InvalidEvent):
        decode_head(value)


def test_a_wrong_attribute_is_invalid_and_named() -> None:
    with pytest.raises(InvalidEvent) as raised:
        decode_head(sent(written()).replace(b'"1.0"', b'"0.3"', 1))
    assert raised.value.path == "$.specversion"


def test_a_wrong_field_is_invalid_and_named_without_its_value() -> None:
    head = decode_head(sent(written()).replace("打印机坏了".encode(), b"x").replace(b'"x"', b"17"))
    with pytest.raises(InvalidEvent) as raised:
        decode_data(head.type, head.data)
    assert raised.value.path == "$.data.text"
    assert "17" not in str(raised.value)


def test_fields_that_a_newer_producer_adds_are_ignored() -> None:
    value = sent(written()).replace(b'"sequence":1', b'"sequence":1,"mood":"good"').replace(b'"id"', b'"x":1,"id"', 1)
    head = decode_head(value)
    assert decode_data(head.type, head.data) == written()


def test_the_model_of_a_whole_event_pins_its_type() -> None:
    model = envelope_of(Written).model_validate_json(sent(written()))
    assert model.data.text == "打印机坏了"
    with pytest.raises(ValidationError, match="type"):
        envelope_of(Written).model_validate_json(sent(written()).replace(b"written.v1", b"written.v2"))


# ── personal data ────────────────────────────────────────────────────────────────────────────────────────────────


class Rot:
    """Stands for encryption: reversible, recognisable, bound to its scope."""

    def seal(self, text: str, scope: Scope) -> str:
        return f"sealed:{scope.tenant}:{scope.subject}:{text[::-1]}"

    def open(self, text: str, scope: Scope) -> str:
        prefix = f"sealed:{scope.tenant}:{scope.subject}:"
        return text.removeprefix(prefix)[::-1] if text.startswith(prefix) else text


@pytest.fixture
def codec() -> Iterator[None]:
    personal.install(Rot())
    yield
    personal.install(None)


FULL = {
    "copies": [Sender.new(name="李娜"), Sender.new()],
    "aliases": {"work": ["wang"], "home": []},
}


def test_personal_fields_are_listed_through_parts_and_lists() -> None:
    assert personal_fields(Written) == ("sender.name", "text", "copies.name", "aliases")


@pytest.mark.usefixtures("codec")
def test_every_personal_text_is_sealed_on_the_wire_and_nothing_else() -> None:
    data = msgspec.json.decode(sent(written(**FULL)))["data"]
    assert data == {
        "sequence": 1,
        "sender": {"name": "sealed:acme:T-1:磊王", "tier": "standard"},
        "text": "sealed:acme:T-1:了坏机印打",
        "copies": [{"name": "sealed:acme:T-1:娜李", "tier": "standard"}, {"tier": "standard"}],
        "aliases": {"work": ["sealed:acme:T-1:gnaw"], "home": []},
    }


@pytest.mark.usefixtures("codec")
def test_sealed_events_open_again_and_models_are_sealed_too() -> None:
    value = sent(Written.from_struct(written(**FULL)))
    head = decode_head(value)
    assert decode_data(head.type, head.data, scope_of(head)) == written(**FULL)


@pytest.mark.usefixtures("codec")
def test_reading_without_a_scope_is_refused_once_a_codec_is_installed() -> None:
    head = decode_head(sent(written()))
    with pytest.raises(TypeError, match="scope"):
        decode_data(head.type, head.data)


def test_events_from_before_the_codec_are_still_read() -> None:
    value = sent(written(**FULL))
    personal.install(Rot())
    try:
        head = decode_head(value)
        assert decode_data(head.type, head.data, scope_of(head)) == written(**FULL)
    finally:
        personal.install(None)


def test_without_a_codec_sealing_gives_back_the_same_object() -> None:
    event = written()
    assert personal.seal(event, Scope("acme", "T-1")) is event


def test_redacted_values_keep_everything_but_personal_data() -> None:
    assert redact([written(**FULL)]) == [
        {
            "sequence": 1,
            "sender": {"name": "***", "tier": "standard"},
            "text": "***",
            "copies": [{"name": "***", "tier": "standard"}, {"name": None, "tier": "standard"}],
            "aliases": {"work": ["***"], "home": []},
        }
    ]
    assert redact(Written.from_struct(written())) == redact(written())
    assert redact("plain") == "plain"


def test_personal_fields_are_marked_in_json_schema() -> None:
    schema = Written.model_json_schema()
    assert schema["properties"]["text"]["x-personal-data"] is True
    assert schema["$defs"]["Sender"]["properties"]["name"]["x-personal-data"] is True
    assert "x-personal-data" not in schema["properties"]["sequence"]
