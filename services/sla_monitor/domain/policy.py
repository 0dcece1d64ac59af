"""SLA policies: versioned data that says how long each target may take, when to warn and whom to escalate to.

docs/sla-policies.md describes the data form, `policies/*.yaml` show it; numbers of the default policy come from
shared/FACTS.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Final

import msgspec

from services.sla_monitor.domain.clocks import BUILT_IN, Clock, Plan, default_pauses, parse_clocks, plan_of
from services.sla_monitor.domain.conditions import FOR_ALL, Conditions, Profile, parse_conditions
from services.sla_monitor.domain.forms import (
    InvalidPolicy,
    Place,
    fields,
    instant_us,
    mapping,
    name,
    names,
    span_us,
    whole,
)
from services.sla_monitor.domain.ladder import Ladder, ladder_of
from services.sla_monitor.domain.steps import MAX_STEPS, EscalationStep, parse_ladder
from services.sla_monitor.domain.surge import SurgeRule, parse_surges

__all__ = ["InvalidPolicy", "Policy", "Rules", "Target", "Targets", "parse_policy", "parse_targets", "rules_of"]

CLOCK_TARGETS: Final = tuple(BUILT_IN)
"""The product's own targets. The order is that of reports; those that a policy adds come behind."""

ALWAYS_ID: Final = "24x7"
"""Names the calendar that is always open where a target has to name one."""
LADDERS_MAX: Final = 1_000
"""Budgets whose ladders one policy keeps ready."""
MAX_VERSION: Final = 1_000_000

Targets = Mapping[str, Mapping[str, "Target"]]
"""Targets by priority and name."""


class Target(msgspec.Struct, frozen=True):
    """How much open, unpaused time a target may take, and the statuses in which it stands still.

    `calendar_id` None: the calendar that the ticket goes by. `regime` is the place of the policy that promises it among
    those that the ticket went by.
    """

    budget_us: int
    pause_on: frozenset[str] = frozenset()
    calendar_id: str | None = None
    regime: int = 0


class Rules(msgspec.Struct, frozen=True):
    """Which clocks there are, and what they may take. `later` has the targets of policies that a ticket moved to."""

    targets: Targets
    plan: Plan
    later: Mapping[str, Targets] = {}


def rules_of(targets: Targets, clocks: Mapping[str, Clock] = BUILT_IN) -> Rules:
    """The rules of targets alone."""
    return Rules(targets, plan_of(clocks, {each for named in targets.values() for each in named}))


class Policy(msgspec.Struct, frozen=True, dict=True):
    """One version of a policy.

    `warn_at` are fractions of the budget, ascending; `calendar_id` None means 24/7, `calendars` says for which tickets
    it is another. Tickets that `when` holds for get it, of several the one with the lowest `rank`; one without
    conditions is for those that name it. `beside`: it counts only where that policy is the default one. `surges` say
    when breaches of a pool are an alarm, where this policy is the default one. `earlier` are the policies that a ticket
    went by before this one, its first one first.
    """

    policy_id: str
    version: int
    rules: Rules
    calendar_id: str | None = None
    effective_from_us: int | None = None
    warn_at: tuple[float, ...] = ()
    escalation: tuple[EscalationStep, ...] = ()
    title: str = ""
    levels: dict[str, str] = {}
    when: Conditions = FOR_ALL
    rank: int = 100
    beside: str | None = None
    calendars: tuple[tuple[Conditions, str | None], ...] = ()
    surges: tuple[SurgeRule, ...] = ()
    earlier: tuple[Policy, ...] = ()

    @property
    def targets(self) -> Targets:
        """Targets by priority and name."""
        return self.rules.targets

    @property
    def ref(self) -> str:
        """What a fact calls this version."""
        return policy_ref(self.policy_id, self.version)

    @cached_property
    def statuses(self) -> frozenset[str]:
        """The statuses that pause, start or stop anything under any priority: the others are all the same."""
        pausing = (target.pause_on for named in _all_targets(self.rules) for target in named.values())
        plan = self.rules.plan
        defaults = (default_pauses(plan.clocks, each) for each in plan.clocks)
        return plan.statuses.union(*pausing, *defaults)

    @cached_property
    def watched(self) -> frozenset[str]:
        """The kinds of facts that its clocks and ladders look out for."""
        return self.rules.plan.watched | {"acknowledged"}

    @cached_property
    def _ladders(self) -> dict[int, Ladder]:
        """By budget: those of this policy, and of the policies that its tickets were moved to."""
        return {}

    def ladder(self, budget_us: int) -> Ladder:
        """The marks of a budget, made once."""
        ladder = self._ladders.get(budget_us)
        if ladder is None:
            if len(self._ladders) >= LADDERS_MAX:
                self._ladders.clear()
            ladder = self._ladders[budget_us] = ladder_of(self.warn_at, self.escalation, budget_us)
        return ladder

    def regime(self, number: int) -> Policy:
        """The policy that a target of this regime comes from."""
        return self.earlier[number] if number < len(self.earlier) else self

    def calendar_for(self, profile: Profile) -> str | None:
        """The calendar that a ticket goes by, None for 24/7."""
        return next((each for when, each in self.calendars if when.hold_for(profile)), self.calendar_id)


