"""What came of a replay, in the shape that `--json` writes and pages show. Shares are 0 to 1, instants RFC 3339."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from services.sla_monitor.adapters.what_if.proposal import Proposal
from services.sla_monitor.adapters.what_if.replay import Replay, Skipped
from services.sla_monitor.domain.instants import to_datetime, to_seconds, to_text
from services.sla_monitor.domain.policy import CLOCK_TARGETS
from services.sla_monitor.domain.what_if import QUARTER_US, Changed, Comparison, Counts, Pair

DIMENSIONS: Final = ("level", "team", "pool")
WEEK: Final = timedelta(days=7)
BUSIEST: Final = 10


class Share(msgspec.Struct, frozen=True):
    """Verdicts of one side; `attainment` is the share met of met and breached, null where there are none."""

    met: int
    breached: int
    open: int
    attainment: float | None


class Attainment(msgspec.Struct, frozen=True):
    """One group of clocks on both sides. `dimension` is `level`, `team`, `pool` or `week` (its Monday)."""

    dimension: str
    group: str
    target: str
    now: Share
    then: Share


class Direction(msgspec.Struct, frozen=True):
    """How many clocks went from one verdict to another."""

    now: str
    then: str
    clocks: int


class Moved(msgspec.Struct, frozen=True):
    """A clock whose verdict is another. `over_seconds` is elapsed less budget under the proposal."""

    ticket_id: str
    target: str
    cycle: int
    priority: str
    team: str
    opened_at: str
    now: str
    then: str
    now_due_at: str | None
    then_due_at: str | None
    over_seconds: float


class BusyHour(msgspec.Struct, frozen=True):
    """An hour of the replay, as it begins locally, and how many clocks were due in it."""

    hour: str
    now: int
    then: int


class Pressure(msgspec.Struct, frozen=True):
    """Clocks due by hour of the local week, Monday first: the mean of an hour, and the busiest ones."""

    timezone: str
    now: list[list[float]]
    then: list[list[float]]
    busiest: list[BusyHour]


class PolicyUsed(msgspec.Struct, frozen=True):
    """A policy and how many tickets it judged."""

    policy_id: str
    version: int
    tickets: int


class Report(msgspec.Struct, frozen=True):
    """The whole of it. `moved` are the widest changes only; `tickets_changed` and `directions` count them all."""

    policy_id: str
    policy_version: int
    title: str
    replaces: str
    since: str
    until: str
    tickets: int
    tickets_changed: int
    events: int
    skipped: Skipped
    policies_now: list[PolicyUsed]
    overall: list[Attainment]
    attainment: list[Attainment]
    weeks: list[Attainment]
    directions: list[Direction]
    moved: list[Moved]
    pressure: Pressure


def report_of(replay: Replay, proposal: Proposal, since: datetime, until: datetime, zone: ZoneInfo) -> Report:
    """The report of a finished replay; hours and weeks are those of `zone`."""
    found = replay.comparison
    return Report(
        policy_id=proposal.policy.policy_id,
        policy_version=proposal.policy.version,
        title=proposal.policy.title,
        replaces=proposal.replaces,
        since=since.isoformat(),
        until=until.isoformat(),
        tickets=found.tickets,
        tickets_changed=found.tickets_changed,
        events=replay.events,
        skipped=replay.skipped,
        policies_now=[PolicyUsed(*key, tickets) for key, tickets in sorted(found.policies_now.items())],
        overall=_overall(found),
        attainment=[
            _attainment(dimension, group, target, pair)
            for dimension, group, target, pair in sorted(_rows(found), key=_row_order)
        ],
        weeks=[
            _attainment("week", to_datetime(monday_us).astimezone(zone).date().isoformat(), target, pair)
            for (monday_us, target), pair in sorted(found.weeks.items())
        ],
        directions=[Direction(*way, clocks) for way, clocks in sorted(found.directions.items())],
        moved=[_moved(each) for each in found.widest],
        pressure=_pressure(found, since, until, zone),
    )


def _rows(found: Comparison) -> list[tuple[str, str, str, Pair]]:
    return [(dimension, group, target, pair) for (dimension, group, target), pair in found.by.items()]


def _row_order(row: tuple[str, str, str, Pair]) -> tuple[int, str, int]:
    dimension, group, target, _ = row
    return DIMENSIONS.index(dimension), group, _target_order(target)


def _target_order(target: str) -> int:
    return CLOCK_TARGETS.index(target) if target in CLOCK_TARGETS else len(CLOCK_TARGETS)


def _overall(found: Comparison) -> list[Attainment]:
    """Each target over all levels."""
    totals: dict[str, Pair] = {}
    for (dimension, _, target), pair in found.by.items():
        if dimension == "level":
            total = totals.setdefault(target, Pair())
            for whole, part in ((total.now, pair.now), (total.then, pair.then)):
                whole.met += part.met
                whole.breached += part.breached
                whole.open += part.open
    return [_attainment("all", "", target, totals[target]) for target in sorted(totals, key=_target_order)]


def _attainment(dimension: str, group: str, target: str, pair: Pair) -> Attainment:
    return Attainment(dimension, group, target, _share(pair.now), _share(pair.then))


def _share(counts: Counts) -> Share:
    share = counts.attainment
    return Share(counts.met, counts.breached, counts.open, None if share is None else round(share, 6))


def _moved(changed: Changed) -> Moved:
    return Moved(
        ticket_id=changed.ticket_id,
        target=changed.target,
        cycle=changed.cycle,
        priority=changed.priority,
        team=changed.team,
        opened_at=to_text(changed.opened_us),
        now=changed.now,
        then=changed.then,
        now_due_at=to_text(changed.now_due_us) if changed.now_due_us is not None else None,
        then_due_at=to_text(changed.then_due_us) if changed.then_due_us is not None else None,
        over_seconds=to_seconds(changed.over_us),
    )


def _pressure(found: Comparison, since: datetime, until: datetime, zone: ZoneInfo) -> Pressure:
    weeks = max((until - since) / WEEK, 1.0)
    hours_now, hours_then = _by_hour(found.due_now, zone), _by_hour(found.due_then, zone)
    busiest = sorted({*hours_now, *hours_then}, key=lambda hour: (-hours_then[hour], -hours_now[hour], hour))
    return Pressure(
        timezone=zone.key,
        now=_week_of(hours_now, weeks),
        then=_week_of(hours_then, weeks),
        busiest=[BusyHour(hour.isoformat(), hours_now[hour], hours_then[hour]) for hour in busiest[:BUSIEST]],
    )


def _by_hour(due: Counter[int], zone: ZoneInfo) -> Counter[datetime]:
    """Due times by the local hour in which they fall."""
    hours: Counter[datetime] = Counter()
    for quarter, count in due.items():
        local = to_datetime(quarter * QUARTER_US).astimezone(zone)
        hours[local.replace(minute=0, second=0, microsecond=0)] += count
    return hours


def _week_of(hours: Counter[datetime], weeks: float) -> list[list[float]]:
    """Seven days of 24 hours: how many clocks were due in such an hour on average."""
    week = [[0] * 24 for _ in range(7)]
    for hour, count in hours.items():
        week[hour.weekday()][hour.hour] += count
    return [[round(count / weeks, 3) for count in day] for day in week]
