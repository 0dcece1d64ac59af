"""What feedback asks, takes and refuses, event by event."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.feedback import (
    AnswerRefused,
    RatingReceived,
    ReviewRequested,
    SurveyAnswered,
    SurveyExpired,
    SurveyRequested,
    SurveySkipped,
)
from schemas.ticket_events import TicketCancelled, TicketClosed, TicketEvent, TicketMerged, TicketReopened
from schemas.topics import FEEDBACK_ANSWERS, TICKET_EVENTS, TICKET_FEEDBACK
from schemas.vocabulary import Channel, Status
from services._runtime.engine.driver import START, TopologyDriver
from services._runtime.engine.topology import Event
from services.feedback.domain.survey import survey_id_of
from services.feedback.handlers import feedback_topology
from services.feedback.settings import FeedbackSettings
from services.feedback.state import ASK, EXPIRE, Feedback

TICKET: Final = "T-1"
FIRST: Final = survey_id_of(TICKET, 1)
SECOND: Final = survey_id_of(TICKET, 2)
HOUR: Final = 3_600
DAY: Final = 24 * HOUR
SETTINGS: Final = FeedbackSettings.model_validate(
    {
        "secret": "s" * 32,
        "survey_after_seconds": HOUR,
        "survey_open_seconds": 3 * DAY,
        "survey_again_after_seconds": 7 * DAY,
        "feedback_retention_seconds": 400 * DAY,
    }
)


class Desk:
    """The topology on the synchronous driver, with a ledger that numbers its events."""

    def __init__(self) -> None:
        self.driver: TopologyDriver[Feedback] = TopologyDriver(feedback_topology(SETTINGS))
        self.sequence = 0

    def happens(self, contract: type[TicketEvent], status: Status, **fields: Any) -> list[Event]:
        """The ledger states something of the ticket."""
        self.sequence += 1
        self.repeat(contract, status, self.sequence, **fields)
        return self.said()

    def repeat(self, contract: type[TicketEvent], status: Status, sequence: int, **fields: Any) -> None:
        """Put an event of the ticket under a number of choice."""
        data = contract.new(
            ticket_id=TICKET,
            sequence=sequence,
            status=status,
            cause="c",
            decided_at=self.driver.now,
            position="p",
            **fields,
        )
        self.driver.send(TICKET_EVENTS, TICKET, data, event_id=f"{TICKET}:{sequence}")

    def closed(self) -> list[Event]:
        return self.happens(TicketClosed, Status.CLOSED, reason="confirmed")

    def reopened(self, cycle: int = 2) -> list[Event]:
        return self.happens(TicketReopened, Status.QUEUED, reason="not solved", cycle=cycle)

    def answered(
        self, csat: int | None = 5, survey_id: str = FIRST, occurred_at: datetime | None = None, **fields: Any
    ) -> list[Event]:
        data = SurveyAnswered.new(ticket_id=TICKET, survey_id=survey_id, channel=Channel.SURVEY, csat=csat, **fields)
        self.driver.send(FEEDBACK_ANSWERS, TICKET, data, occurred_at=occurred_at)
        return self.said()

    def later(self, seconds: float) -> list[Event]:
        self.driver.advance(seconds)
        return self.said()

    def said(self) -> list[Event]:
        return self.driver.read(TICKET_FEEDBACK)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def asked(desk: Desk) -> Desk:
    """A desk whose ticket was closed and asked about."""
    desk.closed()
    assert [type(event.data) for event in desk.later(HOUR)] == [SurveyRequested.struct]
    return desk


def kinds(events: list[Event]) -> list[str]:
    return [type(event.data).__name__ for event in events]


# ── asking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_closed_ticket_is_asked_about_when_the_time_has_come_and_once(desk: Desk) -> None:
    assert desk.closed() == []
    assert desk.later(HOUR - 1) == []
    [event] = desk.later(1)
    assert event.data == SurveyRequested.new(
        ticket_id=TICKET,
        cycle=1,
        survey_id=FIRST,
        expires_at=START + timedelta(seconds=HOUR + 3 * DAY),
        decided_at=START + timedelta(seconds=HOUR),
        position=f"timer/0/{TICKET}/{ASK}",
    )
    assert (event.key, event.subject, event.tenant, event.id) == (TICKET, TICKET, "acme", f"{FIRST}:requested")
    assert desk.later(2 * DAY) == []


def test_a_ticket_reopened_before_it_is_asked_about_is_not_asked_about(desk: Desk) -> None:
    desk.closed()
    desk.later(HOUR - 1)
    desk.reopened()
    assert desk.later(400 * DAY) == []


@pytest.mark.parametrize(
    ("contract", "status", "fields"),
    [
        (TicketCancelled, Status.CANCELLED, {"reason": "mistake"}),
        (TicketMerged, Status.MERGED, {"into_ticket_id": "T-2"}),
    ],
)
def test_a_ticket_that_ends_otherwise_is_not_asked_about(
    desk: Desk, contract: type[TicketEvent], status: Status, fields: dict[str, str]
) -> None:
    desk.closed()
    desk.happens(contract, status, **fields)
    assert desk.later(DAY) == []


def test_a_ticket_closed_in_its_second_cycle_is_asked_about_under_that_cycle(desk: Desk) -> None:
    desk.reopened(cycle=2)
    desk.closed()
    [event] = desk.later(HOUR)
    assert (event.data.cycle, event.data.survey_id) == (2, SECOND)


def test_a_ticket_closed_twice_without_having_been_open_is_asked_about_once(desk: Desk) -> None:
    desk.closed()
    desk.later(HOUR / 2)
    desk.closed()
    assert kinds(desk.later(HOUR / 2)) == ["SurveyRequested"]
    desk.later(20 * DAY)
    desk.closed()
    assert desk.later(DAY) == []


def test_a_copy_of_an_event_that_counted_does_nothing(desk: Desk) -> None:
    desk.closed()
    desk.reopened()
    desk.repeat(TicketClosed, Status.CLOSED, 1, reason="confirmed")
    desk.repeat(TicketReopened, Status.QUEUED, 2, reason="not solved", cycle=7)
    assert desk.later(DAY) == []
    assert desk.driver.states()[TICKET].cycle == 2


def test_asking_late_takes_nothing_from_the_customers_time(desk: Desk) -> None:
    desk.closed()
    desk.driver.sleep_through(5 * HOUR)
    [event] = desk.later(0)
    assert event.data.expires_at == START + timedelta(seconds=5 * HOUR + 3 * DAY)


# ── fatigue ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_requester_is_not_asked_again_soon_after(asked: Desk) -> None:
    asked.answered(5)
    asked.reopened()
    asked.closed()
    [event] = asked.later(HOUR)
    assert event.data == SurveySkipped.new(
        ticket_id=TICKET,
        cycle=2,
        reason="asked lately",
        decided_at=asked.driver.now,
        position=f"timer/0/{TICKET}/{ASK}",
    )
    assert (event.id, event.tenant) == (f"{SECOND}:skipped", "acme")


def test_the_requester_is_not_asked_twice_at_a_time(asked: Desk) -> None:
    asked.reopened()
    asked.closed()
    [event] = asked.later(HOUR)
    assert event.data.reason == "an earlier survey is still open"
    assert kinds(asked.answered(4)) == ["RatingReceived"]


def test_the_requester_may_be_asked_again_after_a_while(asked: Desk) -> None:
    asked.answered(5)
    asked.reopened()
    asked.later(7 * DAY)
    asked.closed()
    [event] = asked.later(HOUR)
    assert (event.data.cycle, event.data.survey_id) == (2, SECOND)


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_answer_is_the_rating(asked: Desk) -> None:
    asked.later(HOUR)
    [event] = asked.answered(4, nps=9, comment="很好")
    assert event.data == RatingReceived.new(
        ticket_id=TICKET,
        cycle=1,
        survey_id=FIRST,
        csat=4,
        nps=9,
        comment="很好",
        low=False,
        decided_at=asked.driver.now,
        position="feedback.answers/0/0",
    )
    assert (event.id, event.occurred_at) == (f"{FIRST}:rating", asked.driver.now)


def test_a_second_answer_is_refused_whatever_it_says(asked: Desk) -> None:
    asked.answered(4)
    for offset, csat in enumerate((4, 1), start=1):
        [event] = asked.answered(csat)
        assert event.data == AnswerRefused.new(
            ticket_id=TICKET,
            cycle=1,
            survey_id=FIRST,
            reason="answered before",
            decided_at=asked.driver.now,
            position=f"feedback.answers/0/{offset}",
        )


def test_an_answer_after_the_end_is_refused(asked: Desk) -> None:
    assert kinds(asked.later(3 * DAY)) == ["SurveyExpired"]
    [event] = asked.answered(4, occurred_at=asked.driver.now + timedelta(seconds=1))
    assert event.data.reason == "the survey had expired"


def test_an_answer_given_in_time_counts_even_if_it_comes_in_after_the_end(asked: Desk) -> None:
    given_at = asked.driver.now + timedelta(days=2)
    asked.later(4 * DAY)
    assert kinds(asked.answered(4, occurred_at=given_at)) == ["RatingReceived"]


def test_an_answer_to_an_unknown_survey_is_refused(asked: Desk) -> None:
    [event] = asked.answered(5, survey_id=SECOND)
    assert event.data == AnswerRefused.new(
        ticket_id=TICKET,
        cycle=1,
        survey_id=SECOND,
        reason="unknown survey",
        decided_at=asked.driver.now,
        position="feedback.answers/0/0",
    )


def test_an_answer_about_a_ticket_that_nobody_knows_is_refused_and_not_remembered(desk: Desk) -> None:
    [event] = desk.answered(5)
    assert (event.data.reason, event.data.cycle) == ("unknown survey", 1)
    assert desk.driver.states() == {}


def test_an_answer_without_a_score_is_refused_and_the_survey_stays_open(asked: Desk) -> None:
    [event] = asked.answered(None, comment="hm")
    assert event.data.reason == "no score given"
    assert kinds(asked.answered(3)) == ["RatingReceived"]


def test_a_survey_that_nobody_answers_expires_once(asked: Desk) -> None:
    [event] = asked.later(3 * DAY)
    assert event.data == SurveyExpired.new(
        ticket_id=TICKET,
        cycle=1,
        survey_id=FIRST,
        decided_at=asked.driver.now,
        position=f"timer/0/{TICKET}/{EXPIRE}",
    )
    assert (event.id, event.tenant) == (f"{FIRST}:expired", "acme")
    assert asked.later(3 * DAY) == []


def test_an_answered_survey_does_not_expire(asked: Desk) -> None:
    asked.answered(5)
    assert asked.later(4 * DAY) == []


# ── reviews ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_low_rating_asks_for_a_review_and_reopens_the_ticket(asked: Desk) -> None:
    rating, review = asked.answered(2)
    assert rating.data.low
    assert review.data == ReviewRequested.new(
        ticket_id=TICKET,
        cycle=1,
        survey_id=FIRST,
        reason="low rating: CSAT 2 of 5",
        reopen=True,
        decided_at=asked.driver.now,
        position="feedback.answers/0/0",
    )
    assert review.id == f"{FIRST}:review"


def test_a_detractor_is_low_too(asked: Desk) -> None:
    assert kinds(asked.answered(None, nps=6)) == ["RatingReceived", "ReviewRequested"]


def test_a_low_rating_of_a_later_cycle_does_not_reopen(desk: Desk) -> None:
    desk.reopened(cycle=2)
    desk.closed()
    desk.later(HOUR)
    _, review = desk.answered(1, survey_id=SECOND)
    assert not review.data.reopen


def test_a_low_rating_of_a_ticket_that_is_open_again_does_not_reopen_it(asked: Desk) -> None:
    asked.reopened()
    _, review = asked.answered(1)
    assert not review.data.reopen


# ── what is kept ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("answers", [[5], []], ids=["answered", "expired"])
def test_a_settled_ticket_is_forgotten_after_its_retention(asked: Desk, answers: list[int]) -> None:
    for csat in answers:
        asked.answered(csat)
    asked.later(3 * DAY if not answers else 0)
    asked.later(400 * DAY - 1)
    assert TICKET in asked.driver.states()
    asked.later(1)
    assert asked.driver.states() == {}


def test_a_reopened_ticket_is_kept_until_it_ends(desk: Desk) -> None:
    desk.closed()
    desk.reopened()
    desk.later(300 * DAY)
    assert desk.driver.states()[TICKET].cycle == 2
    desk.happens(TicketCancelled, Status.CANCELLED, reason="mistake")
    desk.later(400 * DAY)
    assert desk.driver.states() == {}


def test_no_comment_and_no_person_is_kept(asked: Desk) -> None:
    asked.answered(1, comment="call me on 13800000000")
    assert all(b"13800000000" not in (output.value or b"") for output in changelog(asked))


def test_effects_tell_what_became_of_surveys(asked: Desk) -> None:
    asked.answered(2, nps=3)
    asked.answered(5)
    told = [(effect.outcome, effect.csat, effect.nps) for effect in asked.driver.effects]
    assert told == [("requested", None, None), ("rated_low", 2, 3), ("refused", None, None)]


def changelog(desk: Desk) -> list[Any]:
    return list(desk.driver.read_bytes(desk.driver.topology.changelog))


# ── whatever happens ────────────────────────────────────────────────────────────────────────────────────────────────

steps = st.lists(
    st.one_of(
        st.just("close"),
        st.just("reopen"),
        st.tuples(st.just("answer"), st.sampled_from([1, 2, 4, 5]), st.sampled_from([1, 2, 3])),
        st.tuples(st.just("wait"), st.sampled_from([HOUR, DAY, 4 * DAY, 9 * DAY])),
    ),
    min_size=5,
    max_size=25,
)


def play(desk: Desk, history: list[Any], crashes: frozenset[int] = frozenset()) -> list[Event]:
    """Run a history; the cycle counts up with each reopening, as the ledger's does."""
    cycle = 1
    told: list[Event] = []
    for number, step in enumerate(history):
        if number in crashes:
            desk.driver.crash()
        if step == "close":
            told += desk.closed()
        elif step == "reopen":
            cycle += 1
            told += desk.reopened(cycle)
        elif step[0] == "answer":
            told += desk.answered(step[1], survey_id=survey_id_of(TICKET, step[2]))
        else:
            told += desk.later(step[1])
    return told


