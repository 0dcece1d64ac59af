"""JSON Schema (2020-12) of contracts, as consumers should hold it: open to fields that a later version adds."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from schemas.catalog import topics_of
from schemas.contract import Contract
from schemas.envelope import schema_uri

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class _Untitled(GenerateJsonSchema):
    """Without the titles that only repeat the names of fields."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False


def schema_of(contract: type[Contract]) -> Schema:
    """The schema of a contract's `data`, under the URI that events name in `dataschema`.

    `x-topics` says where it travels, `x-since` which version of the product published it first.
    """
    stated = part_schema(contract)
    return {
        "$schema": DIALECT,
        "$id": schema_uri(contract.type_name),
        "title": stated.pop("title"),
        "description": stated.pop("description"),
        "x-topics": [topic.name for topic in topics_of(contract.type_name)],
        "x-since": contract.since,
        **stated,
    }


def part_schema(model: type[BaseModel]) -> Schema:
    """The bare schema of any model."""
    return model.model_json_schema(schema_generator=_Untitled)
