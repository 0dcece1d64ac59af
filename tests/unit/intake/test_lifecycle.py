"""The state machine: what is legal when, who may do it, and what it does."""

from __future__ import annotations

from itertools import product
from typing import Any

import msgspec
import pytest

from schemas.contract import Contract, contract_of
from schemas.parts import Actor
from schemas.routing_work import OfferMade, OfferWithdrawn
from schemas.ticket_commands import ChangeStatus
from schemas.ticket_events import CommandRefused, TicketEvent
from schemas.vocabulary import Status
from services.intake.domain import answers, lifecycle
from services.intake.domain.commands import TURNS
from services.intake.domain.lifecycle import REASON_CHARACTERS, RULES
from services.intake.domain.story import Outcome
from services.intake.domain.ticket import HELD, RECENT_COMMANDS, Remnant, State, Ticket
from tests.unit.intake import values as v

MAY_PEND = {before for before, afters in TURNS.items() if Status.PENDING in afters}
RESTING = [Status.QUEUED, Status.ASSIGNED, Status.IN_PROGRESS, Status.PENDING, Status.ON_HOLD, Status.IN_REVIEW]


def name_of(value: object) -> str:
    """Parameters in test ids: statuses as they are, commands by their type."""
    return str(value) if isinstance(value, Status) else type(value).__name__


def decided(state: State | None, command: Contract, cause: str = "c-1") -> Outcome:
    outcome = lifecycle.decide(state, command, v.moment(cause), v.POLICY)
    assert outcome is not None
    return outcome


def names(outcome: Outcome) -> list[tuple[str, Status]]:
    return [(type(fact).__name__, fact.status) for fact in outcome.facts]


def ticket_after(outcome: Outcome) -> Ticket:
    assert isinstance(outcome.state, Ticket)
    return outcome.state


def refusal_of(outcome: Outcome) -> str:
    (fact,) = outcome.facts
    assert isinstance(fact, CommandRefused)
    return fact.reason


def check_valid(facts: list[TicketEvent]) -> None:
    """What was told holds to its published contract."""
    for fact in facts:
        contract = contract_of(fact.type_name)
        assert contract is not None
        contract.from_struct(fact)


# ── the whole table ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("status", "command"), list(product(Status, v.every_command())), ids=name_of)
def test_every_command_is_carried_out_or_refused_in_every_status(status: Status, command: Contract) -> None:
    before = v.state_in(status)
    outcome = lifecycle.decide(before, command, v.moment(), v.POLICY)
    if outcome is None:
        assert type(command).__name__ == "OpenTicket"
        return
    sequences = [fact.sequence for fact in outcome.facts]
    assert sequences == list(range(8, 8 + len(sequences)))
    assert outcome.state is not None
    assert outcome.state.sequence == sequences[-1]
    if isinstance(before, Ticket):
        assert outcome.snapshot is not None
        assert outcome.snapshot.sequence == sequences[-1]
    check_valid(list(outcome.facts))
    legal = status in RULES[type(command)].statuses and not (
        isinstance(command, ChangeStatus) and status not in MAY_PEND
    )
    assert legal is not isinstance(outcome.facts[0], CommandRefused)


@pytest.mark.parametrize("status", list(Status))
def test_a_refused_command_changes_nothing_but_the_sequence(status: Status) -> None:
    before = v.state_in(status)
    for command in v.every_command():
        outcome = lifecycle.decide(before, command, v.moment(), v.POLICY)
        if outcome is None or not isinstance(outcome.facts[0], CommandRefused):
            continue
        after = outcome.state
        assert after is not None
        assert len(outcome.facts) == 1
        assert not outcome.work
        assert msgspec.structs.replace(after, sequence=7, recent=()) == before