def policy_ref(policy_id: str, version: int) -> str:
    """`cn-standard@2`."""
    return f"{policy_id}@{version}"


def moved(first: Policy, then: tuple[tuple[Policy, str | None], ...]) -> Policy:
    """The policy of a ticket that was moved to others, one after the other, each with the calendar it goes by there.

    It is the last of them, with what came before: each target knows its regime and its calendar, so that what ran under
    an earlier one keeps it. A clock keeps the conditions under which it was known first.
    """
    regimes = (first, *(policy for policy, _ in then))
    clocks = dict(first.rules.plan.clocks)
    for policy, _ in then:
        clocks = {**policy.rules.plan.clocks, **clocks}
    ordered = {each: clocks[each] for each in (*CLOCK_TARGETS, *clocks) if each in clocks}
    later = {
        policy.ref: _under(policy.targets, number, calendar_id)
        for number, (policy, calendar_id) in enumerate(then, start=1)
    }
    rules = Rules(first.targets, plan_of(ordered, ordered), later)
    last = regimes[-1]
    return msgspec.structs.replace(last, rules=rules, earlier=regimes[:-1])


def _under(targets: Targets, regime: int, calendar_id: str | None) -> Targets:
    fallback = ALWAYS_ID if calendar_id is None else calendar_id
    return {
        priority: {
            each: msgspec.structs.replace(target, regime=regime, calendar_id=target.calendar_id or fallback)
            for each, target in named.items()
        }
        for priority, named in targets.items()
    }


def _all_targets(rules: Rules) -> list[Mapping[str, Target]]:
    return [named for targets in (rules.targets, *rules.later.values()) for named in targets.values()]


def parse_targets(
    data: object, clocks: Mapping[str, Clock] = BUILT_IN, place: Place | None = None
) -> dict[str, dict[str, Target]]:
    """Targets by priority from `{"P0": {"resolution": {"seconds": 7200, "pause_on": ["pending"]}}}`.

    Raises:
        InvalidPolicy: an unknown target or field, or seconds that are not a positive number.
    """
    place = place or Place("targets")
    targets: dict[str, dict[str, Target]] = {}
    for priority, named in mapping(data, place).items():
        if not isinstance(priority, str) or not priority:
            raise InvalidPolicy(f"{priority!r} is not the name of a priority", place.path)
        where = place.of(priority, f"targets of {priority}")
        targets[priority] = {}
        for each, form in mapping(named, where).items():
            if each not in clocks:
                raise where.of(str(each), where.words).refusal(f"unknown target {each!r}")
            targets[priority][str(each)] = _target(clocks[each], form, where.of(str(each)))
    return targets


