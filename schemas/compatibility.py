"""Whether a changed contract still understands, and is understood by, what was published under its name.

Readers are open (fields they don't know pass), writers closed (they send what they declare, nothing else). A version
stays compatible while the new reader takes what the old writer has left in the topics, and the old reader, at some
subscriber, takes what the new writer sends. So both ways the same question is asked: can the reader refuse something
that the writer may send? Anything else needs a new type name, `.v2` beside `.v1`.

Covers the keywords that `schemas.json_schema` writes; a keyword it doesn't know is an error, not a guess.
"""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

LOWER_BOUNDS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER_BOUNDS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
SAME_OR_FREE: Final = ("pattern", "format")
ANY_KEY: Final[Schema] = {"type": "string"}
"""What a dict's keys are where `propertyNames` says no more, or not even their type."""
ANNOTATIONS: Final = frozenset(
    {"$schema", "$id", "$defs", "title", "description", "default", "examples", "deprecated"}
    | {"x-topics", "x-since", "x-personal-data"}
)
KNOWN: Final = (
    ANNOTATIONS
    | {"type", "$ref", "anyOf", "enum", "const", "properties", "required", "items", "additionalProperties"}
    | {"propertyNames", *LOWER_BOUNDS, *UPPER_BOUNDS, *SAME_OR_FREE}
)


def breaks(published: Schema, current: Schema) -> list[str]:
    """Why `current` may not take the place of `published`, a line each; empty when it may."""
    old_events = [f"events already written: {reason}" for reason in refusals(current, published)]
    old_readers = [f"subscribers of the published version: {reason}" for reason in refusals(published, current)]
    return old_events + old_readers


def refusals(reader: Schema, writer: Schema) -> list[str]:
    """What `reader` (open) may refuse of what `writer` (closed) may send, with paths such as `requester.tier`."""
    return _Comparison(reader, writer).compare(reader, writer, "")


class _Comparison:
    """Holds the two documents, whose `$ref`s it follows. Contracts nest without recursion, so it ends."""

    def __init__(self, reader: Schema, writer: Schema) -> None:
        self._reader = reader
        self._writer = writer

    def compare(self, reader: Schema, writer: Schema, path: str) -> list[str]:
        reader, reader_nullable = _resolved(reader, self._reader)
        writer, writer_nullable = _resolved(writer, self._writer)
        place = path or "data"
        if writer_nullable and not reader_nullable:
            return [f"{place}: null is refused"]
        if reader["type"] != writer["type"] and (reader["type"], writer["type"]) != ("number", "integer"):
            return [f"{place}: {writer['type']} where {reader['type']} is expected"]
        found = [f"{place}: {reason}" for reason in (*_words(reader, writer), *_constraints(reader, writer))]
        return found + self._inside(reader, writer, path)

    def _inside(self, reader: Schema, writer: Schema, path: str) -> list[str]:
        if ("properties" in reader) != ("properties" in writer):
            return [f"{path or 'data'}: fixed fields and free keys are not the same"]
        optional = set(reader.get("required", ())) - set(writer.get("required", ()))
        found = [f"{_below(path, name)}: required, but may be missing" for name in sorted(optional)]
        for name, inner in reader.get("properties", {}).items():
            if name in writer["properties"]:
                found += self.compare(inner, writer["properties"][name], _below(path, name))
        for keyword, step in (("items", "[]"), ("additionalProperties", "{}"), ("propertyNames", "{key}")):
            if isinstance(reader.get(keyword), dict):
                found += self.compare(ANY_KEY | reader[keyword], ANY_KEY | writer.get(keyword, {}), path + step)
        return found


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _resolved(schema: Schema, document: Schema) -> tuple[Schema, bool]:
    """The schema behind references, and whether null is taken as well."""
    unknown = schema.keys() - KNOWN
    if unknown:
        raise ValueError(f"cannot compare the JSON Schema keywords {sorted(unknown)}")
    if "$ref" in schema:
        return _resolved(document["$defs"][schema["$ref"].removeprefix("#/$defs/")], document)
    if "anyOf" in schema:
        (branch,) = (branch for branch in schema["anyOf"] if branch.get("type") != "null")
        return _resolved(branch, document)[0], True
    return schema, False


def _words(reader: Schema, writer: Schema) -> list[str]:
    allowed, sent = _choices(reader), _choices(writer)
    if allowed is None:
        return []
    if sent is None:
        return [f"any text where one of {sorted(allowed)} is expected"]
    return [f"{word!r} is refused" for word in sorted(sent - allowed)]


def _choices(schema: Schema) -> set[str] | None:
    if "const" in schema:
        return {schema["const"]}
    return set(schema["enum"]) if "enum" in schema else None


def _constraints(reader: Schema, writer: Schema) -> list[str]:
    found = [
        f"{keyword} {reader[keyword]}, but it may be {writer.get(keyword, 'anything')}"
        for keyword in LOWER_BOUNDS
        if keyword in reader and writer.get(keyword, float("-inf")) < reader[keyword]
    ]
    found += [
        f"{keyword} {reader[keyword]}, but it may be {writer.get(keyword, 'anything')}"
        for keyword in UPPER_BOUNDS
        if keyword in reader and writer.get(keyword, float("inf")) > reader[keyword]
    ]
    found += [
        f"{keyword} {reader[keyword]!r} is not that of the writer"
        for keyword in SAME_OR_FREE
        if keyword in reader and writer.get(keyword) != reader[keyword]
    ]
    return found