@pytest.mark.parametrize("status", list(Status))
def test_a_refusal_says_what_would_be_legal(status: Status) -> None:
    for command in v.every_command():
        outcome = lifecycle.decide(v.state_in(status), command, v.moment(), v.POLICY)
        if outcome is not None and isinstance(outcome.facts[0], CommandRefused):
            reason = refusal_of(outcome)
            assert "legal" in reason
            assert len(reason) <= REASON_CHARACTERS


def test_the_rules_know_every_command_there_is() -> None:
    assert {type(command) for command in v.every_command()} == {*RULES, type(v.opening())}


@pytest.mark.parametrize(("before", "after"), list(product(TURNS, Status)), ids=str)
def test_work_turns_only_where_the_table_leads(before: Status, after: Status) -> None:
    outcome = decided(v.ticket_in(before), v.turn(after))
    if after in TURNS[before]:
        assert names(outcome) == [("StatusChanged", after)]
    else:
        assert all(each.value in refusal_of(outcome) for each in TURNS[before])


# ── opening ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_opened_ticket_is_classified_and_queued_and_offered_at_once() -> None:
    outcome = decided(None, v.opening(priority="P0"))
    assert names(outcome) == [
        ("TicketOpened", Status.NEW),
        ("TicketClassified", Status.CLASSIFIED),
        ("TicketQueued", Status.QUEUED),
    ]
    assert [fact.sequence for fact in outcome.facts] == [1, 2, 3]
    assert {(fact.cause, fact.decided_at, fact.position) for fact in outcome.facts} == {
        ("c-1", v.T0, "ticket.commands/0/7")
    }
    (offer,) = outcome.work
    assert isinstance(offer, OfferMade)
    assert (offer.generation, offer.priority, offer.weight, offer.skills) == (1, "P0", 4, ["network"])
    assert offer.queued_at == v.T0
    check_valid(list(outcome.facts))


def test_opening_a_ticket_again_does_nothing() -> None:
    opened = decided(None, v.opening())
    for state in (opened.state, decided(v.ticket_in(Status.QUEUED), v.cancel()).state):
        assert lifecycle.decide(state, v.opening(subject="again"), v.moment("c-2"), v.POLICY) is None


def test_a_command_for_a_ticket_that_never_was_is_refused_and_numbered() -> None:
    first = decided(None, v.reply(), "c-1")
    second = decided(first.state, v.accept(), "c-2")
    assert "OpenTicket" in refusal_of(first)
    assert [fact.sequence for fact in (*first.facts, *second.facts)] == [1, 2]
    opened = decided(second.state, v.opening(), "c-3")
    assert [fact.sequence for fact in opened.facts] == [3, 4, 5]
    check_valid([*first.facts, *second.facts, *opened.facts])


# ── once only ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_command_seen_before_does_nothing() -> None:
    first = decided(v.ticket_in(Status.IN_PROGRESS), v.reply(), "c-1")
    assert lifecycle.decide(first.state, v.reply(), v.moment("c-1"), v.POLICY) is None
    assert lifecycle.decide(first.state, v.reply(), v.moment("c-2"), v.POLICY) is not None


def test_a_refused_command_seen_again_is_not_refused_again() -> None:
    first = decided(v.ticket_in(Status.QUEUED), v.resolve(), "c-1")
    assert lifecycle.decide(first.state, v.resolve(), v.moment("c-1"), v.POLICY) is None


def test_a_command_that_ended_the_ticket_does_nothing_again() -> None:
    first = decided(v.ticket_in(Status.QUEUED), v.cancel(), "c-1")
    assert lifecycle.decide(first.state, v.cancel(), v.moment("c-1"), v.POLICY) is None


def test_the_memory_of_commands_is_bounded_and_keeps_the_latest() -> None:
    state: State = v.ticket_in(Status.IN_PROGRESS)
    for number in range(RECENT_COMMANDS + 5):
        outcome = decided(state, v.reply(), f"c-{number}")
        assert outcome.state is not None
        state = outcome.state
    assert len(state.recent) == RECENT_COMMANDS
    assert lifecycle.decide(state, v.reply(), v.moment(f"c-{RECENT_COMMANDS + 4}"), v.POLICY) is None


