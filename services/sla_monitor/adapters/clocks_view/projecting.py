"""A record of the clocks' changelog as a change of the view."""

from __future__ import annotations

from importlib import resources
from typing import Final

import msgspec

from services._runtime.engine.records import Record
from services._runtime.engine.state import PARKED, StateCodec
from services._runtime.engine.topology import Topology
from services._runtime.view.slices import Applied
from services.sla_monitor.adapters.clocks_view import keys
from services.sla_monitor.adapters.rulings import Rulings
from services.sla_monitor.domain.board import rows_of
from services.sla_monitor.state import TicketClocks, unpacked

APPLY: Final = resources.files(__package__).joinpath("apply.lua").read_text("utf-8")
"""What a change does in Redis. Its options: seconds that ended tickets are kept, late rows listed for each tenant."""

_encode: Final = msgspec.json.Encoder().encode


class RowChange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One row: `value` is JSON of `board.Row`, `score` its instant."""

    member: str
    lane: str
    score: str
    pool: str
    value: str


class ClocksChange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The state of one ticket. A `shrunk` one has lost its facts: what is known of it is kept in its place."""

    ticket_id: str
    state: str
    ended: bool
    shrunk: bool
    rows: list[RowChange]


class ClocksProjection:
    """Makes changes of records. Not for several threads: neither are `rulings`."""

    def __init__(self, topology: Topology[TicketClocks], rulings: Rulings) -> None:
        self._codec = StateCodec(topology)
        self._rulings = rulings

    def change_of(self, record: Record) -> Applied | None:
        """The change; None for a tombstone, since ended tickets leave by themselves, and for parked keys.

        Raises:
            UnreadableStateError: another version of this code wrote it.
            CalendarExhausted, UnicodeDecodeError, msgspec.DecodeError: nobody can read it.
        """
        ticket_id = (record.key or b"").decode()
        if record.value is None or ticket_id.startswith(PARKED):
            return None
        entry, _ = self._codec.decode(record.value)
        state = entry.state
        kept = unpacked(state)
        policy, calendar = self._rulings.of(kept)
        found = rows_of(ticket_id, kept.clocks, policy, calendar, kept.profile.pool)
        rows = [
            RowChange(
                member=row.member,
                lane=row.lane,
                score=str(row.at_us),
                pool=row.pool,
                value=_encode(row).decode(),
            )
            for row in found
        ]
        change = ClocksChange(ticket_id, _encode(state).decode(), state.ended_us is not None, state.shrunk, rows)
        return Applied(record.offset, keys.prefix(kept.tenant), change)
