"""What each record of the followed topics changes in the read model."""

from __future__ import annotations

from importlib import resources
from typing import Final

from schemas import envelope, topics
from schemas.contract import contract_of
from schemas.ticket_events import TicketEvent
from schemas.ticket_sla import TargetEvent
from services._runtime.engine.records import Record
from services._runtime.redis_client import tenant_key
from services._runtime.view.slices import Applied
from services.intake.domain.projection import CountChange, kind_of, project

FOLLOWED: Final = (
    topics.TICKET_EVENTS,
    topics.TICKET_SLA,
    topics.TICKET_ASSIGNMENTS,
    topics.TICKET_NOTIFICATIONS,
    topics.TICKET_FEEDBACK,
)
UNKNOWN_KIND: Final = "unknown"
APPLY: Final = resources.files(__package__).joinpath("apply.lua").read_text("utf-8")
"""What a change does in Redis. Its options: seconds that ended tickets and thread places are kept, entries of a
timeline, ended tickets listed for each status."""


def change_of(record: Record) -> Applied | None:
    """The change, None for a tombstone. Raises what decoding raises."""
    if record.value is None:
        return None  # a tombstone: nothing of ours is compacted away
    head = envelope.decode_head(record.value)
    prefix = tenant_key(head.tenant)
    contract = contract_of(head.type)
    if contract is None:
        return Applied(record.offset, prefix, CountChange(kind=UNKNOWN_KIND))
    if not issubclass(contract, TicketEvent | TargetEvent):
        return Applied(record.offset, prefix, CountChange(kind=kind_of(head.type)))
    data = envelope.decode_data(head.type, head.data, envelope.scope_of(head))
    return Applied(record.offset, prefix, project(head.type, data, head.time))