# ── who may ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("actor", [v.WU, v.CUSTOMER, v.SYSTEM], ids=["other technician", "customer", "system"])
def test_only_the_assignee_or_a_coordinator_works_on_a_ticket(actor: Actor) -> None:
    working = [v.reply(actor), v.resolve(actor), v.turn(Status.PENDING, actor), v.decline(actor)]
    for state, commands in (
        (v.ticket_in(Status.IN_PROGRESS), working),
        (v.ticket_in(Status.ASSIGNED), [v.accept(actor)]),
    ):
        for command in commands:
            reason = refusal_of(decided(state, command))
            assert "legal for the assignee or a coordinator" in reason


def test_a_coordinator_may_do_all_that_the_assignee_may() -> None:
    by = v.COORDINATOR
    for command in (v.reply(by), v.resolve(by), v.turn(Status.PENDING, by), v.decline(by)):
        assert not isinstance(decided(v.ticket_in(Status.IN_PROGRESS), command).facts[0], CommandRefused)
    accepted = decided(v.ticket_in(Status.ASSIGNED), v.accept(by))
    assert accepted.facts[0].technician_id == "li"  # type: ignore[attr-defined]


@pytest.mark.parametrize("actor", [v.LI, v.WU], ids=["assignee", "other technician"])
def test_a_technician_confirms_no_resolution_and_cancels_nothing(actor: Actor) -> None:
    assert "the requester" in refusal_of(decided(v.ticket_in(Status.RESOLVED), v.confirm(actor)))
    assert "the requester" in refusal_of(decided(v.ticket_in(Status.IN_PROGRESS), v.cancel(actor)))


def test_a_technician_takes_over_for_themselves_only() -> None:
    taken = decided(v.ticket_in(Status.IN_PROGRESS), v.assign("wu", v.WU))
    assert taken.work[-1].wanted_technician_id == "wu"  # type: ignore[union-attr]
    assert "coordinator" in refusal_of(decided(v.ticket_in(Status.IN_PROGRESS), v.assign("sun", v.WU)))
    assert "coordinator" in refusal_of(decided(v.ticket_in(Status.IN_PROGRESS), v.assign("sun", v.LI)))
    assert "coordinator" in refusal_of(decided(v.ticket_in(Status.IN_PROGRESS), v.assign("sun", v.CUSTOMER)))


def test_a_command_of_another_tenant_is_refused_whatever_it_is() -> None:
    state = v.ticket_in(Status.IN_PROGRESS)
    for command in v.every_command()[1:]:
        outcome = lifecycle.decide(state, command, v.moment(tenant="other"), v.POLICY)
        assert outcome is not None
        assert "another tenant" in refusal_of(outcome)


# ── what commands do ────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_accepted_ticket_is_in_progress_and_no_longer_taken_back() -> None:
    outcome = decided(v.ticket_in(Status.ASSIGNED), v.accept())
    assert names(outcome) == [("TicketAccepted", Status.IN_PROGRESS)]
    assert ticket_after(outcome).wakes_at is None


def test_a_declined_ticket_keeps_its_age_and_names_who_declined() -> None:
    outcome = decided(v.ticket_in(Status.ASSIGNED, declined_by=("sun",)), v.decline())
    assert names(outcome) == [("TicketDeclined", Status.CLASSIFIED), ("TicketQueued", Status.QUEUED)]
    withdrawn, offer = outcome.work
    assert isinstance(withdrawn, OfferWithdrawn)
    assert isinstance(offer, OfferMade)
    assert (withdrawn.generation, offer.generation) == (1, 2)
    assert offer.queued_at == v.T0
    assert offer.declined_by == ["sun", "li"]
    assert ticket_after(outcome).technician_id is None


def test_a_ticket_declined_twice_by_one_names_them_once() -> None:
    outcome = decided(v.ticket_in(Status.ASSIGNED, declined_by=("li", "sun")), v.decline())
    assert ticket_after(outcome).declined_by == ("sun", "li")


