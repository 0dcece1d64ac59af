"""Writes what is derived from the contracts, and finds where the committed files say something else.

samples/<type>.json      one golden event a type; made once, then held to for ever
generated/<type>.json    JSON Schema of `data`; made anew each time
generated/asyncapi.yaml  all topics; made anew each time
published/<type>.json    the schema as subscribers have it; a change must stay compatible with it
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from pydantic import ValidationError

from schemas import asyncapi
from schemas.catalog import CATALOG, strays
from schemas.compatibility import Schema, breaks
from schemas.contract import Contract
from schemas.envelope import InvalidEvent, UnknownType, decode_data, decode_head, encode, envelope_of
from schemas.json_schema import schema_of
from schemas.sampling import sample_of

FOLDER: Final = Path(__file__).parent
INDENT: Final = 2
YAML_WIDTH: Final = 120


class Files:
    """The four kinds of files under one folder, `schemas/` unless a test says otherwise."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.samples = folder / "samples"
        self.generated = folder / "generated"
        self.published = folder / "published"


def generate(files: Files) -> list[Path]:
    """Write what differs from the contracts and remove what belongs to none; the paths of both."""
    expected = dict(_expected(files))
    changed = [path for path, text in expected.items() if _text(path) != text]
    for path in changed:
        path.parent.mkdir(exist_ok=True)
        path.write_text(expected[path], "utf-8")
    gone = _leftover(files)
    for path in gone:
        path.unlink()
    return changed + gone


def publish(files: Files) -> tuple[list[Path], list[str]]:
    """Take the present schemas into `published/`; the files written, and what forbids it (then nothing is written).

    A field that was dropped stays in the published schema, so that its name can't come back with another meaning.
    """
    problems = list(_broken(files))
    if problems:
        return [], problems
    written = []
    files.published.mkdir(exist_ok=True)
    for type_name, contract in CATALOG.items():
        path = files.published / f"{type_name}.json"
        schema = schema_of(contract)
        text = _json(_with_dropped(json.loads(path.read_text("utf-8")), schema) if path.exists() else schema)
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            written.append(path)
    return written, []


def check(files: Files) -> list[str]:
    """Everything that is wrong, a message each; empty when all files agree with the contracts."""
    return [
        *(f"{name}: on no topic, or without a type name" for name in strays()),
        *_drifted(files),
        *_wrong_samples(files),
        *_broken(files),
    ]


def _expected(files: Files) -> Iterator[tuple[Path, str]]:
    """What the contracts alone decide. The sample of a published type is golden: only what is missing is made."""
    schemas, samples = _rendered()
    for name, text in schemas.items():
        yield files.generated / name, text
    for name, text in samples.items():
        if not ((files.samples / name).exists() and (files.published / name).exists()):
            yield files.samples / name, text


@cache
def _rendered() -> tuple[dict[str, str], dict[str, str]]:
    """Texts of generated files and of samples, by file name. The contracts of a process don't change."""
    schemas = {f"{type_name}.json": _json(schema_of(contract)) for type_name, contract in CATALOG.items()}
    schemas["asyncapi.yaml"] = yaml.safe_dump(
        asyncapi.document(), sort_keys=False, allow_unicode=True, width=YAML_WIDTH
    )
    samples = {f"{type_name}.json": _json(json.loads(sample_of(contract))) for type_name, contract in CATALOG.items()}
    return schemas, samples


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=INDENT) + "\n"


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def _leftover(files: Files) -> list[Path]:
    """Files of types that no topic carries any more; what was published stays for `check` to complain about."""
    schemas, samples = _rendered()
    found = [path for path in sorted(files.generated.glob("*.*")) if path.name not in schemas]
    return found + [
        path
        for path in sorted(files.samples.glob("*.json"))
        if path.name not in samples and not (files.published / path.name).exists()
    ]


def _drifted(files: Files) -> Iterator[str]:
    for path, text in _expected(files):
        found = _text(path)
        if found != text:
            name = f"{path.parent.name}/{path.name}"
            lines = difflib.unified_diff(
                found.splitlines(), text.splitlines(), f"{name} (committed)", f"{name} (contracts)", lineterm=""
            )
            yield "\n".join(lines)
    for path in _leftover(files):
        yield f"{path.parent.name}/{path.name}: no topic carries this type"


def _wrong_samples(files: Files) -> Iterator[str]:
    for type_name, contract in CATALOG.items():
        path = files.samples / f"{type_name}.json"
        problem = sample_problem(contract, path.read_bytes()) if path.exists() else "missing"
        if problem:
            yield f"samples/{path.name}: {problem}"


def sample_problem(contract: type[Contract], text: bytes) -> str | None:
    """What keeps a sample from being read by both sides and written back as it was; None when nothing does."""
    golden = msgspec.json.format(text, indent=-1)
    try:
        head = decode_head(golden)
        data = decode_data(head.type, head.data)
        model = envelope_of(contract).model_validate_json(golden, extra="forbid")
    except (InvalidEvent, UnknownType, ValidationError) as error:
        return str(error)
    written = encode(
        type_name=head.type,
        event_id=head.id,
        source=head.source,
        time=head.time,
        subject=head.subject,
        tenant=head.tenant,
        traceparent=head.traceparent,
        data=data,
    )
    if written != golden:
        return "the struct writes it differently"
    return None if model.model_dump_json().encode() == golden else "the model writes it differently"


def _broken(files: Files) -> Iterator[str]:
    for path in sorted(files.published.glob("*.json")):
        contract = CATALOG.get(path.stem)
        if contract is None:
            yield f"{path.stem}: published, but no topic carries it any more"
            continue
        for reason in breaks(json.loads(path.read_text("utf-8")), schema_of(contract)):
            yield f"{path.stem}: {reason} (a breaking change needs a new version of the type)"


def _with_dropped(published: Schema, current: Schema) -> Schema:
    """`current` with the fields that only `published` has, marked as deprecated."""
    merged = dict(current)
    if "properties" in current:
        dropped = {name: field for name, field in published["properties"].items() if name not in current["properties"]}
        merged["properties"] = current["properties"] | {
            name: field | {"deprecated": True} for name, field in dropped.items()
        }
    if "$defs" in published:
        parts = current.get("$defs", {})
        merged["$defs"] = published["$defs"] | {
            name: _with_dropped(published["$defs"].get(name, part), part) for name, part in parts.items()
        }
    return merged
