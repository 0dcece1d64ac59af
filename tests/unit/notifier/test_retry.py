from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from schemas.notifications import Outcome
from services.notifier.domain.retry import (
    SPREAD,
    Again,
    End,
    Ending,
    Progress,
    Rule,
    after_result,
    after_silence,
    delay,
)

NOW = datetime(2026, 1, 7, 8, tzinfo=UTC)
RULE = Rule(first_delay_seconds=5, delay_max_seconds=900, silent_attempts_max=3, attempts_max=10)


def progress(attempt: int = 1, silences: int = 0, give_up_seconds: float = 86_400) -> Progress:
    return Progress("d-1", attempt, silences, NOW + timedelta(seconds=give_up_seconds))


@pytest.mark.parametrize(
    ("outcome", "end"),
    [
        (Outcome.SENT, End(Ending.SENT)),
        (Outcome.REFUSED, End(Ending.FAILED, "550")),
        (Outcome.BOUNCED, End(Ending.BOUNCED, "550")),
    ],
)
def test_three_outcomes_end_at_once(outcome: Outcome, end: End) -> None:
    assert after_result(outcome, "550", progress(), NOW, RULE) == end


@pytest.mark.parametrize(
    ("attempt", "longest_seconds"),
    [(1, 5), (2, 10), (3, 20), (4, 40), (5, 80), (6, 160), (7, 320), (8, 640), (9, 900), (10, 900), (1_000, 900)],
)
def test_delays_double_up_to_the_longest_and_are_spread(attempt: int, longest_seconds: float) -> None:
    delays = [delay(f"d-{number}", attempt, RULE).total_seconds() for number in range(500)]
    assert longest_seconds * (1 - SPREAD) <= min(delays) < longest_seconds * 0.77
    assert longest_seconds * 0.98 < max(delays) <= longest_seconds


def test_the_same_delivery_always_waits_the_same() -> None:
    assert delay("d-1", 3, RULE) == delay("d-1", 3, RULE) != delay("d-2", 3, RULE)


def test_an_unreachable_attempt_comes_again_after_its_delay() -> None:
    verdict = after_result(Outcome.UNREACHABLE, "connect", progress(attempt=2, silences=1), NOW, RULE)
    assert verdict == Again(NOW + delay("d-1", 2, RULE), silences=1)


def test_an_attempt_that_could_only_come_after_its_time_is_not_waited_for() -> None:
    wait_seconds = delay("d-1", 1, RULE).total_seconds()
    verdict = after_result(Outcome.UNREACHABLE, "connect", progress(give_up_seconds=wait_seconds), NOW, RULE)
    assert verdict == End(Ending.FAILED, "given up after 1 attempts, the last one: connect")
    later = after_result(Outcome.UNREACHABLE, "connect", progress(give_up_seconds=wait_seconds + 0.01), NOW, RULE)
    assert isinstance(later, Again)


def test_attempts_are_bounded() -> None:
    verdict = after_result(Outcome.UNREACHABLE, "connect", progress(attempt=10), NOW, RULE)
    assert isinstance(verdict, End)
    assert isinstance(after_silence(progress(attempt=10), NOW, RULE), End)


def test_giving_up_is_unknown_where_an_attempt_was_silent() -> None:
    verdict = after_result(Outcome.UNREACHABLE, "connect", progress(attempt=10, silences=1), NOW, RULE)
    assert isinstance(verdict, End)
    assert verdict.ending is Ending.UNKNOWN


def test_a_silent_attempt_is_followed_at_once_a_few_times() -> None:
    assert after_silence(progress(silences=0), NOW, RULE) == Again(NOW, silences=1)
    assert after_silence(progress(silences=1), NOW, RULE) == Again(NOW, silences=2)
    assert after_silence(progress(attempt=3, silences=2), NOW, RULE) == End(
        Ending.UNKNOWN, "nothing came back from 3 of 3 attempts"
    )


def test_a_silent_attempt_is_not_followed_after_its_time() -> None:
    verdict = after_silence(progress(give_up_seconds=0), NOW, RULE)
    assert isinstance(verdict, End)
    assert verdict.ending is Ending.UNKNOWN
