"""Histories judged on both sides. One bad event stops nobody: it is counted, told, and its ticket goes on without."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from schemas import envelope
from schemas.directory import TechnicianDefined
from services._runtime.directory.directory import Directory
from services.sla_monitor.adapters.what_if.history import OPENED, TOLD, History
from services.sla_monitor.adapters.what_if.proposal import Sides
from services.sla_monitor.adapters.what_if.source import Part, Raw
from services.sla_monitor.domain.calendar import CalendarExhausted
from services.sla_monitor.domain.instants import from_datetime
from services.sla_monitor.domain.what_if import Comparison, Subject

SKIPPED_SHOWN_MAX: Final = 20
NOBODY: Final = "—"


class Skipped(msgspec.Struct):
    """What could not be used: how many, and the first of them with the reason."""

    count: int = 0
    shown: list[str] = []

    def add(self, place: str, error: Exception) -> None:
        """Note one. The reason is the error's own, which says where in the event it is, never what stands there."""
        self.count += 1
        if len(self.shown) < SKIPPED_SHOWN_MAX:
            self.shown.append(f"{place}: {error}")


class Replay:
    """Takes parts of history in and adds up what both sides say of the tickets opened within [since, until).

    Memory: the tickets of one part, some 2 KB each.
    """

    def __init__(self, sides: Sides, directory: Directory, since: datetime, until: datetime) -> None:
        self._sides = sides
        self._since = since
        self._until = until
        technicians = directory.all(TechnicianDefined)
        self._teams = {technician.technician_id: technician.team for technician in technicians}
        self.comparison = Comparison(from_datetime(until))
        self.events = 0
        self.skipped = Skipped()

    def run(self, parts: Iterable[Part]) -> None:
        """Replay every part to its end."""
        for part in parts:
            for history in self._histories(part).values():
                self._judge(history)

    def _histories(self, part: Part) -> dict[str, History]:
        histories: dict[str, History] = {}
        for raw in part:
            self.events += 1
            try:
                self._take(raw, histories)
            except (envelope.InvalidEvent, envelope.UnknownType) as error:
                self.skipped.add(raw.place, error)
        return histories

    def _take(self, raw: Raw, histories: dict[str, History]) -> None:
        head = envelope.decode_head(raw.value)
        if head.type not in TOLD:
            return
        known = histories.get(head.subject or "")
        if head.type == OPENED:
            if known is None and self._since <= head.time < self._until:
                data = envelope.decode_data(head.type, head.data, envelope.scope_of(head))
                histories[data.ticket_id] = History(data, head.time, *self._sides)
        elif known is not None:
            known.take(head.type, envelope.decode_data(head.type, head.data, envelope.scope_of(head)), head.time)

    def _judge(self, history: History) -> None:
        team = self._teams.get(history.technician_id or "") or history.pool or NOBODY
        ticket = Subject(history.ticket_id, history.opened_us, team, history.pool or NOBODY)
        try:
            self.comparison.add(ticket, *history.judged())
        except CalendarExhausted as error:
            self.skipped.add(history.ticket_id, error)
