"""What one event changes in the read model, as a value. Who applies it decides where it is kept.

Changes are arrays when encoded, their tag first: `adapters/read_model/apply.lua` reads them by position, so a new
field goes to the end.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from typing import Any, Final

import msgspec

from schemas import ticket_events as events
from schemas import ticket_sla as sla
from schemas.contract import Contract
from services.intake.domain.threads import conversation_place, message_place

BODY_CHARACTERS: Final = 4_000
"""How much of a customer's first message a technician gets to see; the whole is in the topics."""
TEXT_CHARACTERS: Final = 1_000
"""How much of a later message or a solution the timeline keeps."""
NOTHING: Final = ""
"""A field without a value: a hash of texts has no null."""
HOLDING: Final = frozenset({events.TicketAssigned.type_name, events.TicketAccepted.type_name})
"""The events that say whose work a ticket is."""


class TicketChange(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="ticket"):
    """One event of a ticket: `fields` (name, value, name, value, …) to set, `entry` (JSON) for its timeline.

    `occurred_us` is a text of microseconds since 1970. `technician_id` "" leaves who has it, `channel` is set by the
    opening alone. `places` are where the thread index finds the ticket from now on.
    """

    ticket_id: str
    sequence: int
    status: str
    kind: str
    occurred_us: str
    fields: list[str]
    entry: str
    technician_id: str = NOTHING
    channel: str = NOTHING
    places: list[str] = []


class TargetChange(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="target"):
    """What the clocks say of one SLA target; `value` is JSON of `views.TargetView`."""

    ticket_id: str
    target: str
    kind: str
    value: str


class CountChange(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="count"):
    """An event that is only counted."""

    kind: str


Change = TicketChange | TargetChange | CountChange


@cache
def kind_of(type_name: str) -> str:
    """`aftercare.ticket.opened.v1` as `ticket.opened`."""
    return type_name.removeprefix("aftercare.").rpartition(".")[0]


def project(type_name: str, data: Contract, occurred_at: datetime) -> Change:
    """The change that an event makes. `data` is the derived struct of the contract that `type_name` names."""
    kind = kind_of(type_name)
    if isinstance(data, events.TicketEvent):
        return _ticket_change(type_name, kind, data, occurred_at)
    if isinstance(data, sla.TargetEvent):
        return _target_change(type_name, kind, data)
    return CountChange(kind=kind)


def _ticket_change(type_name: str, kind: str, data: events.TicketEvent, occurred_at: datetime) -> TicketChange:
    at = written(occurred_at)
    said = _SAID.get(type_name, _says_nothing)(data, at)
    fields = {"sequence": str(data.sequence), "status": data.status.value, "updated_at": at, **said}
    return TicketChange(
        ticket_id=data.ticket_id,
        sequence=data.sequence,
        status=data.status.value,
        kind=kind,
        occurred_us=str(int(occurred_at.timestamp() * 1_000_000)),
        fields=list(chain.from_iterable(fields.items())),
        entry=_entry(kind, data, at),
        # Others who have a technician in them (a reply, a refusal to take it) don't say who holds the ticket.
        technician_id=getattr(data, "technician_id", NOTHING) if type_name in HOLDING else NOTHING,
        channel=fields.get("channel", NOTHING),
        places=_PLACES[type_name](data) if type_name in _PLACES else [],
    )


