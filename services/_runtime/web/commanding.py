"""What an API writes for a command: the command itself, for the ticket's ledger, and who gave it, for the audit."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from schemas import envelope
from schemas.contract import Contract
from schemas.ids import digest_id
from schemas.topics import TICKET_COMMANDS
from services._runtime.kafka.producer import Outgoing
from services._runtime.web.audited import ACCEPTED, audit_record
from services._runtime.web.tokens import Principal

COMMAND_KIND: Final = "C"


def command_records(
    principal: Principal,
    *,
    source: str,
    action: str,
    ticket_id: str,
    data: Contract,
    key: str,
    at: datetime,
    traceparent: str,
) -> tuple[str, list[Outgoing]]:
    """The command's id and the records to write. The same caller, ticket, action and `key` give the same id."""
    command_id = digest_id(COMMAND_KIND, principal.tenant, principal.subject, ticket_id, action, key)
    value = envelope.encode(
        type_name=data.type_name,
        event_id=command_id,
        source=source,
        time=at,
        subject=ticket_id,
        tenant=principal.tenant,
        data=data,
        traceparent=traceparent,
    )
    audit = audit_record(
        principal,
        source=source,
        action=action,
        entity=ticket_id,
        outcome=ACCEPTED,
        cause=command_id,
        at=at,
        traceparent=traceparent,
    )
    return command_id, [Outgoing(TICKET_COMMANDS.name, ticket_id, value), audit]
