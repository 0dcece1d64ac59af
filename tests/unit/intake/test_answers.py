"""What the ledger makes of what the router, the clocks and the customers' ratings say."""

from __future__ import annotations

import pytest

from schemas.contract import replace
from schemas.feedback import SurveySkipped
from schemas.routing_work import MissedAccept, OfferMade, OfferWithdrawn
from schemas.ticket_events import TicketEscalated
from schemas.ticket_sla import TargetPaused, TargetRetargeted, TargetStarted
from schemas.vocabulary import Level, Status
from services.intake.domain import answers, lifecycle, timeouts
from services.intake.domain.story import Outcome
from services.intake.domain.ticket import DECLINES_REMEMBERED, HELD, OPEN, Missed, Remnant, State, Ticket
from tests.unit.intake import values as v


def told(outcome: Outcome | None) -> list[tuple[str, Status]]:
    return [] if outcome is None else [(type(fact).__name__, fact.status) for fact in outcome.facts]


def ticket_after(outcome: Outcome | None) -> Ticket:
    assert outcome is not None
    assert isinstance(outcome.state, Ticket)
    return outcome.state


def work_of(outcome: Outcome | None) -> list[OfferMade | OfferWithdrawn]:
    return [] if outcome is None else [*outcome.work]


def remnant() -> Remnant:
    outcome = lifecycle.decide(v.ticket_in(Status.QUEUED), v.cancel(), v.moment("end"), v.POLICY)
    assert outcome is not None
    assert isinstance(outcome.state, Remnant)
    return outcome.state


# ── the router ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_assignment_of_the_current_generation_is_accepted_until_it_times_out() -> None:
    outcome = answers.assignment_made(v.ticket_in(Status.QUEUED), v.assignment(), v.moment(), v.POLICY)
    assert told(outcome) == [("TicketAssigned", Status.ASSIGNED)]
    after = ticket_after(outcome)
    assert (after.technician_id, after.wakes_at) == ("li", v.later(600))


@pytest.mark.parametrize(("of_pool", "wakes_at"), [(30, v.later(30)), (0, None), (None, v.later(600))])
def test_a_pool_may_say_itself_how_long_its_people_have_to_accept(of_pool: int | None, wakes_at: object) -> None:
    answer = replace(v.assignment(), accept_within_seconds=of_pool)
    outcome = answers.assignment_made(v.ticket_in(Status.QUEUED), answer, v.moment(), v.POLICY)
    assert ticket_after(outcome).wakes_at == wakes_at


@pytest.mark.parametrize("status", [Status.ASSIGNED, Status.IN_PROGRESS, Status.IN_REVIEW])
def test_a_ticket_whose_technician_is_gone_is_offered_anew_with_its_age(status: Status) -> None:
    outcome = answers.assignment_released(v.ticket_in(status), v.released(), v.moment(), v.POLICY)
    assert told(outcome) == [("TicketQueued", Status.QUEUED)]
    assert outcome is not None
    withdrawn, offer = outcome.work
    assert (withdrawn.generation, offer.generation) == (1, 2)
    assert isinstance(offer, OfferMade)
    assert (offer.queued_at, offer.declined_by) == (v.T0, [])


def test_a_paused_ticket_is_offered_anew_only_once_work_goes_on() -> None:
    outcome = answers.assignment_released(v.ticket_in(Status.PENDING), v.released(), v.moment(), v.POLICY)
    assert told(outcome) == []
    left = ticket_after(outcome)
    assert answers.assignment_released(left, v.released(), v.moment(), v.POLICY) is None
    answered = lifecycle.decide(left, v.message(), v.moment("c-2"), v.POLICY)
    assert told(answered) == [
        ("CustomerReplied", Status.PENDING),
        ("StatusChanged", Status.IN_PROGRESS),
        ("TicketQueued", Status.QUEUED),
    ]
    assert ticket_after(answered).given_up is False


def test_a_technician_who_is_back_goes_on_with_a_paused_ticket() -> None:
    left = v.ticket_in(Status.ON_HOLD, given_up=True)
    outcome = lifecycle.decide(left, v.turn(Status.IN_PROGRESS), v.moment(), v.POLICY)
    assert told(outcome) == [("StatusChanged", Status.IN_PROGRESS)]


@pytest.mark.parametrize(
    "state",
    [v.ticket_in(Status.ASSIGNED, generation=2), v.ticket_in(Status.QUEUED), v.ticket_in(Status.RESOLVED), None],
    ids=["offered since", "waiting", "resolved", "unknown"],
)
def test_what_its_technician_no_longer_has_is_not_offered_again(state: State | None) -> None:
    assert answers.assignment_released(state, v.released(), v.moment(), v.POLICY) is None


