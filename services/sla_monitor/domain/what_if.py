"""What a change of policy would have done: one ticket's history judged twice, and many such comparisons added up.

Both sides are judged by `targets.evaluate`, which is what `explain` answers with and what the processor's own `judge`
stands behind. A clock is one cycle of one target. It is `breached` where any of its generations was, since a raised
priority never hides a breach; `met` where it stopped in time; `open` while it runs on in time at the end of the
replay; a cancelled one counts on neither side.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from services.sla_monitor.domain import facts as f
from services.sla_monitor.domain.calendar import AnyCalendar
from services.sla_monitor.domain.clocks import Clock as Conditions
from services.sla_monitor.domain.facts import Fact
from services.sla_monitor.domain.instants import DAY_US, HOUR_US
from services.sla_monitor.domain.policy import Policy
from services.sla_monitor.domain.targets import BREACHED, CANCELLED, MET, TargetReport, evaluate

OPEN: Final = "open"
ABSENT: Final = "absent"
"""The priority has no such target on this side."""
_NO_VERDICTS: Final = frozenset({ABSENT, CANCELLED})
CHANGED_SHOWN_MAX: Final = 500
WEEK_US: Final = 7 * DAY_US
QUARTER_US: Final = HOUR_US // 4
"""Due times are counted by quarters of an hour: every zone's hours begin with one."""
_MONDAY_US: Final = 4 * DAY_US
"""1970-01-05, the first Monday of the epoch."""


class Judged(NamedTuple):
    """What one side judges a ticket by: its facts as that side keeps them, its policy and calendars."""

    facts: tuple[Fact, ...]
    policy: Policy
    calendar: AnyCalendar


class Subject(NamedTuple):
    """Which ticket it is, for the groups that it counts in."""

    ticket_id: str
    opened_us: int
    team: str
    pool: str


class Clock(msgspec.Struct, frozen=True, gc=False):
    """One cycle of one target on one side: its verdict, and every instant at which it was due (a generation each).

    `over_us` is elapsed less budget, of the generation that fared worst.
    """

    priority: str
    verdict: str
    due_us: int | None
    dues_us: tuple[int, ...]
    over_us: int


class Changed(msgspec.Struct, frozen=True, order=True, gc=False):
    """A clock whose verdict is another under the proposal. Ordered by how far it lies from its due time then.

    `over_us` is elapsed less budget under the proposal: positive where it would have been too late.
    """

    weight_us: int
    ticket_id: str
    target: str
    cycle: int
    priority: str
    team: str
    pool: str
    opened_us: int
    now: str
    then: str
    now_due_us: int | None
    then_due_us: int | None
    over_us: int


class Counts(msgspec.Struct):
    """Verdicts of one side."""

    met: int = 0
    breached: int = 0
    open: int = 0

    def count(self, verdict: str) -> None:
        """Add one; what is absent or cancelled is none."""
        if verdict == MET:
            self.met += 1
        elif verdict == BREACHED:
            self.breached += 1
        elif verdict == OPEN:
            self.open += 1

    @property
    def attainment(self) -> float | None:
        """The share that was met of what has a verdict; None where nothing has."""
        judged = self.met + self.breached
        return self.met / judged if judged else None


class Pair(msgspec.Struct):
    """Verdicts of both sides."""

    now: Counts = msgspec.field(default_factory=Counts)
    then: Counts = msgspec.field(default_factory=Counts)


def clocks_of(side: Judged, at_us: int) -> dict[tuple[str, int], Clock]:
    """The clocks of a ticket at `at_us` by target and cycle; pure, and the same for both sides.

    Left out are targets that stop on what `ticket.events` doesn't tell: they would all seem breached.
    """
    reports = evaluate(side.facts, side.policy.rules, side.calendar, at_us)
    conditions = side.policy.rules.plan.clocks
    return {
        (report.target, report.cycle): _clock(report)
        for latest in reports.values()
        if _is_told(conditions[latest.target])
        for report in (*latest.earlier, latest)
    }


def _is_told(conditions: Conditions) -> bool:
    return f.CUSTOMER_NOTIFIED not in conditions.stop_on


def _clock(report: TargetReport) -> Clock:
    generations = (*report.superseded, report) if report.superseded else (report,)
    if any(generation.state == BREACHED for generation in generations):
        verdict = BREACHED
    elif report.state in {MET, CANCELLED}:
        verdict = report.state
    else:
        verdict = OPEN
    return Clock(
        priority=report.priority,
        verdict=verdict,
        due_us=report.due_us,
        dues_us=tuple(each.due_us for each in generations if each.due_us is not None),
        over_us=max(each.elapsed_us - each.budget_us for each in generations),
    )