@pytest.mark.parametrize("status", RESTING)
def test_assigning_by_hand_withdraws_the_old_offer_and_wants_the_technician(status: Status) -> None:
    outcome = decided(v.ticket_in(status), v.assign("wu"))
    assert names(outcome) == [("TicketQueued", Status.QUEUED)]
    withdrawn, offer = outcome.work
    assert (withdrawn.generation, offer.generation) == (1, 2)
    assert offer.wanted_technician_id == "wu"  # type: ignore[union-attr]


@pytest.mark.parametrize("status", sorted(HELD))
def test_a_released_ticket_waits_again_and_may_come_back_to_whoever_had_it(status: Status) -> None:
    outcome = decided(v.ticket_in(status), v.release())
    assert names(outcome) == [("TicketQueued", Status.QUEUED)]
    withdrawn, offer = outcome.work
    assert (withdrawn.generation, offer.generation) == (1, 2)
    assert offer.declined_by == []  # type: ignore[union-attr]


@pytest.mark.parametrize("status", RESTING)
def test_a_transferred_ticket_leaves_one_pool_before_the_other_has_it(status: Status) -> None:
    outcome = decided(v.ticket_in(status, declined_by=("sun",)), v.transfer())
    assert names(outcome) == [("TicketTransferred", Status.CLASSIFIED), ("TicketQueued", Status.QUEUED)]
    withdrawn, offer = outcome.work
    assert (withdrawn.pool, withdrawn.generation) == (v.POOL, 1)
    assert isinstance(offer, OfferMade)
    assert (offer.pool, offer.generation, offer.skills, offer.declined_by) == (v.OTHER_POOL, 2, ["billing"], [])
    assert offer.queued_at == v.T0
    late = answers.assignment_made(ticket_after(outcome), v.assignment(1), v.moment("late"), v.POLICY)
    assert late is not None
    assert (late.facts, late.work[0].pool) == ((), v.POOL)


def test_a_transfer_to_the_pool_that_has_it_is_refused() -> None:
    assert "already" in refusal_of(decided(v.ticket_in(Status.QUEUED), v.transfer(v.POOL)))


def test_assigning_to_whom_it_is_assigned_is_refused() -> None:
    assert "already li's" in refusal_of(decided(v.ticket_in(Status.ASSIGNED), v.assign("li")))
    wanted = decided(v.ticket_in(Status.QUEUED), v.assign("wu"), "c-1")
    assert "already wu's" in refusal_of(decided(wanted.state, v.assign("wu"), "c-2"))


def test_a_priority_changed_in_the_queue_is_offered_anew_with_the_technician_still_wanted() -> None:
    wanted = decided(v.ticket_in(Status.QUEUED), v.assign("wu"), "c-1")
    outcome = decided(wanted.state, v.prioritise("P0"), "c-2")
    assert names(outcome) == [("PriorityChanged", Status.QUEUED), ("TicketQueued", Status.QUEUED)]
    offer = outcome.work[-1]
    assert isinstance(offer, OfferMade)
    assert (offer.generation, offer.priority, offer.weight, offer.wanted_technician_id) == (3, "P0", 4, "wu")


def test_a_priority_changed_in_work_leaves_the_work_where_it_is() -> None:
    outcome = decided(v.ticket_in(Status.IN_PROGRESS), v.prioritise("P0"))
    assert names(outcome) == [("PriorityChanged", Status.IN_PROGRESS)]
    assert outcome.work == []


def test_the_priority_in_force_is_no_change() -> None:
    assert "P2 already" in refusal_of(decided(v.ticket_in(Status.QUEUED), v.prioritise("P2")))


def test_a_message_wakes_a_pending_ticket() -> None:
    outcome = decided(v.ticket_in(Status.PENDING), v.message())
    assert names(outcome) == [("CustomerReplied", Status.PENDING), ("StatusChanged", Status.IN_PROGRESS)]


