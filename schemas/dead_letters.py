"""`<service>.dlq`: what could not be processed, why, and from where. Key: as the source. Writer: each processor."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.contract import Contract, Personal
from schemas.vocabulary import Line, Name, Sequence, Text


class Reason(StrEnum):
    """Why a record is here."""

    UNDECODABLE = "undecodable"
    UNDECIDABLE = "undecidable"
    OUTPUT_TOO_LARGE = "output_too_large"
    TIMER_RAISED = "timer_raised"
    PARKED = "parked"


class DeadLettered(Contract, type_name="aftercare.dead_letter.v1"):
    """One record or timer that was set aside.

    `body` is cut to a bounded length; redrive reads the whole record from the source by topic, partition and offset.
    A parked record is sound in itself: an earlier one with its key was set aside, and order is kept.
    `first_offset` is where the first letter of a record stands in this topic (null: this is the first): one that fails
    again keeps its place in the line of its key.
    """

    processor: Name
    reason: Reason
    source_topic: Name
    source_partition: int
    source_offset: int
    key: Line
    error: Line
    message: Text
    stack: Text
    attempts: Sequence
    body: Annotated[Text, Personal]
    body_bytes: Annotated[int, Field(ge=0)]
    first_offset: Annotated[int, Field(ge=0)] | None = None


class Resolution(StrEnum):
    """What an operator did with a dead letter."""

    REDRIVEN = "redriven"
    DISCARDED = "discarded"


class DeadLetterResolved(Contract, type_name="aftercare.dead_letter_resolved.v1"):
    """A dead letter was sent again or given up; it is no longer open. Writer: `python -m services dlq`."""

    letter_id: Annotated[str, Field(min_length=1, max_length=1024)]
    key: Line
    resolution: Resolution