def written(moment: datetime) -> str:
    """RFC 3339 in UTC, always with six digits, so that texts sort as times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _entry(kind: str, data: events.TicketEvent, at: str) -> str:
    name = kind.removeprefix("ticket.")
    text = getattr(data, "body", None) or getattr(data, "solution", None)
    if name == "opened":
        text = None  # the ticket itself has it
    entry = {
        "sequence": data.sequence,
        "type": name,
        "status": data.status.value,
        "occurred_at": at,
        "cause": data.cause,
        "technician_id": getattr(data, "technician_id", None),
        "priority": getattr(data, "priority", None),
        "level": getattr(data, "level", None),
        "reason": getattr(data, "reason", None),
        "text": text[:TEXT_CHARACTERS] if text else None,
    }
    return msgspec.json.encode({name: value for name, value in entry.items() if value is not None}).decode()


def _places_of_opening(data: events.TicketOpened) -> list[str]:
    channel = data.channel.value
    return [message_place(channel, data.external_id), conversation_place(channel, data.conversation)]


# By type name, not by `isinstance`, which costs microseconds on contracts: this runs for every event there is.
_PLACES: Final[dict[str, Callable[[Any], list[str]]]] = {
    events.TicketOpened.type_name: _places_of_opening,
    events.CustomerReplied.type_name: lambda data: [message_place(data.channel.value, data.message_id)],
}

Said = Callable[[Any, str], dict[str, str]]


def _says_nothing(_data: Any, _at: str) -> dict[str, str]:
    return {}


def _opened(data: events.TicketOpened, at: str) -> dict[str, str]:
    requester = data.requester
    return {
        "opened_at": at,
        "cycle": "1",
        "priority": data.priority,
        "channel": data.channel.value,
        "conversation": data.conversation,
        "subject": data.subject,
        "body": data.body[:BODY_CHARACTERS],
        "requester_id": requester.requester_id,
        "company": requester.company or NOTHING,
        "tier": requester.tier.value,
        "language": requester.language.value,
        "issue_type": data.issue_type or NOTHING,
        "product": data.product or NOTHING,
        "version": data.version or NOTHING,
        "users_affected_percent": _number(data.users_affected_percent),
        "steps_to_reproduce": (data.steps_to_reproduce or NOTHING)[:BODY_CHARACTERS],
        "screenshot_url": data.screenshot_url or NOTHING,
        "missing_fields": _list(data.missing_fields),
    }


def _classified(data: events.TicketClassified, _at: str) -> dict[str, str]:
    return {
        "category": data.category.value,
        "priority": data.priority,
        "pool": data.pool,
        "skills": _list(data.skills),
        "level": data.level.value,
    }


def _resolved(data: events.TicketResolved, at: str) -> dict[str, str]:
    return {"technician_id": data.technician_id, "resolved_at": at, "closes_at": written(data.closes_at)}


def _reopened(data: events.TicketReopened, _at: str) -> dict[str, str]:
    return {"cycle": str(data.cycle), "resolved_at": NOTHING, "closes_at": NOTHING, "closed_at": NOTHING}


def _rated(data: events.TicketRated, _at: str) -> dict[str, str]:
    return {"csat": _number(data.csat), "nps": _number(data.nps)}


_SAID: Final[dict[str, Said]] = {
    events.TicketOpened.type_name: _opened,
    events.TicketClassified.type_name: _classified,
    events.TicketQueued.type_name: lambda data, _at: {
        "pool": data.pool,
        "priority": data.priority,
        "technician_id": NOTHING,
    },
    events.TicketAssigned.type_name: lambda data, _at: {"technician_id": data.technician_id, "pool": data.pool},
    events.TicketAccepted.type_name: lambda data, _at: {"technician_id": data.technician_id},
    events.TicketDeclined.type_name: lambda _data, _at: {"technician_id": NOTHING},
    events.TicketTransferred.type_name: lambda data, _at: {"pool": data.pool, "technician_id": NOTHING},
    events.PriorityChanged.type_name: lambda data, _at: {"priority": data.priority},
    events.TicketEscalated.type_name: lambda data, _at: {"level": data.level.value},
    events.TicketResolved.type_name: _resolved,
    events.TicketClosed.type_name: lambda _data, at: {"closed_at": at},
    events.TicketReopened.type_name: _reopened,
    events.TicketCancelled.type_name: lambda _data, at: {"closed_at": at},
    events.TicketMerged.type_name: lambda data, at: {"merged_into": data.into_ticket_id, "closed_at": at},
    events.TicketRated.type_name: _rated,
}

_STATES: Final = {
    sla.TargetMet.type_name: "met",
    sla.TargetBreached.type_name: "breached",
    sla.TargetBreachRetracted.type_name: "retracted",
    sla.TargetCancelled.type_name: "cancelled",
}
"""What a target is after these events; after the others it runs, or stands where it has no due time."""


def _target_change(type_name: str, kind: str, data: sla.TargetEvent) -> TargetChange | CountChange:
    if isinstance(data, sla.EscalationRaised):
        return CountChange(kind=kind)  # a step of a ladder; the target's state was told before
    final = data.verdict.value if isinstance(data, sla.TargetCompleted) else None
    view = {
        "target": data.target,
        "state": final or _STATES.get(type_name) or ("running" if data.due_at is not None else "paused"),
        "cycle": data.cycle,
        "due_at": written(data.due_at) if data.due_at is not None else None,
        "budget_seconds": data.budget_seconds,
        "elapsed_seconds": data.elapsed_seconds,
    }
    value = msgspec.json.encode(view).decode()
    return TargetChange(ticket_id=data.ticket_id, target=data.target, kind=kind, value=value)


def _list(items: list[str]) -> str:
    return msgspec.json.encode(items).decode()


def _number(value: int | None) -> str:
    return NOTHING if value is None else str(value)