@pytest.mark.parametrize("status", [each for each in RESTING if each is not Status.PENDING])
def test_a_message_leaves_other_open_tickets_in_their_status(status: Status) -> None:
    assert names(decided(v.ticket_in(status), v.message())) == [("CustomerReplied", status)]


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.CLOSED])
def test_a_message_reopens_a_ticket_that_is_over(status: Status) -> None:
    state = v.ticket_in(status, declined_by=("sun",), resolution_due_at=v.later(9), updated_at=v.later(50))
    outcome = decided(state, v.message())
    assert names(outcome) == [
        ("CustomerReplied", status),
        ("TicketReopened", Status.CLASSIFIED),
        ("TicketQueued", Status.QUEUED),
    ]
    (offer,) = outcome.work
    assert isinstance(offer, OfferMade)
    assert (offer.generation, offer.last_technician_id, offer.queued_at) == (2, "li", v.T0)
    assert (offer.declined_by, offer.due_at) == ([], None)
    after = ticket_after(outcome)
    assert (after.cycle, after.technician_id, after.resolved_at, after.wakes_at) == (2, None, None, None)


@pytest.mark.parametrize("command", [v.message(), v.reopen()], ids=["message", "reopen"])
def test_whether_a_closed_ticket_may_be_reopened_goes_by_when_the_customer_acted(command: Contract) -> None:
    state = v.ticket_in(Status.CLOSED, wakes_at=v.later(100))
    in_time = lifecycle.decide(state, command, v.moment(at=v.later(100), decided_at=v.later(5_000)), v.POLICY)
    too_late = lifecycle.decide(state, command, v.moment(at=v.later(101)), v.POLICY)
    assert in_time is not None
    assert too_late is not None
    assert ticket_after(in_time).status is Status.QUEUED
    assert "OpenTicket" in refusal_of(too_late)


def test_a_resolved_ticket_frees_its_technician_and_gives_the_customer_the_whole_time_to_object() -> None:
    outcome = lifecycle.decide(
        v.ticket_in(Status.IN_PROGRESS), v.resolve(), v.moment(at=v.T0, decided_at=v.later(500)), v.POLICY
    )
    assert outcome is not None
    (fact,) = outcome.facts
    assert fact.closes_at == v.later(500 + 3_600)  # type: ignore[attr-defined]
    (withdrawn,) = outcome.work
    assert isinstance(withdrawn, OfferWithdrawn)
    after = ticket_after(outcome)
    assert (after.technician_id, after.resolved_at, after.wakes_at) == ("li", v.T0, v.later(4_100))


def test_a_confirmed_ticket_closes_at_once() -> None:
    outcome = decided(v.ticket_in(Status.RESOLVED), v.confirm())
    assert names(outcome) == [("TicketClosed", Status.CLOSED)]
    assert outcome.work == []
    assert ticket_after(outcome).wakes_at == v.later(7_200)


@pytest.mark.parametrize(
    ("command", "status"), [(v.cancel(), Status.CANCELLED), (v.merge(), Status.MERGED)], ids=name_of
)
def test_a_cancelled_or_merged_ticket_shrinks_and_frees_its_technician(command: Contract, status: Status) -> None:
    outcome = decided(v.ticket_in(Status.IN_PROGRESS), command)
    assert isinstance(outcome.state, Remnant)
    assert (outcome.state.status, outcome.state.sequence, outcome.state.wakes_at) == (status, 8, v.later(86_400))
    assert isinstance(outcome.work[0], OfferWithdrawn)
    assert outcome.snapshot is not None
    assert (outcome.snapshot.status, outcome.snapshot.closed_at) == (status, v.T0)


def test_a_command_for_a_merged_ticket_is_told_where_to_go() -> None:
    merged = decided(v.ticket_in(Status.QUEUED), v.merge(), "c-1")
    refused = decided(merged.state, v.message(), "c-2")
    assert "cancelled for good" in refusal_of(decided(over(Status.CANCELLED), v.acknowledge(v.LI)))
    assert v.OTHER_ID in refusal_of(refused)
    check_valid(list(refused.facts))


