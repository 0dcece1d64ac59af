"""Samples, schemas and the AsyncAPI document that are committed, and the command that keeps them."""

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from schemas.__main__ import main
from schemas.catalog import CATALOG, strays, topics_of
from schemas.generate import FOLDER, Files, check, generate, publish, sample_problem
from schemas.sampling import sample_of
from schemas.topics import TOPICS

COMMITTED = Files()
OPENED = "aftercare.ticket.opened.v1"


def event(type_name: str) -> dict[str, object]:
    loaded: dict[str, object] = json.loads((COMMITTED.samples / f"{type_name}.json").read_text("utf-8"))
    return loaded


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path)
    generate(made)
    return made


@pytest.fixture(scope="module")
def asyncapi() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((COMMITTED.generated / "asyncapi.yaml").read_text("utf-8"))
    return loaded


def test_every_contract_of_the_product_is_on_a_topic() -> None:
    assert strays() == []


def test_only_dead_letters_travel_on_several_topics() -> None:
    assert all("dead_letter" in name for name in CATALOG if len(topics_of(name)) > 1)


def test_what_is_committed_agrees_with_the_contracts() -> None:
    assert check(COMMITTED) == []


@pytest.mark.parametrize("type_name", CATALOG)
def test_a_sample_is_valid_under_the_generated_schemas(type_name: str, asyncapi: dict[str, Any]) -> None:
    sample = event(type_name)
    schema = json.loads((COMMITTED.generated / f"{type_name}.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(sample["data"])
    jsonschema.Draft202012Validator(asyncapi["components"]["schemas"]["envelope"]).validate(sample)


@pytest.mark.parametrize("type_name", CATALOG)
def test_a_new_sample_fills_every_field(type_name: str) -> None:
    contract = CATALOG[type_name]
    assert set(json.loads(sample_of(contract))["data"]) == set(contract.model_fields)


def test_asyncapi_tells_subscribers_of_every_topic_with_events(asyncapi: dict[str, Any]) -> None:
    assert set(asyncapi["channels"]) == {topic.name for topic in TOPICS if topic.types}
    snapshots = asyncapi["channels"]["ticket.snapshots"]["bindings"]["kafka"]
    assert snapshots["topicConfiguration"]["cleanup.policy"] == ["compact"]
    assert snapshots["partitions"] == 48
    events = asyncapi["channels"]["ticket.events"]
    assert events["bindings"]["kafka"]["topicConfiguration"]["retention.ms"] == 366 * 24 * 3600 * 1000
    assert asyncapi["components"]["messages"][OPENED]["bindings"]["kafka"]["key"]["description"] == "ticket id"
    for message in asyncapi["components"]["messages"].values():
        payload = message["payload"]["allOf"][1]["properties"]["data"]["$ref"]
        assert (COMMITTED.generated / payload).is_file()


def test_generating_again_changes_nothing(files: Files) -> None:
    assert generate(files) == []
    assert check(files) == []


def test_a_drifted_schema_is_shown_as_a_diff(files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = files.generated / f"{OPENED}.json"
    path.write_text(path.read_text("utf-8").replace('"maxLength": 64', '"maxLength": 32', 1), "utf-8")
    assert main(["--folder", str(tmp_path), "check"]) == 1
    shown = capsys.readouterr().err
    assert '-      "maxLength": 32' in shown
    assert '+      "maxLength": 64' in shown
    assert main(["--folder", str(tmp_path), "generate"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"generated/{OPENED}.json"]
    assert main(["--folder", str(tmp_path), "check"]) == 0


def test_a_schema_of_a_type_that_is_gone_is_reported_then_removed(files: Files) -> None:
    path = files.generated / "aftercare.gone.v1.json"
    path.write_text("{}", "utf-8")
    assert check(files) == ["generated/aftercare.gone.v1.json: no topic carries this type"]
    assert generate(files) == [path]
    assert check(files) == []


def test_a_sample_follows_the_contract_until_the_type_is_published_and_never_after(files: Files) -> None:
    path = files.samples / f"{OPENED}.json"
    ours = path.read_text("utf-8")
    path.write_text(ours.replace("王磊", "李雷"), "utf-8")
    assert "李雷" in check(files)[0]
    assert generate(files) == [path]
    publish(files)
    path.write_text(ours.replace("王磊", "李雷"), "utf-8")
    assert check(files) == []
    assert generate(files) == []
    assert "李雷" in path.read_text("utf-8")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"data": {}}, "Object missing required field"),
        ({"type": "aftercare.gone.v1"}, "no contract"),
        ({"extra": 1}, "Extra inputs are not permitted"),
        ({"time": "2026-11-20T01:15:30.25Z"}, "the struct writes it differently"),
    ],
)
def test_a_sample_that_either_side_reads_or_writes_otherwise_is_wrong(change: dict[str, object], problem: str) -> None:
    text = json.dumps(event(OPENED) | change, ensure_ascii=False).encode()
    assert problem in (sample_problem(CATALOG[OPENED], text) or "")


def test_a_published_contract_may_not_break(files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(publish(files)[0]) == len(CATALOG)
    path = files.published / f"{OPENED}.json"
    published = json.loads(path.read_text("utf-8"))
    published["properties"]["external_id"]["type"] = "integer"
    path.write_text(json.dumps(published), "utf-8")
    assert main(["--folder", str(tmp_path), "check"]) == 1
    assert f"{OPENED}: events already written: external_id: integer where string" in capsys.readouterr().err
    assert main(["--folder", str(tmp_path), "publish"]) == 1
    assert json.loads(path.read_text("utf-8")) == published


def test_a_published_type_may_not_vanish(files: Files) -> None:
    publish(files)
    (files.published / f"{OPENED}.json").rename(files.published / "aftercare.ticket.opened.v0.json")
    assert check(files) == ["aftercare.ticket.opened.v0: published, but no topic carries it any more"]


def test_publishing_again_adds_what_is_new_and_keeps_the_names_of_dropped_fields(files: Files) -> None:
    publish(files)
    path = files.published / f"{OPENED}.json"
    published = json.loads(path.read_text("utf-8"))
    published["properties"]["dropped"] = {"type": "string"}
    published["$defs"]["Requester"]["properties"]["fax"] = {"type": "string"}
    del published["properties"]["version"]
    path.write_text(json.dumps(published), "utf-8")
    assert publish(files) == ([path], [])
    merged = json.loads(path.read_text("utf-8"))
    assert merged["properties"]["dropped"] == {"type": "string", "deprecated": True}
    assert merged["$defs"]["Requester"]["properties"]["fax"]["deprecated"]
    assert "version" in merged["properties"]
    assert check(files) == []
    assert publish(files) == ([], [])


def test_the_folder_of_the_command_is_the_package_unless_told_otherwise() -> None:
    assert (FOLDER / "topics.py").is_file()
