"""Keep a ticket's history bounded: what can no longer change a verdict is let go and only counted.

First choice is the whole life up to the last time the ticket was resolved: nothing ran then, so nothing is lost but
the chance to correct verdicts of that life. Where that isn't enough, answered messages go, the oldest first. What
remains (pauses and priorities of a resolution that still runs) is needed and is refused beyond the bound.
"""

from __future__ import annotations

from typing import Final

from services.sla_monitor.domain import facts as f
from services.sla_monitor.domain.cycles import cycles_of
from services.sla_monitor.domain.facts import MAX_FACTS, Fact, Past
from services.sla_monitor.domain.policy import Targets

KEPT_RESPONSES: Final = 32
"""Messages, the latest ones, whose verdicts a late event can still change after condensing."""


class TooManyFacts(ValueError):  # noqa: N818 - says what there is
    """A ticket has more pauses and changes of priority in one resolution than are kept."""


def condense(facts: tuple[Fact, ...], past: Past, targets: Targets) -> tuple[tuple[Fact, ...], Past]:
    """The facts and the past, with at most `MAX_FACTS` facts.

    Raises:
        TooManyFacts: that can't be had.
    """
    facts, past = settle(facts, past, targets)
    if len(facts) > MAX_FACTS:
        facts, past = _let_replies_go(facts, past, targets)
    if len(facts) > MAX_FACTS:
        raise TooManyFacts(f"more than {MAX_FACTS} pauses and changes of priority in one resolution")
    return facts, past


def settle(facts: tuple[Fact, ...], past: Past, targets: Targets) -> tuple[tuple[Fact, ...], Past]:
    """Let go of everything up to the last time the ticket was resolved; as it was when it never was."""
    last = None
    opened = resolved = past.settled_us is not None
    for place, fact in enumerate(facts):
        opened = opened or fact.kind == f.OPENED
        if fact.kind in f.ENDS and not resolved:
            resolved, last = True, place
        elif fact.kind == f.REOPENED:
            resolved = False
    if last is None or not opened:
        return facts, past
    gone = cycles_of(facts[: last + 1], targets, past)
    resolutions = [cycle for cycle in gone if cycle.name == "resolution"]
    return facts[last + 1 :], Past(
        settled_us=facts[last].at_us,
        priority=resolutions[-1].priority,
        resolutions=resolutions[-1].number,
        responses=past.responses + sum(cycle.name == "next_response" for cycle in gone),
    )


def _let_replies_go(facts: tuple[Fact, ...], past: Past, targets: Targets) -> tuple[tuple[Fact, ...], Past]:
    """Keep the replies that began or ended the latest responses, and the one that was the first response."""
    cycles = cycles_of(facts, targets, past)
    responses = [cycle for cycle in cycles if cycle.name == "next_response"]
    needed = {cycle.stopped_by for cycle in cycles if cycle.name == "first_response"}
    for cycle in responses[-KEPT_RESPONSES:]:
        needed |= {cycle.started_by, cycle.stopped_by}
    kept = tuple(fact for fact in facts if fact.kind not in f.REPLIES or fact.sequence in needed)
    gone = len(responses[:-KEPT_RESPONSES])
    return kept, Past(past.settled_us, past.priority, past.resolutions, past.responses + gone)
