"""A record of the changelogs of clocks and surges as a change of the view."""

from __future__ import annotations

from importlib import resources
from typing import Final

import msgspec

from services._runtime.engine.records import Record
from services._runtime.engine.state import PARKED, StateCodec
from services._runtime.engine.topology import Topology
from services._runtime.view.slices import Applied
from services.sla_monitor.adapters.clocks_view import keys
from services.sla_monitor.domain.board import rows_of, surge_rows
from services.sla_monitor.handlers import Rulings
from services.sla_monitor.handlers.surges import TALLY_PREFIX
from services.sla_monitor.state import PoolWatch, SurgeState, TicketClocks, unpacked

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


class SurgesChange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The surges of one pool: `value` is JSON of their rows, empty where there is none. `no_ticket` is empty."""

    no_ticket: str
    pool: str
    value: str


class ClocksProjection:
    """Makes changes of records. Not for several threads: neither are `rulings`."""

    def __init__(self, topology: Topology[TicketClocks], surges: Topology[SurgeState], rulings: Rulings) -> None:
        self._codec = StateCodec(topology)
        self._surges = StateCodec(surges)
        self._surges_topic = surges.changelog.name
        self._rulings = rulings

    def change_of(self, record: Record) -> Applied | None:
        """The change; None for what changes nothing there.

        Raises:
            UnreadableStateError: another version of this code wrote it.
            CalendarExhausted, UnicodeDecodeError, msgspec.DecodeError: nobody can read it.
        """
        key = (record.key or b"").decode()
        if key.startswith(PARKED):
            return None
        return self._of_pool(key, record) if record.topic == self._surges_topic else self._of_ticket(key, record)

    def _of_pool(self, key: str, record: Record) -> Applied | None:
        """The surges of a pool; what partitions tally is nothing to show."""
        if key.startswith(TALLY_PREFIX):
            return None
        tenant, _, pool = key.partition(":")
        entry = self._surges.decode(record.value)[0] if record.value is not None else None
        watch = entry.state if entry is not None else None
        rows = surge_rows(watch.pool, watch.levels) if isinstance(watch, PoolWatch) else ()
        value = _encode(rows).decode() if rows else ""
        return Applied(record.offset, keys.prefix(tenant), SurgesChange("", pool, value))

    def _of_ticket(self, ticket_id: str, record: Record) -> Applied | None:
        """The clocks of a ticket; None for a tombstone, since ended tickets leave by themselves.

        Raises:
            UnreadableStateError: another version of this code wrote it.
            CalendarExhausted, UnicodeDecodeError, msgspec.DecodeError: nobody can read it.
        """
        if record.value is None:
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