def test_a_ticket_that_nobody_takes_is_escalated_to_the_lead_of_its_pool_once() -> None:
    waiting = v.ticket_in(Status.QUEUED)
    outcome = answers.assignment_overflowed(waiting, v.overflowed(), v.moment("o-1"), v.POLICY)
    assert told(outcome) == [("TicketEscalated", Status.QUEUED)]
    assert outcome is not None
    (fact,) = outcome.facts
    assert isinstance(fact, TicketEscalated)
    assert (fact.target, fact.role, fact.reason) == ("routing", "lead", "all who are able to do it have declined")
    assert answers.assignment_overflowed(outcome.state, v.overflowed(), v.moment("o-1"), v.POLICY) is None


def test_only_an_alarm_about_the_current_offer_escalates() -> None:
    waiting = v.ticket_in(Status.QUEUED, generation=2)
    for answer in (v.overflowed(2, alarm=False), v.overflowed(1)):
        assert answers.assignment_overflowed(waiting, answer, v.moment(), v.POLICY) is None


def test_without_a_time_limit_an_assignment_is_never_taken_back() -> None:
    policy = v.Policy(accept_within_seconds=0)
    outcome = answers.assignment_made(v.ticket_in(Status.QUEUED), v.assignment(), v.moment(), policy)
    after = ticket_after(outcome)
    assert after.wakes_at is None
    assert timeouts.kind_of(after) is None


def test_a_coordinators_choice_has_been_followed_once_it_is_assigned() -> None:
    wanted = v.ticket_in(Status.QUEUED, wanted_technician_id="li")
    assigned = answers.assignment_made(wanted, v.assignment(by_hand=True), v.moment("a-1"), v.POLICY)
    escalated = answers.escalation_raised(ticket_after(assigned), v.escalation(), v.moment("e-1"), v.POLICY)
    assert escalated is not None
    assert escalated.work[-1].wanted_technician_id is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("state", "generation"),
    [
        (v.ticket_in(Status.QUEUED, generation=3), 2),
        (v.ticket_in(Status.IN_PROGRESS, generation=3), 2),
        (v.ticket_in(Status.RESOLVED), 1),
        (v.ticket_in(Status.CLOSED), 1),
        (remnant(), 1),
        (None, 1),
    ],
    ids=["waiting again", "in work again", "resolved", "closed", "cancelled", "forgotten"],
)
def test_an_assignment_that_is_no_longer_offered_is_withdrawn_and_nothing_else(
    state: State | None, generation: int
) -> None:
    outcome = answers.assignment_made(state, v.assignment(generation), v.moment(), v.POLICY)
    assert outcome is not None
    (withdrawn,) = outcome.work
    assert isinstance(withdrawn, OfferWithdrawn)
    assert (withdrawn.generation, withdrawn.pool) == (generation, v.POOL)
    assert (outcome.state, outcome.facts, outcome.snapshot) == (None, (), None)


@pytest.mark.parametrize("status", sorted(HELD))
def test_the_same_assignment_again_does_nothing(status: Status) -> None:
    assert answers.assignment_made(v.ticket_in(status), v.assignment(), v.moment(), v.POLICY) is None


# ── the clocks ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_next_offer_says_when_the_resolution_is_due() -> None:
    for contract in (TargetStarted, TargetRetargeted):
        state = ticket_after(answers.target_due(v.ticket_in(Status.ASSIGNED), v.target(contract)))
        outcome = lifecycle.decide(state, v.decline(), v.moment(), v.POLICY)
        assert outcome is not None
        offer = outcome.work[-1]
        assert isinstance(offer, OfferMade)
        assert offer.due_at == v.later(86_400)


def test_a_due_time_alone_tells_and_offers_nothing() -> None:
    outcome = answers.target_due(v.ticket_in(Status.QUEUED), v.target())
    assert outcome is not None
    assert (outcome.facts, outcome.work, outcome.snapshot) == ((), (), None)


def test_a_paused_resolution_is_due_at_no_time() -> None:
    state = v.ticket_in(Status.PENDING, resolution_due_at=v.later(5))
    assert ticket_after(answers.target_due(state, v.target(TargetPaused, due_at=None))).resolution_due_at is None


def test_other_targets_earlier_cycles_and_tickets_that_are_over_keep_no_due_time() -> None:
    assert answers.target_due(v.ticket_in(Status.QUEUED), v.target(target="first_response")) is None
    assert answers.target_due(v.ticket_in(Status.QUEUED, cycle=2), v.target(cycle=1)) is None
    assert answers.target_due(v.ticket_in(Status.RESOLVED), v.target()) is None
    assert answers.target_due(remnant(), v.target()) is None
    assert answers.target_due(None, v.target()) is None


