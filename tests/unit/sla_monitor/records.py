"""Records of the directory, as its API writes them: `(topic, key, value)` for `Directory.apply`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from schemas import envelope
from schemas.contract import Contract
from schemas.directory import CalendarDefined, SlaPolicyDefined
from schemas.topics import DIRECTORY, Topic
from services._runtime.directory.directory import record_key

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def policy_record(
    policy_id: str, version: int, definition: str, effective_from: datetime | None = None
) -> tuple[str, str, bytes]:
    data = SlaPolicyDefined.new(
        policy_id=policy_id, version=version, definition=definition, effective_from=effective_from
    )
    return _record(DIRECTORY["sla_policies"], data)


def calendar_record(calendar_id: str, version: int, **fields: Any) -> tuple[str, str, bytes]:
    data = CalendarDefined.new(calendar_id=calendar_id, version=version, **fields)
    return _record(DIRECTORY["calendars"], data)


def _record(topic: Topic, data: Contract) -> tuple[str, str, bytes]:
    key = record_key(data)
    value = envelope.encode(
        type_name=envelope.type_name_of(data),
        event_id=f"{key}/1",
        source="/test",
        time=NOW,
        subject=key,
        tenant="acme",
        data=data,
    )
    return topic.name, key, value
