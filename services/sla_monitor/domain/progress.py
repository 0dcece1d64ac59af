"""The clocks of one ticket as they go on: facts are seen, time passes, and what changed is told once.

`see` takes new facts, `wake` the passing of time. Both ask `targets.judge` what the clocks say now, compare it with
what was told and return the changes. Only `wake` passes marks (warning, breach, escalation): the runtime wakes a
ticket once its inputs were read to where they ended when the mark came due, so a backlog delays a verdict but never
falsifies it. A stop is different: it proves its verdict, met or breached, by the facts alone.

A fact that comes late may prove wrong what was told. A breach is then retracted; another verdict is simply followed by
the right one.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from services.sla_monitor.domain.calendar import AnyCalendar
from services.sla_monitor.domain.changes import Cause, Change, Told, compare, withdraw
from services.sla_monitor.domain.climb import Course, advance, course_of, go_on
from services.sla_monitor.domain.condense import condense, settle
from services.sla_monitor.domain.conditions import NOBODY, Profile
from services.sla_monitor.domain.cycle import Cycle, Running
from services.sla_monitor.domain.cycles import cycles_of, target_of
from services.sla_monitor.domain.facts import MAX_FACTS, NO_PAST, Fact, Past, insert
from services.sla_monitor.domain.policy import Policy
from services.sla_monitor.domain.steps import steps_of
from services.sla_monitor.domain.targets import judge


class Clocks(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of a ticket: its facts in order, what was told of each cycle (by `target:cycle`), and its past.

    `running` are the cycles that have a mark ahead; they follow from the facts and are kept so that waking is quick.
    """

    facts: tuple[Fact, ...] = ()
    told: dict[str, Told] = {}
    past: Past = NO_PAST
    running: tuple[Running, ...] = ()


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of the clocks, what to tell about it in this order, and when to wake them next (None: never)."""

    clocks: Clocks
    changes: list[Change]
    wake_us: int | None


def see(
    clocks: Clocks,
    new: Sequence[Fact],
    policy: Policy,
    calendar: AnyCalendar,
    now_us: int,
    profile: Profile = NOBODY,
) -> Outcome:
    """Take the facts of one event of the ledger; all have its sequence.

    Args:
        clocks: as the last call left them.
        new: the facts, in the order in which they hold; the first one has the instant of the event.
        policy: the version that the ticket goes by.
        calendar: whose open time counts.
        now_us: the present; it decides only whether a breach that was told still holds.
        profile: what is known of the ticket, by which ladders that start now are chosen.

    Raises:
        CalendarExhausted: a budget isn't used up within the years that calendars are kept for.
        TooManyFacts: the ticket's history can't be condensed into what is kept.
    """
    facts, settled_us = clocks.facts, clocks.past.settled_us
    late = False
    for fact in new:
        if settled_us is not None and fact.at_us < settled_us:
            fact = msgspec.structs.replace(fact, at_us=settled_us)  # noqa: PLW2901 - what is settled stays settled
        facts = insert(facts, fact)
        late = late or facts[-1] is not fact
    sequence = new[0].sequence
    telling = _Telling(clocks.told, policy, calendar, now_us, Cause(str(sequence), new[0].at_us), profile)
    cycles = cycles_of(facts, policy.rules, clocks.past)
    if late:
        telling.withdraw_lost(cycles, cycles_of(clocks.facts, policy.rules, clocks.past))
    for cycle in cycles:
        # What comes in order changes only the cycles that it touches.
        if late or cycle.changed_by == sequence:
            telling.compare(cycle)
            telling.advance(cycle, passing=False)
    seen = Clocks(facts, telling.told, clocks.past, _running(cycles, telling.told))
    return Outcome(_bounded(seen, policy), telling.changes, _next_wake(telling.told))


def wake(clocks: Clocks, policy: Policy, calendar: AnyCalendar, now_us: int) -> Outcome:
    """Pass the marks that came due up to `now_us`, in the order in which they did.

    Also tells where the due time of a clock that is woken moved because the calendar is another since. Arguments and
    errors are those of `see`.
    """
    told_now = dict(clocks.told)
    changes: list[Change] = []
    wake_us: int | None = None
    for kept in clocks.running:
        key = f"{kept.name}:{kept.number}"
        told = told_now[key]
        next_us = told.next_us
        if next_us is not None and next_us <= now_us:
            course = _course(kept, policy, calendar)
            if course is None or course.due_us != told.due_us:
                return _wake_all(clocks, policy, calendar, now_us)
            passed, told_now[key] = go_on(course, told, policy, now_us, passing=True)
            changes += passed
            next_us = told_now[key].next_us
        if next_us is not None and (wake_us is None or next_us < wake_us):
            wake_us = next_us
    if len(changes) > 1:
        changes.sort(key=_when)
    return Outcome(Clocks(clocks.facts, told_now, clocks.past, clocks.running), changes, wake_us)


def _course(kept: Running, policy: Policy, calendar: AnyCalendar) -> Course | None:
    """A kept cycle as it goes on, None where the policy promises nothing of it any more."""
    target = target_of(policy.rules, kept)
    return None if target is None else course_of(kept, target, calendar)


def _wake_all(clocks: Clocks, policy: Policy, calendar: AnyCalendar, now_us: int) -> Outcome:
    """As `wake`, from all facts: the calendar, or the policy under its number, is another since the last look."""
    telling = _Telling(clocks.told, policy, calendar, now_us, Cause(f"at-{now_us}", now_us), NOBODY)
    cycles = cycles_of(clocks.facts, policy.rules, clocks.past)
    for cycle in cycles:
        if cycle.stopped_us is None and key_of(cycle) in telling.told:
            telling.compare(cycle)
            telling.advance(cycle, passing=True)
    telling.changes.sort(key=_when)
    woken = Clocks(clocks.facts, telling.told, clocks.past, _running(cycles, telling.told))
    return Outcome(woken, telling.changes, _next_wake(telling.told))


def _running(cycles: list[Cycle], told: dict[str, Told]) -> tuple[Running, ...]:
    kept = []
    for cycle in cycles:
        if cycle.stopped_us is None:
            known = told.get(key_of(cycle))
            if known is not None and known.next_us is not None:
                kept.append(cycle.kept())
    return tuple(kept)


def _when(change: Change) -> int:
    return change.at_us


def shrink(clocks: Clocks, policy: Policy) -> Clocks:
    """Let go of everything up to the last time the ticket was resolved or closed; a reopening begins the next cycle."""
    facts, past = settle(clocks.facts, clocks.past, policy.rules)
    return _kept(facts, past, clocks, policy)


def _bounded(clocks: Clocks, policy: Policy) -> Clocks:
    if len(clocks.facts) <= MAX_FACTS:
        return clocks
    facts, past = condense(clocks.facts, clocks.past, policy.rules)
    return _kept(facts, past, clocks, policy)


def _kept(facts: tuple[Fact, ...], past: Past, clocks: Clocks, policy: Policy) -> Clocks:
    """Clocks with fewer facts, and what was told of the cycles that remain."""
    cycles = cycles_of(facts, policy.rules, past)
    remaining = {key_of(cycle) for cycle in cycles}
    told = {key: told for key, told in clocks.told.items() if key in remaining}
    return Clocks(facts, told, past, _running(cycles, told))


class _Telling:
    """What is told, changed and ahead while the cycles of one ticket are gone through."""

    def __init__(
        self,
        told: dict[str, Told],
        policy: Policy,
        calendar: AnyCalendar,
        now_us: int,
        cause: Cause,
        profile: Profile,
    ) -> None:
        self.told = dict(told)
        self.changes: list[Change] = []
        self._policy = policy
        self._calendar = calendar
        self._now_us = now_us
        self._cause = cause
        self._profile = profile

    def withdraw_lost(self, cycles: list[Cycle], before: list[Cycle]) -> None:
        """Take back what was told of cycles that are no more."""
        remaining = {key_of(cycle) for cycle in cycles}
        for cycle in before:
            key = key_of(cycle)
            last = judge(cycle, self._calendar, self._now_us) if key in self.told and key not in remaining else None
            if last is not None:
                changes, self.told[key] = withdraw(self.told[key], last, self._cause)
                self.changes += changes

    def compare(self, cycle: Cycle) -> None:
        """Tell what changed."""
        key = key_of(cycle)
        known = self.told.get(key)
        cause, ladder = self._cause, 0
        if known is None:
            began = msgspec.structs.replace(self._profile, priority=cycle.priority)
            ladder = steps_of(self._policy.regime(cycle.regime).escalation, cycle.name, began)
            if cycle.stopped_us is not None and cycle.stopped_by == cycle.started_by:
                cause = Cause(cause.mark, cycle.stopped_us)
        changes, told = compare(cycle, known, self._calendar, self._now_us, cause, ladder)
        self.changes += changes
        if told is not None:
            self.told[key] = told

    def advance(self, cycle: Cycle, *, passing: bool) -> None:
        """Note when the next mark will be passed; `passing` those that came due."""
        key = key_of(cycle)
        told = self.told.get(key)
        if told is not None:
            changes, self.told[key] = advance(cycle, told, self._policy, self._calendar, self._now_us, passing=passing)
            self.changes += changes


def _next_wake(told: dict[str, Told]) -> int | None:
    """When the next mark of any cycle will be passed."""
    return min((each.next_us for each in told.values() if each.next_us is not None), default=None)


def key_of(cycle: Cycle) -> str:
    """`target:cycle`, what the told of a cycle is kept under."""
    return f"{cycle.name}:{cycle.number}"
