"""When to ask, which answers count, what a score means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from services.feedback.domain import eligibility, rating, review, survey
from services.feedback.domain.policy import Policy
from services.feedback.domain.survey import Survey, SurveyStatus

NOON = datetime(2026, 1, 7, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLICY = Policy(
    ask_after=HOUR,
    open_for=24 * HOUR,
    ask_again_after=72 * HOUR,
    low_csat_max=2,
    low_nps_max=6,
    retention=720 * HOUR,
)
ASKED = survey.asked("T-1", 1, NOON, POLICY)
ANSWERED = msgspec.structs.replace(ASKED, status=SurveyStatus.ANSWERED)
EXPIRED = msgspec.structs.replace(ASKED, status=SurveyStatus.EXPIRED)


def test_a_survey_is_asked_some_time_after_closing_and_open_from_when_it_is_asked() -> None:
    assert survey.ask_at(NOON, POLICY) == NOON + HOUR
    late = NOON + 5 * HOUR
    assert survey.asked("T-1", 1, late, POLICY).expires_at == late + 24 * HOUR


def test_the_survey_of_a_cycle_always_has_the_same_id_and_each_cycle_its_own() -> None:
    assert survey.survey_id_of("T-1", 1) == survey.survey_id_of("T-1", 1)
    assert len({survey.survey_id_of(ticket, cycle) for ticket in ("T-1", "T-2") for cycle in (1, 2, 12)}) == 6


def test_a_survey_id_has_no_separator_of_link_subjects() -> None:
    assert "/" not in survey.survey_id_of("T/1", 1)


@pytest.mark.parametrize(
    ("last", "hours_later", "reason"),
    [
        (None, 0, None),
        (ASKED, 80, "an earlier survey is still open"),
        (ANSWERED, 71, "asked lately"),
        (EXPIRED, 71, "asked lately"),
        (ANSWERED, 72, None),
        (EXPIRED, 72, None),
    ],
    ids=["never asked", "still open", "answered lately", "expired lately", "answered long ago", "expired long ago"],
)
def test_nobody_is_asked_while_asked_or_soon_after(last: Survey | None, hours_later: int, reason: str | None) -> None:
    assert eligibility.reason_to_skip(last, NOON + hours_later * HOUR, POLICY) == reason


@pytest.mark.parametrize("asked", [ASKED, EXPIRED], ids=["open", "found expired meanwhile"])
def test_an_answer_given_by_the_last_moment_counts(asked: Survey) -> None:
    assert survey.reason_to_refuse(asked, asked.survey_id, asked.expires_at) is None


def test_an_answer_given_after_the_last_moment_does_not_count() -> None:
    late = ASKED.expires_at + timedelta(microseconds=1)
    assert survey.reason_to_refuse(ASKED, ASKED.survey_id, late) == "the survey had expired"


def test_a_second_answer_does_not_count() -> None:
    assert survey.reason_to_refuse(ANSWERED, ANSWERED.survey_id, NOON) == "answered before"


def test_an_answer_to_another_survey_or_to_none_does_not_count() -> None:
    other = survey.survey_id_of("T-1", 2)
    assert survey.reason_to_refuse(ASKED, other, NOON) == "unknown survey"
    assert survey.reason_to_refuse(None, other, NOON) == "unknown survey"


@pytest.mark.parametrize(
    ("csat", "nps", "low"),
    [(1, None, True), (2, None, True), (3, None, False), (5, None, False), (None, 6, True), (None, 7, False),
     (None, 0, True), (5, 3, True), (1, 10, True), (3, 7, False)],
)  # fmt: skip
def test_either_score_may_be_low(*, csat: int | None, nps: int | None, low: bool) -> None:
    assert rating.is_low(csat, nps, POLICY) is low


def test_a_comment_alone_is_no_score() -> None:
    assert not rating.has_score(None, None)
    assert rating.has_score(None, 0)


def test_scores_are_named_with_their_scale() -> None:
    assert rating.in_words(2, None) == "CSAT 2 of 5"
    assert rating.in_words(2, 0) == "CSAT 2 of 5, NPS 0 of 10"


def test_only_the_first_cycles_low_rating_reopens_and_only_a_ticket_that_stayed_closed() -> None:
    assert review.should_reopen(1, 1, ticket_open=False)
    assert not review.should_reopen(2, 2, ticket_open=False)
    assert not review.should_reopen(1, 2, ticket_open=True)
    assert not review.should_reopen(1, 2, ticket_open=False)
