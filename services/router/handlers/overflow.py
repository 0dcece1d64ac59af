"""What becomes of work that nobody takes: others are asked, then the pool's owner. Nothing waits unseen."""

from __future__ import annotations

import msgspec

from schemas.ticket_assignments import AssignmentOverflowed, OverflowReason
from services.router.domain.assignment import Choice, bars
from services.router.domain.missed import in_the_end, rested
from services.router.domain.work import Work, last_requirement_of
from services.router.handlers.effects import OVERFLOWED, OwnerAlarmed
from services.router.handlers.step import Step
from services.router.handlers.timers import owner_alarmed_at
from services.router.state import Waiting, offer_key


def assign_or_overflow(step: Step, waiting: Waiting, *, is_new: bool) -> None:
    """Assign waiting work if anyone can take it by now, or let it wait; alarm the owner when it is time or hopeless."""
    waiting = _ask_further(step, _ask_again(step, waiting))
    choice = step.assign(waiting)
    if choice is None:
        return
    if is_new:
        step.queue(waiting, choice)
    if waiting.alarmed:
        return
    reason = reason_to_despair(step, waiting.work)
    alarmed_at = owner_alarmed_at(waiting, step.policy)
    if reason is None and alarmed_at is not None and alarmed_at <= step.now:
        reason = OverflowReason.WAITED
    if reason is not None:
        _alarm(step, waiting, reason, choice)


def reason_to_despair(step: Step, work: Work) -> OverflowReason | None:
    """Why nobody of the pool could ever take the work, however long it waits; None if somebody could."""
    roster, requirement = step.pool.roster, last_requirement_of(work, step.policy)
    able = roster.able(requirement).members
    if not able:
        return OverflowReason.NOBODY_ABLE
    barred = frozenset[str]().union(*bars(in_the_end(work, step.policy), roster).values())
    if len(barred) < able or sum(roster.could_ever(each, requirement) for each in barred) < able:
        return None
    return OverflowReason.ALL_DECLINED


def _ask_again(step: Step, waiting: Waiting) -> Waiting:
    """Let it go again to those who missed it and have rested since."""
    work = rested(waiting.work, step.policy, step.now)
    return waiting if work is waiting.work else _put(step, msgspec.structs.replace(waiting, work=work))


def _ask_further(step: Step, waiting: Waiting) -> Waiting:
    """Say which groups are asked by now that were not before; the first group is asked from the start."""
    policy = step.policy
    waited_seconds = (step.now - waiting.waiting_since).total_seconds()
    told = waiting.groups_told
    for number, group in enumerate(policy.groups):
        if number < told or waited_seconds < group.after_seconds:
            continue
        told = number + 1
        if group.after_seconds:
            data = AssignmentOverflowed.new(
                **step.stated(waiting),
                reason=OverflowReason.WAITED,
                alarm=False,
                teams=list(group.teams),
                dropped={},
            )
            _tell(step, waiting, f"overflowed-{number}", data)
    if told == waiting.groups_told:
        return waiting
    return _put(step, msgspec.structs.replace(waiting, groups_told=told))


def _alarm(step: Step, waiting: Waiting, reason: OverflowReason, choice: Choice) -> None:
    policy = step.policy
    data = AssignmentOverflowed.new(
        **step.stated(waiting), reason=reason, alarm=True, owner_id=policy.owner_id, dropped=choice.dropped
    )
    _tell(step, waiting, "overflowed", data)
    step.effects.append(OwnerAlarmed(step.draft.name, reason.value))
    waiting = _put(step, msgspec.structs.replace(waiting, alarmed=True))
    if policy.owner_id is not None and policy.owner_takes:
        step.assign_to(waiting, policy.owner_id, OVERFLOWED)


def _put(step: Step, waiting: Waiting) -> Waiting:
    step.draft.put(offer_key(step.draft.name, waiting.work.ticket_id), waiting)
    return waiting


def _tell(step: Step, waiting: Waiting, name: str, data: AssignmentOverflowed) -> None:
    work = waiting.work
    step.tell(work.ticket_id, waiting.tenant, f"{work.generation}:{name}", data, since=waiting.offered_at)