@pytest.mark.parametrize("status", sorted(OPEN - {Status.NEW, Status.CLASSIFIED, Status.QUEUED, Status.ASSIGNED}))
def test_an_escalation_raises_the_level_and_leaves_the_work_to_whoever_does_it(status: Status) -> None:
    outcome = answers.escalation_raised(v.ticket_in(status), v.escalation(), v.moment(), v.POLICY)
    assert told(outcome) == [("TicketEscalated", status)]
    after = ticket_after(outcome)
    assert (after.level, after.technician_id) == (Level.L2, "li")


@pytest.mark.parametrize("status", [Status.QUEUED, Status.ASSIGNED])
def test_work_that_nobody_has_begun_is_offered_to_the_higher_level(status: Status) -> None:
    outcome = answers.escalation_raised(v.ticket_in(status), v.escalation(), v.moment(), v.POLICY)
    assert told(outcome) == [("TicketEscalated", status), ("TicketQueued", Status.QUEUED)]
    assert outcome is not None
    withdrawn, offer = outcome.work
    assert isinstance(offer, OfferMade)
    assert (withdrawn.generation, offer.generation, offer.level, offer.queued_at) == (1, 2, Level.L2, v.T0)


def test_there_is_no_level_above_the_third() -> None:
    state = v.ticket_in(Status.QUEUED, level=Level.L3)
    outcome = answers.escalation_raised(state, v.escalation(), v.moment(), v.POLICY)
    assert told(outcome) == [("TicketEscalated", Status.QUEUED)]
    assert ticket_after(outcome).level is Level.L3


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.CLOSED])
def test_an_escalation_of_a_ticket_that_is_over_is_told_without_raising_its_level(status: Status) -> None:
    outcome = answers.escalation_raised(v.ticket_in(status), v.escalation(), v.moment(), v.POLICY)
    assert told(outcome) == [("TicketEscalated", status)]
    assert ticket_after(outcome).level is Level.L1


def test_a_step_that_does_not_say_so_raises_no_level() -> None:
    state = v.ticket_in(Status.IN_PROGRESS)
    outcome = answers.escalation_raised(state, v.escalation(raise_level=False), v.moment(), v.POLICY)
    assert ticket_after(outcome).level is Level.L1


def test_a_step_may_raise_the_priority_of_an_open_ticket_which_moves_it_in_the_queue() -> None:
    raised = v.escalation(raise_level=False, raise_priority="P1")
    worked_on = answers.escalation_raised(v.ticket_in(Status.IN_PROGRESS), raised, v.moment(), v.POLICY)
    assert told(worked_on) == [
        ("TicketEscalated", Status.IN_PROGRESS),
        ("PriorityChanged", Status.IN_PROGRESS),
    ]
    assert ticket_after(worked_on).priority == "P1"
    waiting = answers.escalation_raised(v.ticket_in(Status.QUEUED), raised, v.moment(), v.POLICY)
    assert [name for name, _ in told(waiting)] == ["TicketEscalated", "PriorityChanged", "TicketQueued"]
    over = answers.escalation_raised(v.ticket_in(Status.RESOLVED), raised, v.moment(), v.POLICY)
    assert ticket_after(over).priority == "P2"


def test_a_priority_that_was_changed_meanwhile_is_not_overruled_by_a_step() -> None:
    state = v.ticket_in(Status.IN_PROGRESS, priority="P0")
    outcome = answers.escalation_raised(state, v.escalation(raise_priority="P1"), v.moment(), v.POLICY)
    assert ticket_after(outcome).priority == "P0"


def test_the_same_step_again_does_nothing() -> None:
    first = answers.escalation_raised(v.ticket_in(Status.QUEUED), v.escalation(), v.moment("e-1"), v.POLICY)
    assert answers.escalation_raised(ticket_after(first), v.escalation(), v.moment("e-1"), v.POLICY) is None


# ── the customer's rating ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("state", [v.ticket_in(Status.CLOSED), remnant()], ids=["closed", "over for good"])
def test_surveys_and_ratings_are_told_once_also_when_the_ticket_is_over(state: State) -> None:
    asked = answers.survey_requested(state, v.survey(), v.moment("s-1"), v.POLICY)
    assert asked is not None
    assert [name for name, _ in told(asked)] == ["SurveyOffered"]
    rated = answers.rating_received(asked.state, v.rating(), v.moment("r-1"), v.POLICY)
    assert rated is not None
    assert [name for name, _ in told(rated)] == ["TicketRated"]
    assert rated.facts[0].sequence == asked.facts[0].sequence + 1
    assert answers.survey_requested(rated.state, v.survey(), v.moment("s-1"), v.POLICY) is None
    assert answers.rating_received(rated.state, v.rating(), v.moment("r-1"), v.POLICY) is None