class Comparison:
    """Adds up comparisons of tickets. Bounded: counts by group, by hour and week, and the `CHANGED_SHOWN_MAX` widest.

    `by` holds pairs by (dimension, group, target), dimensions `level`, `team`, `pool`; `weeks` by (Monday, target);
    `due_now` and `due_then` count due times by quarters of an hour since 1970; `directions` counts changes by
    (now, then).
    """

    def __init__(self, at_us: int) -> None:
        self.at_us = at_us
        self.tickets = 0
        self.tickets_changed = 0
        self.policies_now: Counter[tuple[str, int]] = Counter()
        self.policies_then: Counter[tuple[str, int]] = Counter()
        self.by: defaultdict[tuple[str, str, str], Pair] = defaultdict(Pair)
        self.weeks: defaultdict[tuple[int, str], Pair] = defaultdict(Pair)
        self.due_now: Counter[int] = Counter()
        self.due_then: Counter[int] = Counter()
        self.directions: Counter[tuple[str, str]] = Counter()
        self._widest: list[Changed] = []

    def add(self, ticket: Subject, now: Judged, then: Judged) -> None:
        """Judge a ticket on both sides.

        Raises:
            CalendarExhausted: a budget isn't used up within the years that calendars are kept for; nothing was added.
        """
        clocks_now = clocks_of(now, self.at_us)
        clocks_then = clocks_now if then is now else clocks_of(then, self.at_us)
        self.tickets += 1
        self.policies_now[now.policy.policy_id, now.policy.version] += 1
        self.policies_then[then.policy.policy_id, then.policy.version] += 1
        changed = False
        for (target, cycle), before, after in _paired(clocks_now, clocks_then):
            self._count(target, before, after, ticket)
            was, becomes = _verdict(before), _verdict(after)
            if was != becomes and _NO_VERDICTS.isdisjoint({was, becomes}):
                changed = True
                self.directions[was, becomes] += 1
                self._keep(_changed(ticket, target, cycle, before, after))
        self.tickets_changed += changed

    @property
    def widest(self) -> list[Changed]:
        """The changed clocks that lie furthest from their due time, the furthest first."""
        return sorted(self._widest, reverse=True)

    def _count(self, target: str, before: Clock | None, after: Clock | None, ticket: Subject) -> None:
        some = after or before
        level = some.priority if some is not None else ""
        monday_us = ticket.opened_us - (ticket.opened_us - _MONDAY_US) % WEEK_US
        pairs = (
            self.by["level", level, target],
            self.by["team", ticket.team, target],
            self.by["pool", ticket.pool, target],
            self.weeks[monday_us, target],
        )
        for pair in pairs:
            pair.now.count(_verdict(before))
            pair.then.count(_verdict(after))
        for counts, clock in ((self.due_now, before), (self.due_then, after)):
            for due_us in clock.dues_us if clock is not None else ():
                counts[due_us // QUARTER_US] += 1

    def _keep(self, changed: Changed) -> None:
        if len(self._widest) < CHANGED_SHOWN_MAX:
            heapq.heappush(self._widest, changed)
        else:
            heapq.heappushpop(self._widest, changed)


def _paired(
    now: dict[tuple[str, int], Clock], then: dict[tuple[str, int], Clock]
) -> Iterator[tuple[tuple[str, int], Clock | None, Clock | None]]:
    for key, before in now.items():
        yield key, before, then.get(key)
    for key, after in then.items():
        if key not in now:
            yield key, None, after


def _verdict(clock: Clock | None) -> str:
    return ABSENT if clock is None else clock.verdict


def _changed(ticket: Subject, target: str, cycle: int, before: Clock | None, after: Clock | None) -> Changed:
    measured = after or before
    over_us = measured.over_us if measured is not None else 0
    return Changed(
        weight_us=abs(over_us),
        ticket_id=ticket.ticket_id,
        target=target,
        cycle=cycle,
        priority=measured.priority if measured is not None else "",
        team=ticket.team,
        pool=ticket.pool,
        opened_us=ticket.opened_us,
        now=_verdict(before),
        then=_verdict(after),
        now_due_us=before.due_us if before is not None else None,
        then_due_us=after.due_us if after is not None else None,
        over_us=over_us,
    )