def parse_policy(data: object) -> Policy:
    """A policy from its data form.

    Raises:
        InvalidPolicy: a missing, unknown or wrong field; the message names it, `path` leads to it.
    """
    root = Place("a policy")
    optional = {
        *("calendar_id", "calendars", "effective_from", "warn_at", "escalation", "title", "levels"),
        *("when", "rank", "beside", "clocks", "surges"),
    }
    form = fields(data, root, {"policy_id", "version", "targets"}, optional)
    version = form["version"]
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= MAX_VERSION:
        raise InvalidPolicy(f"version counts from 1, got {version!r}", ("version",))
    own = parse_clocks(form.get("clocks") or {}, root.of("clocks", "clocks"), BUILT_IN)
    clocks = {**BUILT_IN, **own}
    targets = parse_targets(form["targets"], clocks, root.of("targets", "targets"))
    _check_used(own, targets)
    levels = mapping(form.get("levels") or {}, root.of("levels", "levels"))
    return Policy(
        policy_id=name(form["policy_id"], root.of("policy_id", "policy_id")),
        version=version,
        rules=rules_of(targets, clocks),
        calendar_id=_calendar_id(form, root),
        effective_from_us=instant_us(form.get("effective_from"), root.of("effective_from", "effective_from")),
        warn_at=_fractions(form.get("warn_at") or [], root.of("warn_at", "warn_at")),
        escalation=parse_ladder(form.get("escalation") or [], root.of("escalation", "escalation"), frozenset(clocks)),
        title=str(form.get("title") or ""),
        levels={str(level): str(meaning) for level, meaning in levels.items()},
        when=parse_conditions(form.get("when"), root.of("when", "when")),
        rank=whole(form.get("rank", 100), root.of("rank", "rank"), 0, MAX_VERSION),
        beside=name(form["beside"], root.of("beside", "beside")) if "beside" in form else None,
        calendars=_calendars(form.get("calendars") or [], root.of("calendars", "calendars")),
        surges=parse_surges(form.get("surges") or [], root.of("surges", "surges")),
    )


def _check_used(own: Mapping[str, Clock], targets: Targets) -> None:
    used = {each for named in targets.values() for each in named}
    for each in own:
        if each not in used:
            raise Place("clocks", ("clocks",)).of(each).refusal("no priority has a target for it")


def _target(clock: Clock, data: object, place: Place) -> Target:
    form = fields(data, place, {"seconds"}, {"pause_on", "calendar_id"})
    pausing = clock.pause_on
    if form.get("pause_on") is not None:
        if not isinstance(form["pause_on"], list | tuple):
            raise InvalidPolicy(f"{place.words}: pause_on is a list of statuses", (*place.path, "pause_on"))
        stated = frozenset(names(form["pause_on"], place.of("pause_on")))
        # Of a clock that never pauses `pause_on` is read, but has no effect.
        pausing = stated if pausing is not None else None
    budget_us = span_us(form["seconds"], place.of("seconds"))
    if budget_us <= 0:
        raise InvalidPolicy(
            f"{place.words}: the budget is not positive: {form['seconds']!r} seconds", (*place.path, "seconds")
        )
    calendar_id = form.get("calendar_id")
    return Target(
        budget_us=budget_us,
        pause_on=pausing or frozenset(),
        calendar_id=None if calendar_id is None else name(calendar_id, place.of("calendar_id")),
    )


def _calendar_id(form: Mapping[str, object], place: Place) -> str | None:
    stated = form.get("calendar_id")
    return None if stated is None else name(stated, place.of("calendar_id", "calendar_id"))


def _calendars(data: object, place: Place) -> tuple[tuple[Conditions, str | None], ...]:
    if not isinstance(data, list | tuple) or len(data) > MAX_STEPS:
        raise place.refusal(f"expected a list of at most {MAX_STEPS} choices")
    found = []
    for number, item in enumerate(data):
        where = place.of(number, f"calendars, choice {number + 1}")
        form = fields(item, where, {"when", "calendar_id"}, set())
        found.append((parse_conditions(form["when"], where.of("when")), _calendar_id(form, where)))
    return tuple(found)


def _fractions(data: object, place: Place) -> tuple[float, ...]:
    if not isinstance(data, list | tuple) or len(data) > MAX_STEPS:
        raise InvalidPolicy(f"warn_at is a list of at most {MAX_STEPS} fractions", place.path)
    if any(isinstance(item, bool) or not isinstance(item, int | float) or not 0 < item < 1 for item in data):
        raise InvalidPolicy(f"warn_at holds fractions between 0 and 1: {data!r}", place.path)
    percents = [round(100 * item) for item in data]
    if percents != sorted(set(percents)):
        raise InvalidPolicy(f"warn_at ascends by whole percents: {data!r}", place.path)
    return tuple(float(item) for item in data)
