"""Whatever comes in whatever order, a ticket's life is one legal path with a number for every step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.contract import Contract
from schemas.feedback import RatingReceived, ReviewRequested, SurveyRequested
from schemas.routing_work import OfferMade, OfferWithdrawn
from schemas.ticket_assignments import AssignmentMade, AssignmentOverflowed, AssignmentReleased
from schemas.ticket_events import TicketEvent
from schemas.ticket_sla import EscalationRaised
from schemas.vocabulary import Status
from services.intake.domain import answers, lifecycle, timeouts
from services.intake.domain.story import Outcome
from services.intake.domain.ticket import HELD, OFFERED, State, Ticket
from tests.unit.intake import values as v

TIME_PASSES: Final = "time passes"

S = Status
PATHS: Final = {
    None: {S.NEW, S.CANCELLED},
    S.NEW: {S.CLASSIFIED},
    S.CLASSIFIED: {S.QUEUED},
    S.QUEUED: {S.ASSIGNED, S.CLASSIFIED, S.CANCELLED, S.MERGED},
    S.ASSIGNED: {S.IN_PROGRESS, S.CLASSIFIED, S.QUEUED, S.CANCELLED, S.MERGED},
    S.IN_PROGRESS: {S.PENDING, S.ON_HOLD, S.IN_REVIEW, S.RESOLVED, S.CLASSIFIED, S.QUEUED, S.CANCELLED, S.MERGED},
    S.PENDING: {S.IN_PROGRESS, S.ON_HOLD, S.RESOLVED, S.CLASSIFIED, S.QUEUED, S.CANCELLED, S.MERGED},
    S.ON_HOLD: {S.IN_PROGRESS, S.PENDING, S.RESOLVED, S.CLASSIFIED, S.QUEUED, S.CANCELLED, S.MERGED},
    S.IN_REVIEW: {S.IN_PROGRESS, S.RESOLVED, S.CLASSIFIED, S.QUEUED, S.CANCELLED, S.MERGED},
    S.RESOLVED: {S.CLOSED, S.CLASSIFIED},
    S.CLOSED: {S.CLASSIFIED},
    S.CANCELLED: {S.NEW},
    S.MERGED: set(),
}
"""Which status may follow which, besides itself; `cancelled` before `new` is a refusal under an unused id."""

ANSWERS: Final[dict[type[Contract], Callable[..., Outcome | None]]] = {
    AssignmentMade.struct: answers.assignment_made,
    AssignmentReleased.struct: answers.assignment_released,
    AssignmentOverflowed.struct: answers.assignment_overflowed,
    EscalationRaised.struct: answers.escalation_raised,
    SurveyRequested.struct: answers.survey_requested,
    RatingReceived.struct: answers.rating_received,
    ReviewRequested.struct: answers.review_requested,
}

actors = st.sampled_from([v.LI, v.WU, v.COORDINATOR, v.COORDINATOR, v.CUSTOMER, v.SYSTEM])
technicians = st.sampled_from(["li", "wu"])
inputs = st.one_of(
    st.builds(v.opening),
    st.builds(v.message),
    st.builds(v.reply, actors),
    st.builds(v.accept, actors),
    st.builds(v.decline, actors),
    st.builds(v.assign, technicians, actors),
    st.builds(v.release, actors),
    st.builds(v.transfer, st.sampled_from([v.POOL, v.OTHER_POOL]), actors),
    st.builds(v.released, st.integers(1, 6)),
    st.builds(v.overflowed, st.integers(1, 6), alarm=st.booleans()),
    st.builds(v.turn, st.sampled_from(Status), actors),
    st.builds(v.prioritise, st.sampled_from(["P0", "P1", "P2"]), actors),
    st.builds(v.resolve, actors),
    st.builds(v.confirm, actors),
    st.builds(v.reopen, actors),
    st.builds(v.cancel, actors),
    st.builds(v.merge, actor=actors),
    st.builds(v.assignment, st.integers(1, 6), technicians),
    st.builds(v.escalation),
    st.builds(v.survey),
    st.builds(v.rating),
    st.builds(v.review, cycle=st.integers(1, 3)),
    st.just(TIME_PASSES),
)
histories = st.lists(st.tuples(inputs, st.integers(0, 40)), max_size=40)


class Life:
    """A ticket's state with all that was ever told of it."""

    def __init__(self) -> None:
        self.state: State | None = None
        self.facts: list[TicketEvent] = []
        self.work: list[OfferMade | OfferWithdrawn] = []
        self.at = v.T0

    def take(self, given: Any, cause: int) -> None:
        """Decide one input; `cause` repeats now and then, so that some are seen twice."""
        self.at += timedelta(seconds=1)
        moment = v.moment(f"c-{cause}", at=self.at)
        if given == TIME_PASSES:
            outcome = self._time_passes()
        elif type(given) in ANSWERS:
            outcome = ANSWERS[type(given)](self.state, given, moment, v.POLICY)
        else:
            outcome = lifecycle.decide(self.state, given, moment, v.POLICY)
        if outcome is not None:
            self.facts += outcome.facts
            self.work += outcome.work
            self.state = outcome.state if outcome.state is not None else self.state

    def _time_passes(self) -> Outcome | None:
        if not isinstance(self.state, Ticket) or self.state.wakes_at is None:
            return None
        self.at = max(self.at, self.state.wakes_at)
        return timeouts.time_out(self.state, v.moment("timer", at=self.at), v.POLICY)