def test_a_ticket_is_not_merged_into_itself() -> None:
    assert "itself" in refusal_of(decided(v.ticket_in(Status.QUEUED), v.merge(v.ID)))


def test_a_late_command_does_not_turn_back_when_the_ticket_was_updated() -> None:
    state = v.ticket_in(Status.IN_PROGRESS, updated_at=v.later(50))
    assert ticket_after(decided(state, v.reply())).updated_at == v.later(50)


# ── escalations, plans and policies ─────────────────────────────────────────────────────────────────────────────────


def test_everyone_may_ask_for_an_escalation_and_only_our_people_answer_for_one() -> None:
    state = v.ticket_in(Status.IN_PROGRESS)
    assert names(decided(state, v.escalate(v.CUSTOMER))) == [("EscalationRequested", Status.IN_PROGRESS)]
    assert names(decided(state, v.acknowledge(v.LI, "resolution", 1))) == [
        ("EscalationAcknowledged", Status.IN_PROGRESS)
    ]
    assert "may not give" in refusal_of(decided(state, v.acknowledge(v.CUSTOMER)))
    assert "may not give" in refusal_of(decided(state, v.plan(v.CUSTOMER)))
    assert "may not give" in refusal_of(decided(state, v.repolicy(v.LI)))


def test_an_acknowledgement_names_a_target_with_its_cycle_and_a_plan_says_something() -> None:
    state = v.ticket_in(Status.IN_PROGRESS)
    assert "go together" in refusal_of(decided(state, v.acknowledge(v.LI, "resolution")))
    assert "says nothing" in refusal_of(decided(state, v.plan(v.LI, "  ")))


def test_a_changed_policy_changes_nothing_but_what_the_clocks_go_by() -> None:
    outcome = decided(v.ticket_in(Status.QUEUED), v.repolicy())
    assert names(outcome) == [("PolicyChanged", Status.QUEUED)]
    assert not outcome.work


def over(status: Status = Status.CLOSED, **fields: Any) -> Remnant:
    return Remnant(v.ID, v.TENANT, status, sequence=9, generation=1, wakes_at=v.later(3_600), **fields)


def test_an_acknowledgement_that_comes_when_the_ticket_is_long_closed_is_stated_once() -> None:
    outcome = decided(over(), v.acknowledge(v.LI, "dissatisfaction", 1))
    assert names(outcome) == [("EscalationAcknowledged", Status.CLOSED)]
    (fact,) = outcome.facts
    assert (fact.sequence, fact.target, fact.cycle) == (10, "dissatisfaction", 1)  # type: ignore[attr-defined]
    check_valid(list(outcome.facts))
    assert lifecycle.decide(outcome.state, v.acknowledge(v.LI, "dissatisfaction", 1), v.moment(), v.POLICY) is None


def test_a_late_acknowledgement_is_no_way_around_who_may_give_one_and_how() -> None:
    assert "may not give" in refusal_of(decided(over(), v.acknowledge(v.CUSTOMER)))
    assert "go together" in refusal_of(decided(over(), v.acknowledge(v.LI, "resolution")))
    assert "for good" in refusal_of(decided(over(), v.plan()))
    assert "legal now: OpenTicket" in refusal_of(decided(over(Status.CANCELLED, opened=False), v.acknowledge(v.LI)))
    assert "cancelled for good" in refusal_of(decided(over(Status.CANCELLED), v.acknowledge(v.LI)))
    assert v.OTHER_ID in refusal_of(decided(over(Status.MERGED, into_ticket_id=v.OTHER_ID), v.acknowledge(v.LI)))
    stranger = msgspec.structs.replace(over(), tenant="another")
    assert "another tenant" in refusal_of(decided(stranger, v.acknowledge(v.LI)))
