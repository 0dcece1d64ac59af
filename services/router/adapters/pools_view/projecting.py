"""A record of the router's changelog as a change of the view."""

from __future__ import annotations

from importlib import resources
from typing import Any, Final

import msgspec

from services._runtime.engine.records import Record
from services._runtime.engine.state import PARKED, StateCodec
from services._runtime.engine.topology import Topology
from services._runtime.view.slices import Applied
from services.router.adapters.pools_view import keys
from services.router.domain.board import PRESENCES, OfferRow, offer_row, place_in_queue, technician_row
from services.router.domain.work import Technician
from services.router.state import Held, Member, Ruled, State, Waiting, kind_in, name_in, pool_of

APPLY: Final = resources.files(__package__).joinpath("apply.lua").read_text("utf-8")
"""What a change does in Redis."""

OFFER: Final = "offer"
TECHNICIAN: Final = "technician"
POLICY: Final = "policy"
_encode: Final = msgspec.json.Encoder().encode


class PoolChange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What became of one key: of which pool (as in keys), what it is, and its facts as `apply.lua` takes them."""

    pool: str
    kind: str
    entity_id: str
    facts: tuple[Any, ...] | None


class PoolsProjection:
    """Makes changes of records."""

    def __init__(self, topology: Topology[State]) -> None:
        self._codec = StateCodec(topology)

    def change_of(self, record: Record) -> Applied | None:
        """The change; None for what people don't look at, and for parked keys.

        Raises:
            UnreadableStateError: another version of this code wrote it.
            UnicodeDecodeError, msgspec.DecodeError, ValueError: nobody can read it.
        """
        key = (record.key or b"").decode()
        if key.startswith(PARKED):
            return None
        kind = kind_in(key)
        if kind not in {OFFER, TECHNICIAN, POLICY}:
            return None
        state = None if record.value is None else self._codec.decode(record.value)[0].state
        name = "" if kind == POLICY else name_in(key)
        change = PoolChange(keys.in_key(pool_of(key)), kind, name, _facts(name, state))
        return Applied(record.offset, keys.SHARED, change)


def _facts(name: str, state: State | None) -> tuple[Any, ...] | None:
    match state:
        case Member():
            return _technician(state.technician)
        case Waiting():
            return _offer(state.tenant, offer_row(state.work), place_in_queue(state.work))
        case Held():
            return _offer(state.tenant, _held_row(name, state), "")
        case Ruled():
            return (_encode(state.policy).decode(),)
        case _:
            return None


def _technician(technician: Technician) -> tuple[Any, ...] | None:
    if not technician.rostered:
        return None
    order = PRESENCES.index(technician.presence)
    row = _encode(technician_row(technician)).decode()
    return order, technician.presence.value, technician.capacity, row


def _held_row(ticket_id: str, held: Held) -> OfferRow:
    return OfferRow(
        ticket_id=ticket_id,
        priority=held.priority,
        weight=held.weight,
        queued_at=held.queued_at,
        waiting_since=held.waiting_since,
        due_at=held.due_at,
        technician_id=held.technician_id,
    )


def _offer(tenant: str, row: OfferRow, place: str) -> tuple[Any, ...]:
    due = "" if row.due_at is None else str(row.due_at.timestamp())
    since = str(row.waiting_since.timestamp())
    return keys.prefix(tenant), place, due, since, row.technician_id or "", row.weight, _encode(row).decode()
