"""Keep a ticket's history bounded: what can no longer change a verdict is let go and only counted.

First choice is the whole life up to the last time the ticket ended: nothing that the customer waits for ran then, so
little is lost but the chance to correct verdicts of that life. Where that isn't enough, answered messages go, the
oldest first. What remains (pauses and priorities of a resolution that still runs) is needed and is refused beyond the
bound.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec

from services.sla_monitor.domain import facts as f
from services.sla_monitor.domain.cycles import cycles_of, opening_first, past_after
from services.sla_monitor.domain.facts import MAX_FACTS, Fact, Past
from services.sla_monitor.domain.policy import Rules

KEPT_REPLIES: Final = 64
"""Messages, the latest ones, whose verdicts a late event can still change after condensing."""


class TooManyFacts(ValueError):  # noqa: N818 - says what there is
    """A ticket has more pauses and changes of priority in one resolution than are kept."""


def condense(facts: tuple[Fact, ...], past: Past, rules: Rules) -> tuple[tuple[Fact, ...], Past]:
    """The facts and the past, with at most `MAX_FACTS` facts.

    Raises:
        TooManyFacts: that can't be had.
    """
    facts, past = settle(facts, past, rules)
    if len(facts) > MAX_FACTS:
        facts, past = _let_replies_go(facts, past, rules)
    if len(facts) > MAX_FACTS:
        raise TooManyFacts(f"more than {MAX_FACTS} pauses and changes of priority in one resolution")
    return facts, past


def settle(facts: tuple[Fact, ...], past: Past, rules: Rules) -> tuple[tuple[Fact, ...], Past]:
    """Let go of everything up to the last time the ticket was resolved or closed; as it was when it never was."""
    known = opening_first(facts, past)
    last = None
    resolved = past.settled_us is not None
    closed = past.closed
    for place, fact in enumerate(known):
        if fact.kind in f.ENDS and not (closed if fact.kind == f.CLOSED else resolved):
            resolved, closed, last = True, fact.kind == f.CLOSED, place
        elif fact.kind == f.REOPENED:
            resolved = closed = False
    if last is None:
        return facts, past
    return tuple(known[last + 1 :]), past_after(known[: last + 1], rules, past)


def _let_replies_go(facts: tuple[Fact, ...], past: Past, rules: Rules) -> tuple[tuple[Fact, ...], Past]:
    """Keep the latest replies, without a gap between them, and those that began what still runs."""
    cycles = cycles_of(facts, rules, past)
    replies = [fact.sequence for fact in facts if fact.kind in f.REPLIES]
    needed = {*replies[-KEPT_REPLIES:], *(cycle.started_by for cycle in cycles if cycle.stopped_us is None)}
    kept = tuple(fact for fact in facts if fact.kind not in f.REPLIES or fact.sequence in needed)
    # What an opening begins and a reply that went has stopped must not begin again.
    numbers = {**past.numbers}
    for cycle in cycles:
        if cycle.stopped_by in replies and cycle.stopped_by not in needed and cycle.name not in numbers:
            numbers[cycle.name] = 1
    left = Counter(cycle.name for cycle in cycles_of(kept, rules, msgspec.structs.replace(past, numbers=numbers)))
    # What the remaining facts begin is numbered on from what went.
    for cycle in cycles:
        numbers[cycle.name] = cycle.number - left[cycle.name]
    return kept, msgspec.structs.replace(past, numbers=numbers)
