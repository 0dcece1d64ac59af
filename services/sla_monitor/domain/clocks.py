"""When the clock of each target starts, stops, pauses, is cancelled and re-targeted: conditions as data.

Conditions are lists of kinds of facts (`facts.py`), `kind:value` where only one value counts (`status:in_review`,
`queued:north`), or `ended` for whatever ends a ticket. `BUILT_IN` says it for the product's own targets, a policy's
`clocks` for further ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from services.sla_monitor.domain import facts as f
from services.sla_monitor.domain.forms import WORD, Place, fields, flag, mapping, name, names

MAX_CLOCKS: Final = 32
RETARGETING: Final = frozenset({f.PRIORITY, f.POLICY})
_VALUED: Final = frozenset({f.STATUS, f.PRIORITY, f.QUEUED, f.ASSIGNED, f.ESCALATED})
_AFTER_THE_END: Final = frozenset({f.RESOLVED, f.CLOSED, f.ENDED})
_LISTS: Final = frozenset({"start_on", "stop_on", "cancel_on", "pause_on", "retarget_on"})


class Clock(msgspec.Struct, frozen=True):
    """When one target runs.

    A cycle starts with any of `start_on` unless one runs, the ticket is resolved (but see `when_resolved`) or the
    target named by `after` still runs; it stops with any of `stop_on`, and with `cancel_on` without a verdict. What
    both stops and starts begins the next cycle. `pause_on` are the statuses that pause it where a policy doesn't say,
    None: it never pauses, whatever a policy says. `retarget_on`: what gives it another budget while it runs.
    `operational`: promised by one team to another, not to the customer.
    """

    start_on: tuple[str, ...]
    stop_on: tuple[str, ...]
    cancel_on: tuple[str, ...] = ()
    after: str = ""
    pause_on: frozenset[str] | None = frozenset()
    retarget_on: frozenset[str] = RETARGETING
    when_resolved: bool = False
    operational: bool = False

    @property
    def conditions(self) -> tuple[str, ...]:
        """All facts that it looks out for."""
        return (*self.start_on, *self.stop_on, *self.cancel_on)


class Start(NamedTuple):
    """A clock that a fact starts.

    `after` empty: at once; `when_resolved`: also on a resolved ticket; `idle` are the statuses that pause it where no
    target says so.
    """

    name: str
    after: str
    when_resolved: bool
    idle: frozenset[str]


class Reaction(NamedTuple):
    """What a fact does to clocks, in this order."""

    cancels: tuple[str, ...]
    stops: tuple[str, ...]
    starts: tuple[Start, ...]


class Plan(msgspec.Struct, frozen=True):
    """What each condition does; `valued` are the kinds of facts whose values count. `clocks` by name, in order."""

    clocks: Mapping[str, Clock]
    on: Mapping[str, Reaction]
    valued: frozenset[str]

    @property
    def watched(self) -> frozenset[str]:
        """The kinds of facts that do anything."""
        return frozenset(condition.partition(":")[0] for condition in self.on)

    @property
    def statuses(self) -> frozenset[str]:
        """The statuses that start, stop or cancel something."""
        return frozenset(value for kind, _, value in (each.partition(":") for each in self.on) if kind == f.STATUS)


def plan_of(clocks: Mapping[str, Clock], needed: Iterable[str]) -> Plan:
    """The plan of the clocks named, and of those that they come after."""
    wanted = set(needed)
    for each in tuple(wanted):
        following = clocks[each].after
        while following and following not in wanted:
            wanted.add(following)
            following = clocks[following].after
    chosen = {each: clock for each, clock in clocks.items() if each in wanted}
    conditions = dict.fromkeys(condition for clock in chosen.values() for condition in clock.conditions)
    on = {condition: _reaction(chosen, condition) for condition in conditions}
    return Plan(chosen, on, frozenset(each.partition(":")[0] for each in on if ":" in each))


def _reaction(clocks: Mapping[str, Clock], condition: str) -> Reaction:
    after_the_end = condition in _AFTER_THE_END
    return Reaction(
        cancels=tuple(each for each, clock in clocks.items() if condition in clock.cancel_on),
        stops=tuple(each for each, clock in clocks.items() if condition in clock.stop_on),
        starts=tuple(
            Start(each, clock.after, clock.when_resolved or after_the_end, clock.pause_on or frozenset())
            for each, clock in clocks.items()
            if condition in clock.start_on
        ),
    )


def parse_clocks(data: object, place: Place, known: Mapping[str, Clock]) -> dict[str, Clock]:
    """The clocks that a policy adds to the `known` ones, whose meaning stays what it is.

    Raises:
        InvalidPolicy: a bad or known name, an unknown condition or field, nothing that starts or stops it.
    """
    found: dict[str, Clock] = {}
    for word, form in mapping(data, place).items():
        where = place.of(word)
        if not isinstance(word, str) or not WORD.fullmatch(word):
            raise where.refusal("a clock is named by a word of small letters, digits and _")
        if word in known:
            raise where.refusal("the product's own clocks can't be changed; give it another name")
        found[word] = _clock(form, where)
        if found[word].after and found[word].after not in {**known, **found}:
            raise where.of("after").refusal(f"unknown target {found[word].after!r}")
    if len(found) > MAX_CLOCKS:
        raise place.refusal(f"more than {MAX_CLOCKS}")
    return found


def _clock(data: object, place: Place) -> Clock:
    form = fields(data, place, {"start_on", "stop_on"}, {*_LISTS, "after", "when_resolved", "operational"})
    listed = {key: names(form.get(key) or [], place.of(key)) for key in _LISTS}
    for key in ("start_on", "stop_on", "cancel_on"):
        for condition in listed[key]:
            _check(condition, place.of(key))
    for key in ("start_on", "stop_on"):
        if not listed[key]:
            raise place.of(key).refusal("names nothing")
    strangers = sorted(set(listed["retarget_on"]) - RETARGETING)
    if strangers:
        raise place.of("retarget_on").refusal(f"{strangers[0]} re-targets nothing; priority and policy do")
    return Clock(
        start_on=listed["start_on"],
        stop_on=listed["stop_on"],
        cancel_on=listed["cancel_on"],
        after=name(form["after"], place.of("after")) if "after" in form else "",
        pause_on=frozenset(listed["pause_on"]),
        retarget_on=frozenset(listed["retarget_on"]) if "retarget_on" in form else RETARGETING,
        when_resolved=flag(form.get("when_resolved", False), place.of("when_resolved")),
        operational=flag(form.get("operational", False), place.of("operational")),
    )


def _check(condition: str, place: Place) -> None:
    kind, colon, value = condition.partition(":")
    if kind not in f.KINDS and kind != f.ENDED:
        raise place.refusal(f"unknown condition {condition!r}; there are {', '.join((*f.KINDS, f.ENDED))}")
    if colon and (kind not in _VALUED or not value):
        raise place.refusal(f"{condition!r}: values are told apart only of {', '.join(sorted(_VALUED))}")


BUILT_IN: Final[Mapping[str, Clock]] = {
    "registration": Clock((f.OPENED,), (f.REGISTERED, f.ENDED)),
    "assignment": Clock((f.OPENED,), (f.ASSIGNED, f.ENDED)),
    "first_response": Clock((f.OPENED,), (f.AGENT_REPLIED, f.ENDED)),
    # From the oldest unanswered message: one that comes while another waits starts nothing.
    "next_response": Clock((f.CUSTOMER_REPLIED,), (f.AGENT_REPLIED, f.ENDED), after="first_response", pause_on=None),
    # Each word to the customer begins the time until the next one; while the customer is to answer, it stands.
    "periodic_update": Clock(
        (f.AGENT_REPLIED, f.REOPENED),
        (f.AGENT_REPLIED, f.ENDED),
        after="first_response",
        pause_on=frozenset({"pending"}),
    ),
    "emergency_plan": Clock((f.OPENED,), (f.PLAN_SUBMITTED, f.ENDED)),
    # A solution that is under review is one that can be offered.
    "solution_offered": Clock((f.OPENED,), ("status:in_review", f.ENDED)),
    "resolution": Clock((f.OPENED, f.REOPENED), (f.ENDED,), pause_on=frozenset({"pending", "on_hold"})),
    "escalation_plan": Clock((f.PLAN_WANTED,), (f.PLAN_SUBMITTED, f.ENDED), when_resolved=True),
    "manual_escalation": Clock((f.ESCALATION_REQUESTED,), (f.ACKNOWLEDGED, f.PLAN_SUBMITTED, f.ENDED)),
    "dissatisfaction": Clock(
        (f.RATED_LOW,), (f.ACKNOWLEDGED, f.PLAN_SUBMITTED), cancel_on=(f.REOPENED,), when_resolved=True
    ),
    "customer_notified": Clock((f.RESOLVED,), (f.CUSTOMER_NOTIFIED,), cancel_on=(f.REOPENED,)),
    "survey": Clock((f.CLOSED,), (f.SURVEY_OFFERED,), cancel_on=(f.REOPENED, f.SURVEY_WAIVED)),
}
"""The product's own targets, in the order of reports."""


def default_pauses(clocks: Mapping[str, Clock], target: str) -> frozenset[str]:
    """The statuses that pause a target where nothing else is said."""
    clock: Any = clocks.get(target)
    return (clock.pause_on or frozenset()) if clock is not None else frozenset()
