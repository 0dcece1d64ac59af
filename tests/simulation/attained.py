"""What feedback reported of the clocks is what their verdicts come to, counted here by itself from `ticket.sla`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from schemas.pool_feedback import AttainmentReported
from schemas.ticket_sla import TargetBreached, TargetBreachRetracted, TargetMet
from schemas.topics import POOL_FEEDBACK, TICKET_SLA
from tests.simulation.settled import Settled

ZONE: Final = ZoneInfo("Asia/Shanghai")
VERDICTS: Final = {TargetMet.type_name: True, TargetBreached.type_name: False}


class Place(NamedTuple):
    """Where a verdict is counted."""

    tenant: str
    pool: str | None
    day: str
    priority: str
    target: str


def reports_are_what_verdicts_come_to(settled: Settled) -> Iterator[str]:
    """The last report of each pool, day, level and target has the verdicts that stand, no more and no fewer."""
    reported: dict[Place, tuple[int, int]] = {}
    for event in settled.events(POOL_FEEDBACK.name):
        if event["type"] == AttainmentReported.type_name:
            data = event["data"]
            place = Place(event["tenant"], data.get("pool"), data["day"], data["priority"], data["target"])
            reported[place] = data["met"], data["breached"]
    stands = _standing(settled)
    for place in sorted(reported.keys() | {place for place, _ in stands}, key=str):
        wanted = stands[place, True], stands[place, False]
        if reported.get(place, (0, 0)) != wanted:
            yield f"{place} is reported as {reported.get(place)}, met and breached are {wanted}"


def _standing(settled: Settled) -> Counter[tuple[Place, bool]]:
    verdicts: dict[tuple[str, str, int, int], tuple[Place, bool]] = {}
    for event in settled.events(TICKET_SLA.name):
        data: dict[str, Any] = event["data"]
        met, retracted = VERDICTS.get(event["type"]), event["type"] == TargetBreachRetracted.type_name
        if met is None and not retracted:
            continue
        clock = data["ticket_id"], data["target"], data["cycle"], data["generation"]
        known = verdicts.get(clock)
        if met is None:
            verdicts.pop(clock, None)
        elif known is None or known[1] != met:
            day = datetime.fromisoformat(event["time"]).astimezone(ZONE).date().isoformat()
            place = Place(event["tenant"], data.get("pool"), day, data["priority"], data["target"])
            verdicts[clock] = place, met
    return Counter(verdicts.values())
