"""Which clocks ran when, and in which statuses they stood: facts become cycles. No calendar and no verdict here.

A cycle is one run of one target; `clocks.py` says by which facts it starts and stops. For all of them:

- Resolved and closed end a ticket, once; only then `reopened` says anything, and begins with the status `open`.
- Each change of what is in force (the priority, the policy) that gives a running target another budget or other pausing
  statuses begins a new generation of its cycle; what has stopped keeps its last one. Whether a status pauses is decided
  by the priority in force at that time.
- Nothing happens to a ticket before its opening: facts stamped earlier count as happening right after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.sla_monitor.domain import facts as f
from services.sla_monitor.domain.clocks import Reaction, Start
from services.sla_monitor.domain.cycle import Cycle, Running
from services.sla_monitor.domain.facts import Fact, Past
from services.sla_monitor.domain.policy import Rules, Target

REOPENED_STATUS: Final = "open"
_NOTHING_NAMED: Final[dict[str, Target]] = {}


def cycles_of(facts: Sequence[Fact], rules: Rules, past: Past) -> list[Cycle]:
    """All cycles that the facts began, in the order of their starts, those of the past not included.

    Args:
        facts: ordered as `facts.insert` orders them; without an opening (and no settled past) there are no cycles.
        rules: which clocks there are, and the policy's targets by priority.
        past: counts of cycles whose facts were let go.
    """
    return read_facts(facts, rules, past).cycles


def past_after(facts: Sequence[Fact], rules: Rules, past: Past) -> Past:
    """What remains to be known of facts that end with a ticket's end. Arguments are those of `cycles_of`."""
    after = read_facts(facts, rules, past)
    return Past(facts[-1].at_us, after.priority, after.numbers, after.policy, after.closed)


def read_facts(facts: Sequence[Fact], rules: Rules, past: Past) -> Reading:
    """The clocks as they stand after the facts. Arguments are those of `cycles_of`."""
    reading = Reading(rules, past)
    for fact in opening_first(facts, past):
        reading.read(fact)
    return reading


def opening_first(facts: Sequence[Fact], past: Past) -> Sequence[Fact]:
    """The facts from the opening on, with earlier ones right behind it at its instant; none without an opening.

    As they are where the opening was let go.
    """
    if past.settled_us is not None or not facts or facts[0].kind == f.OPENED:
        return facts
    early: list[Fact] = []
    remaining = iter(facts)
    for fact in remaining:
        if fact.kind == f.OPENED:
            moved = (Fact(fact.at_us, other.sequence, other.kind, other.value) for other in early)
            return [fact, *moved, *remaining]
        early.append(fact)
    return []


def target_of(rules: Rules, kept: Running) -> Target | None:
    """What the policy in force promises of a kept cycle, None where it promises nothing any more."""
    targets = rules.targets
    if kept.regime:
        later = tuple(rules.later.values())
        if kept.regime > len(later):
            return None
        targets = later[kept.regime - 1]
    return targets.get(kept.priority, _NOTHING_NAMED).get(kept.name)