def lived(history: list[tuple[Any, int]]) -> Life:
    life = Life()
    # Lives that begin with an opening are the interesting ones; the others are refused from the first to the last.
    life.take(v.opening(), -1) if history and history[0][1] % 4 else None
    for given_input, cause in history:
        life.take(given_input, cause)
    return life


@given(histories)
@settings(max_examples=300, deadline=None)
def test_sequences_have_no_holes(history: list[tuple[Any, int]]) -> None:
    life = lived(history)
    assert [fact.sequence for fact in life.facts] == list(range(1, len(life.facts) + 1))


@given(histories)
@settings(max_examples=300, deadline=None)
def test_statuses_follow_a_legal_path(history: list[tuple[Any, int]]) -> None:
    before: Status | None = None
    for fact in lived(history).facts:
        assert fact.status is before or fact.status in PATHS[before], (before, fact)
        before = fact.status


@given(histories)
@settings(max_examples=300, deadline=None)
def test_at_most_one_offer_stands_and_only_while_the_ticket_needs_someone(history: list[tuple[Any, int]]) -> None:
    life = lived(history)
    standing: set[tuple[str, int]] = set()
    for work in life.work:
        if isinstance(work, OfferMade):
            assert not standing
            standing.add((work.pool, work.generation))
        else:
            standing.discard((work.pool, work.generation))
    state = life.state
    needs = isinstance(state, Ticket) and state.status in OFFERED
    assert standing == ({(state.pool, state.generation)} if needs and isinstance(state, Ticket) else set())


@given(histories)
@settings(max_examples=300, deadline=None)
def test_who_has_the_ticket_and_when_it_wakes_follow_from_its_status(history: list[tuple[Any, int]]) -> None:
    state = lived(history).state
    if isinstance(state, Ticket):
        has_someone = state.technician_id is not None
        assert has_someone is (state.status in HELD | {Status.RESOLVED, Status.CLOSED})
        assert (state.wakes_at is not None) is (state.status in timeouts.KINDS)


@given(histories)
@settings(max_examples=100, deadline=None)
def test_the_same_history_gives_the_same_life(history: list[tuple[Any, int]]) -> None:
    first, second = lived(history), lived(history)
    assert (first.state, first.facts, first.work) == (second.state, second.facts, second.work)
