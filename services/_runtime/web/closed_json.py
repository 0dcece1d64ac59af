"""Bodies of requests: closed, and read by JSON's rules, so that `"5"` is no number and unknown fields are refused."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


class Body(BaseModel):
    """Base of what an endpoint takes. Errors never quote what was sent."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


class AsJson:
    """Marks a body: `Annotated[RequestBody, AsJson()]`.

    FastAPI hands parsed JSON over as Python values, for which strict pydantic wants ready enumerations and times.
    Writing it once more and reading that as JSON costs microseconds and keeps every error's path.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Python values back to JSON, then the model's own schema in JSON mode."""
        return core_schema.no_info_before_validator_function(
            msgspec.json.encode, core_schema.json_schema(handler(source))
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The model's."""
        inner: Any = schema
        return handler(inner["schema"]["schema"])