class Reading:
    """The clocks of one ticket while its facts are read: `cycles` that they began, and what is in force.

    `policy` is the one that the ticket was moved to last, None while it goes by its first; `numbers` counts cycles.
    """

    __slots__ = (
        "_named",
        "_on",
        "_opened",
        "_plan",
        "_regime",
        "_resolved",
        "_rules",
        "_running",
        "_status",
        "_targets",
        "closed",
        "cycles",
        "numbers",
        "policy",
        "priority",
    )

    def __init__(self, rules: Rules, past: Past) -> None:
        self.cycles: list[Cycle] = []
        self._rules = rules
        self._plan = rules.plan
        self._on = rules.plan.on
        self.policy = past.policy
        self._targets = rules.targets if past.policy is None else rules.later.get(past.policy, rules.targets)
        self._regime = _regime_of(rules, past.policy)
        self._running: dict[str, Cycle] = {}
        self.numbers = dict(past.numbers) if past.numbers else {}
        self._opened = self._resolved = past.settled_us is not None
        self.closed = past.closed
        self.priority = past.priority or ""
        self._named = self._targets.get(self.priority, _NOTHING_NAMED)
        self._status = REOPENED_STATUS

    def read(self, fact: Fact) -> None:
        """Take in the next fact: what it says of the ticket first, then what it does to clocks."""
        kind = fact.kind
        valued = self._on.get(f"{kind}:{fact.value}") if kind in self._plan.valued else None
        if valued is not None and kind in _IN_FORCE:
            # What it stops, stops as it stood before.
            self._end(valued, fact)
        note = _NOTES.get(kind)
        if note is not None and not note(self, fact):
            return
        reaction = self._on.get(kind)
        if reaction is not None:
            self._react(reaction, fact)
        if valued is not None:
            self._react(valued, fact)

    def note_opened(self, fact: Fact) -> bool:
        """A ticket exists; a second opening says nothing new."""
        if self._opened:
            return False
        self._opened = True
        self.priority = fact.value or ""
        self._named = self._targets.get(self.priority, _NOTHING_NAMED)
        return True

    def note_status(self, fact: Fact) -> bool:
        """Pause and resume."""
        self._status = fact.value or ""
        for cycle in self._running.values():
            cycle.see_status(fact, self._status)
        return True

    def note_priority(self, fact: Fact) -> bool:
        """Put another priority in force."""
        self.priority = fact.value or ""
        self._retarget(fact)
        return True

    def note_policy(self, fact: Fact) -> bool:
        """Put another policy in force."""
        if fact.value is not None and fact.value in self._rules.later:
            self.policy = fact.value
            self._targets = self._rules.later[fact.value]
            self._regime = _regime_of(self._rules, fact.value)
            self._retarget(fact)
        return True

    def note_end(self, fact: Fact) -> bool:
        """It is resolved or closed; what is resolved already stays so, but may still be closed."""
        closes = fact.kind == f.CLOSED
        if (self.closed or not closes) and self._resolved:
            return False
        self.closed = closes
        if not self._resolved:
            self._resolved = True
            reaction = self._on.get(f.ENDED)
            if reaction is not None:
                self._react(reaction, fact)
        return True

    def note_cancelled(self, fact: Fact) -> bool:
        """Everything stops, and nothing starts again."""
        self._resolved = True
        for cycle in self._running.values():
            cycle.stop(fact, cancelled=True)
        self._running.clear()
        return True

    def note_reopened(self, fact: Fact) -> bool:
        """It goes on, if it was resolved."""
        del fact
        if not self._resolved:
            return False
        self._resolved = self.closed = False
        self._status = REOPENED_STATUS
        return True

    def note_acknowledged(self, fact: Fact) -> bool:
        """Someone answers for the escalation of one cycle, or of all that run."""
        for cycle in self._running.values():
            if fact.value is None or fact.value == f"{cycle.name}:{cycle.number}":
                cycle.acknowledge(fact)
        return True

    def _retarget(self, fact: Fact) -> None:
        self._named = self._targets.get(self.priority, _NOTHING_NAMED)
        clocks = self._plan.clocks
        for name, cycle in self._running.items():
            if fact.kind in clocks[name].retarget_on:
                cycle.see_terms(fact, self.priority, self._named.get(name), self._status)

    def _react(self, reaction: Reaction, fact: Fact) -> None:
        self._end(reaction, fact)
        for start in reaction.starts:
            if start.name not in self._running and self._may_start(start, fact):
                self._start(start, fact)

    def _end(self, reaction: Reaction, fact: Fact) -> None:
        running = self._running
        for name in reaction.cancels:
            if name in running:
                running.pop(name).stop(fact, cancelled=True)
        for name in reaction.stops:
            if name in running:
                running.pop(name).stop(fact)

    def _may_start(self, start: Start, fact: Fact) -> bool:
        if not self._opened or (self._resolved and not start.when_resolved) or start.after in self._running:
            return False
        # What an opening began may be over, and what ended it let go.
        return fact.kind != f.OPENED or not self.numbers.get(start.name)

    def _start(self, start: Start, fact: Fact) -> None:
        name = start.name
        number = self.numbers[name] = self.numbers.get(name, 0) + 1
        target = self._named.get(name)
        cycle = Cycle(name, number, fact, self.priority, target, start.idle)
        if self._status in (start.idle if target is None else target.pause_on):
            cycle.paused_in = self._status
        cycle.regime = self._regime
        self._running[name] = cycle
        self.cycles.append(cycle)


def _regime_of(rules: Rules, ref: str | None) -> int:
    """The place of a policy among those that the ticket went by, from 1; 0 is the first."""
    return next((number for number, each in enumerate(rules.later, start=1) if each == ref), 0)


_IN_FORCE: Final = frozenset({f.STATUS, f.PRIORITY})
_NOTES: Final = {
    f.OPENED: Reading.note_opened,
    f.STATUS: Reading.note_status,
    f.PRIORITY: Reading.note_priority,
    f.POLICY: Reading.note_policy,
    f.RESOLVED: Reading.note_end,
    f.CLOSED: Reading.note_end,
    f.CANCELLED: Reading.note_cancelled,
    f.REOPENED: Reading.note_reopened,
    f.ACKNOWLEDGED: Reading.note_acknowledged,
}
"""What some facts say of the ticket itself; False where they say nothing new."""