@given(steps)
@settings(max_examples=150, deadline=None)
def test_each_survey_is_asked_once_and_ends_in_at_most_one_rating(history: list[Any]) -> None:
    told = play(Desk(), history)
    ids = [event.id for event in told if not isinstance(event.data, AnswerRefused)]
    assert len(ids) == len(set(ids)), "an event was told twice"
    asked = {event.data.survey_id for event in told if isinstance(event.data, SurveyRequested)}
    rated = {event.data.survey_id for event in told if isinstance(event.data, RatingReceived)}
    assert rated <= asked
    asked_at = [event.occurred_at for event in told if isinstance(event.data, SurveyRequested)]
    again_after = timedelta(seconds=SETTINGS.survey_again_after_seconds)
    assert all(later - earlier >= again_after for earlier, later in pairwise(asked_at))
    assert sum(event.data.reopen for event in told if isinstance(event.data, ReviewRequested)) <= 1


@given(steps, st.frozensets(st.integers(0, 25)))
@settings(max_examples=100, deadline=None)
def test_a_crash_at_any_moment_changes_nothing(history: list[Any], crashes: frozenset[int]) -> None:
    steady, crashing = Desk(), Desk()
    assert play(steady, history) == play(crashing, history, crashes)
    assert steady.driver.states() == crashing.driver.states()