@pytest.mark.parametrize("state", [v.ticket_in(Status.CLOSED), remnant()], ids=["closed", "over for good"])
def test_that_no_survey_is_to_be_offered_is_told_once(state: State) -> None:
    skipped = SurveySkipped.new(ticket_id=v.ID, cycle=1, reason="asked lately", **v.FEEDBACK_GROUNDS)
    outcome = answers.survey_skipped(state, skipped, v.moment("s-1"), v.POLICY)
    assert outcome is not None
    assert [name for name, _ in told(outcome)] == ["SurveyWaived"]
    assert answers.survey_skipped(outcome.state, skipped, v.moment("s-1"), v.POLICY) is None
    assert answers.survey_skipped(None, skipped, v.moment(), v.POLICY) is None


def test_surveys_and_ratings_of_a_forgotten_ticket_do_nothing() -> None:
    assert answers.survey_requested(None, v.survey(), v.moment(), v.POLICY) is None
    assert answers.rating_received(None, v.rating(), v.moment(), v.POLICY) is None


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.CLOSED])
def test_a_review_reopens_a_ticket_that_is_over(status: Status) -> None:
    outcome = answers.review_requested(v.ticket_in(status), v.review(), v.moment(), v.POLICY)
    assert told(outcome) == [("TicketReopened", Status.CLASSIFIED), ("TicketQueued", Status.QUEUED)]


def test_a_review_does_nothing_where_it_does_not_ask_to_reopen_or_comes_too_late() -> None:
    for state, asked in (
        (v.ticket_in(Status.CLOSED), v.review(reopens=False)),
        (v.ticket_in(Status.CLOSED, cycle=2), v.review(cycle=1)),
        (v.ticket_in(Status.IN_PROGRESS), v.review()),
        (remnant(), v.review()),
        (None, v.review()),
    ):
        assert answers.review_requested(state, asked, v.moment(), v.POLICY) is None


# ── time ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_assignment_that_nobody_accepts_goes_to_someone_else() -> None:
    outcome = timeouts.time_out(v.ticket_in(Status.ASSIGNED), v.moment(), v.POLICY)
    assert told(outcome) == [("TicketDeclined", Status.CLASSIFIED), ("TicketQueued", Status.QUEUED)]
    after = ticket_after(outcome)
    assert (after.declined_by, after.missed) == ((), (Missed("li", v.T0),))
    offer = work_of(outcome)[-1]
    assert isinstance(offer, OfferMade)
    assert (offer.declined_by, offer.missed) == ([], [MissedAccept.new(technician_id="li", missed_at=v.T0)])


def test_who_misses_a_ticket_again_is_named_once_with_the_last_time() -> None:
    missed = (Missed("li", v.T0), Missed("wu", v.later(60)))
    outcome = timeouts.time_out(v.ticket_in(Status.ASSIGNED, missed=missed), v.moment(at=v.later(90)), v.POLICY)
    assert ticket_after(outcome).missed == (Missed("wu", v.later(60)), Missed("li", v.later(90)))


def test_who_declined_a_ticket_got_it_by_hand_and_missed_it_has_still_declined_it() -> None:
    outcome = timeouts.time_out(v.ticket_in(Status.ASSIGNED, declined_by=("li",)), v.moment(), v.POLICY)
    assert (ticket_after(outcome).declined_by, ticket_after(outcome).missed) == (("li",), ())


def test_no_more_people_are_remembered_to_have_missed_a_ticket_than_to_have_declined_it() -> None:
    missed = tuple(Missed(f"t-{number}", v.T0) for number in range(DECLINES_REMEMBERED))
    outcome = timeouts.time_out(v.ticket_in(Status.ASSIGNED, missed=missed), v.moment(), v.POLICY)
    assert ticket_after(outcome).missed == (*missed[1:], Missed("li", v.T0))


def test_a_resolution_that_nobody_objects_to_closes_the_ticket() -> None:
    outcome = timeouts.time_out(v.ticket_in(Status.RESOLVED), v.moment(at=v.later(3_600)), v.POLICY)
    assert told(outcome) == [("TicketClosed", Status.CLOSED)]
    assert ticket_after(outcome).closed_at == v.later(3_600)


def test_a_closed_ticket_shrinks_silently() -> None:
    outcome = timeouts.time_out(v.ticket_in(Status.CLOSED), v.moment(at=v.later(7_200)), v.POLICY)
    assert outcome is not None
    assert (outcome.facts, outcome.work, outcome.snapshot) == ((), (), None)
    assert isinstance(outcome.state, Remnant)
    assert outcome.state.wakes_at == v.later(7_200 + 86_400)


def test_other_statuses_do_not_end_by_themselves() -> None:
    for status in OPEN - {Status.ASSIGNED}:
        assert timeouts.time_out(v.ticket_in(status), v.moment(), v.POLICY) is None
