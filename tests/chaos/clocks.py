"""What the topics say of clocks and snapshots, and what of it can not be. Plain JSON, no code of the services."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from deploy.local.demo.reader import Record

FIRST_RESPONSE: Final = "first_response"
VERDICTS: Final = frozenset({"target_met", "target_breached", "target_cancelled"})
GRACE: Final = timedelta(seconds=20)
"""How long after due a verdict may take while services are restarted, before it counts as missed."""

Target = tuple[str, str, int]


class Clocks:
    """Takes every record; asked once all is quiet. `take` is called by the reader's thread only."""

    def __init__(self) -> None:
        self._replied_at: dict[str, datetime] = {}
        self._due_at: dict[Target, datetime] = {}
        self._facts: defaultdict[Target, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
        self._snapshots: dict[str, tuple[int, str]] = {}
        self._last: dict[str, tuple[int, str]] = {}

    def take(self, record: Record) -> None:
        """Enter one record."""
        if record.event is None:
            return
        data = record.event["data"]
        kind = str(record.event["type"]).removeprefix("aftercare.").rpartition(".")[0].partition(".")[2]
        if record.topic == "ticket.events":
            self._last[data["ticket_id"]] = (int(data["sequence"]), str(data["status"]))
            if kind == "agent_replied":
                self._replied_at.setdefault(data["ticket_id"], _instant(record.event["time"]))
        elif record.topic == "ticket.snapshots":
            self._snapshots[data["ticket_id"]] = (int(data["sequence"]), str(data["status"]))
        elif record.topic == "ticket.sla":
            target = (data["ticket_id"], data["target"], int(data["cycle"]))
            self._facts[target].append((kind, data))
            if data.get("due_at"):
                self._due_at[target] = _instant(data["due_at"])

    def early(self) -> list[str]:
        """Return breaches that were stated before they were due, or though the answer had come in time."""
        return [*self._stated_early(), *self._false_breaches()]

    def _stated_early(self) -> Iterator[str]:
        for target, facts in self._facts.items():
            for kind, data in facts:
                is_breach = kind == "target_breached" and data.get("stopped_at") is None and data.get("due_at")
                if is_breach and _instant(data["decided_at"]) < _instant(data["due_at"]):
                    yield f"{target} was breached before it was due"

    def _false_breaches(self) -> Iterator[str]:
        for target, facts in self._facts.items():
            ticket_id, name, cycle = target
            kinds = [kind for kind, _ in facts]
            stands = "target_breached" in kinds and "target_breach_retracted" not in kinds
            if name != FIRST_RESPONSE or cycle != 1 or not stands:
                continue
            due_at, replied_at = self._due_at.get(target), self._replied_at.get(ticket_id)
            if due_at is not None and replied_at is not None and replied_at <= due_at:
                yield f"{target} was breached, and answered in time"

    def missed(self, now: datetime) -> list[str]:
        """Return targets without a verdict although due has long passed."""
        return [
            f"{target} was due at {due_at} and has no verdict"
            for target, due_at in self._due_at.items()
            if now - due_at > GRACE
            and self._facts[target][-1][0] != "target_paused"
            and VERDICTS.isdisjoint(kind for kind, _ in self._facts[target])
        ]

    def stale_snapshots(self) -> list[str]:
        """Return tickets whose snapshot is not what their last event says."""
        return [
            f"{ticket_id} is {self._snapshots.get(ticket_id)} in its snapshot, and {last} by its events"
            for ticket_id, last in self._last.items()
            if self._snapshots.get(ticket_id) != last
        ]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
