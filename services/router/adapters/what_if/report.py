"""Both sides added up, in the shape that `--json` writes and pages show. Shares are 0 to 1, instants RFC 3339."""

from __future__ import annotations

from datetime import timedelta
from statistics import pstdev
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from schemas.routing_work import TechnicianRostered
from services.router.adapters.what_if.history import History, Timed
from services.router.adapters.what_if.simulation import STEP, Side
from services.router.domain.work import urgency_of
from services.router.domain.workload import Breaches, Waits, breaches_of, waits_of

ALL: Final = ""
"""The priority under which all stand together."""


class WaitRow(msgspec.Struct, frozen=True):
    """Waits and verdicts of one priority (`ALL` for all) on both sides."""

    priority: str
    now: Waits
    then: Waits
    now_breaches: Breaches
    then_breaches: Breaches


class Carried(msgspec.Struct, frozen=True):
    """What someone carried: assignments, and the share of their capacity that was in use; None where not on a side."""

    technician_id: str
    now_assignments: int | None
    then_assignments: int | None
    now_share: float | None
    then_share: float | None


class Spread(msgspec.Struct, frozen=True):
    """How unlike the shares of people are: standard deviation, and the largest less the smallest."""

    people: int
    mean_share: float
    deviation: float
    widest: float


class Report(msgspec.Struct, frozen=True):
    """The whole of it. `recorded` is what really happened by the log, to hold the simulation of today against.

    `waiting_now` and `waiting_then` are the length of the queue every `step_seconds`, `times` when that was, locally.
    """

    title: str
    pools: list[str]
    since: str
    until: str
    timezone: str
    tickets: int
    pieces: int
    unreadable: int
    recorded: Waits
    waits: list[WaitRow]
    spread_now: Spread
    spread_then: Spread
    carried: list[Carried]
    step_seconds: int
    times: list[str]
    waiting_now: list[int]
    waiting_then: list[int]


class Sides(msgspec.Struct, frozen=True):
    """What there is to compare: history, and both sides with the people that were there."""

    history: History
    now: Side
    then: Side
    people_now: list[Timed]
    people_then: list[Timed]


def report_of(sides: Sides, title: str, zone: ZoneInfo) -> Report:
    """The report; times are those of `zone`."""
    history = sides.history
    shares_now = _shares(sides.now, sides.people_now, history)
    shares_then = _shares(sides.then, sides.people_then, history)
    steps = max(len(sides.now.waiting), len(sides.then.waiting))
    times = [(history.since + number * STEP).astimezone(zone).strftime("%m-%d %H:%M") for number in range(steps)]
    return Report(
        title=title,
        pools=sorted({chain.pieces[0].offer.pool for chain in history.chains}),
        since=history.since.isoformat(),
        until=history.until.isoformat(),
        timezone=zone.key,
        tickets=len(history.chains),
        pieces=sum(len(chain.pieces) for chain in history.chains),
        unreadable=history.unreadable,
        recorded=waits_of(history.recorded, history.until),
        waits=_rows(sides),
        spread_now=_spread(shares_now),
        spread_then=_spread(shares_then),
        carried=_carried(sides, shares_now, shares_then),
        step_seconds=int(STEP / timedelta(seconds=1)),
        times=times,
        waiting_now=sides.now.waiting,
        waiting_then=sides.then.waiting,
    )


def _rows(sides: Sides) -> list[WaitRow]:
    until = sides.history.until
    priorities = sorted({each.priority for side in (sides.now, sides.then) for each in side.placed}, key=urgency_of)
    rows = []
    for priority in (ALL, *priorities):
        now, then = (
            [each for each in side.placed if priority in (ALL, each.priority)] for side in (sides.now, sides.then)
        )
        rows.append(
            WaitRow(
                priority, waits_of(now, until), waits_of(then, until), breaches_of(now, until), breaches_of(then, until)
            )
        )
    return rows


def _shares(side: Side, people: list[Timed], history: History) -> dict[str, float]:
    """Of those who were on a roster with a capacity: the weight-seconds that they held, of what they could have."""
    capacities: dict[str, int] = {}
    for news in people:
        data = news.data
        if isinstance(data, TechnicianRostered) and data.active:
            capacities[data.technician_id] = max(data.capacity, capacities.get(data.technician_id, 0))
    seconds = (history.until - history.since).total_seconds() or 1.0
    return {
        technician_id: round(side.busy_seconds[technician_id] / (capacity * seconds), 4)
        for technician_id, capacity in sorted(capacities.items())
        if capacity
    }


def _spread(shares: dict[str, float]) -> Spread:
    values = list(shares.values())
    if not values:
        return Spread(0, 0.0, 0.0, 0.0)
    mean = sum(values) / len(values)
    return Spread(len(values), round(mean, 4), round(pstdev(values), 4), round(max(values) - min(values), 4))


def _carried(sides: Sides, now: dict[str, float], then: dict[str, float]) -> list[Carried]:
    return [
        Carried(
            technician_id,
            sides.now.given[technician_id] if technician_id in now else None,
            sides.then.given[technician_id] if technician_id in then else None,
            now.get(technician_id),
            then.get(technician_id),
        )
        for technician_id in sorted(now.keys() | then.keys())
    ]
