"""Turns what could not be processed into a record of the dead-letter topic, with all that explains it."""

from __future__ import annotations

import traceback
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from schemas import envelope
from schemas.dead_letters import DeadLettered, Reason

if TYPE_CHECKING:
    from services._runtime.engine.records import Record
    from services._runtime.engine.topology import Topology

NO_TENANT: Final = "unknown"
NO_OFFSET: Final = -1
"""The source offset of a timer's dead letter: there is no record behind it."""
STACK_CHARACTERS: Final = 4_000
MESSAGE_CHARACTERS: Final = 1_000
BODY_CHARACTERS: Final = 2_000


def letter(topology: Topology[Any], record: Record, key: str, reason: Reason, error: Exception | None) -> DeadLettered:
    """Return the dead letter of a record or timer; texts are cut to bounded lengths."""
    body = record.value or b""
    stack = "".join(traceback.format_exception(error)) if error is not None else ""
    return DeadLettered.new(
        processor=topology.name,
        reason=reason,
        source_topic=record.topic,
        source_partition=record.partition,
        source_offset=record.offset,
        key=key[:1_000],
        error=type(error).__name__ if error is not None else "",
        message=str(error)[:MESSAGE_CHARACTERS] if error is not None else "an earlier record of this key was set aside",
        stack=stack[-STACK_CHARACTERS:],
        attempts=1,
        body=body[:BODY_CHARACTERS].decode(errors="replace"),
        body_bytes=len(body),
        first_offset=record.first_offset,
    )


def encode_letter(topology: Topology[Any], data: DeadLettered, now: datetime) -> bytes:
    """Return the dead letter as a structured CloudEvent whose id names its source position.

    A timer has none, and raises again each time its key is freed: there the time of the attempt tells letters apart.
    """
    place = f"{data.source_topic}/{data.source_partition}/{data.source_offset}"
    if data.source_offset == NO_OFFSET:
        place = f"{data.source_topic}/{data.source_partition}/timer@{now.isoformat()}"
    return envelope.encode(
        type_name=DeadLettered.type_name,
        event_id=f"{topology.name}/{place}/{data.key}/{data.reason.value}",
        source=f"/aftercare/{topology.service}",
        time=now,
        subject=data.key or place,
        tenant=NO_TENANT,
        traceparent=None,
        data=data,
    )
