"""Points in time and days, written and read by one grammar on both sides.

pydantic and msgspec each have their own idea of what RFC 3339 allows. Here pydantic asks msgspec, so a value that the
hot path accepts is accepted at the gateways too, and both write the same characters.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from pydantic_core import CoreSchema, core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue


@dataclass(frozen=True)
class Grammar:
    """Marks a type whose text form msgspec alone decides.

    `python_type` is the class of the values, `wire_type` what msgspec decodes into, `json_format` the `format` keyword
    of JSON Schema. Text that the grammar refuses raises `ValueError`, which pydantic reports with the field's path.
    """

    python_type: type
    wire_type: Any
    json_format: str

    def read(self, value: object) -> object:
        """Value of `python_type` from its text or from a value of that type; ValueError for anything else."""
        if type(value) is not self.python_type and not isinstance(value, str):
            message = f"expected {self.json_format} as text"
            raise ValueError(message)
        try:
            # Through text and back also for ready values, so that a naive datetime is refused in both modes.
            text = value if isinstance(value, str) else msgspec.to_builtins(value)
            return msgspec.convert(text, type=self.wire_type)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate and write by msgspec, in JSON and in Python mode alike."""
        del source, handler
        return core_schema.no_info_plain_validator_function(
            self.read,
            serialization=core_schema.plain_serializer_function_ser_schema(msgspec.to_builtins, when_used="json"),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Text with a `format`."""
        del schema, handler
        return {"type": "string", "format": self.json_format}


Instant = Annotated[datetime, Grammar(datetime, Annotated[datetime, msgspec.Meta(tz=True)], "date-time")]
"""A point in time with an offset; written as RFC 3339 with microseconds where there are any (`…Z` for UTC)."""

Day = Annotated[date, Grammar(date, date, "date")]
"""A calendar day without a time zone, `YYYY-MM-DD`; for holidays and effective dates."""
