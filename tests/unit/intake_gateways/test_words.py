"""The progress page speaks both languages about everything that it can show."""

from __future__ import annotations

import pytest

from schemas.topics import TICKET_EVENTS
from schemas.vocabulary import Language, Status
from services._runtime.web.language import language_of
from services.intake.api.progress import STEPS
from services.intake.api.words import EN, WORDS, ZH_CN
from services.intake.domain.projection import kind_of

HIDDEN = {
    "classified",
    "declined",
    "command_refused",
    "escalation_requested",
    "escalation_acknowledged",
    "plan_submitted",
    "policy_changed",
    "survey_waived",
    "transferred",
}
"""Events that are no customer's business."""


def test_both_languages_say_the_same_things() -> None:
    assert ZH_CN.keys() == EN.keys()
    assert set(WORDS) == set(Language)
    assert all(text.strip() for words in WORDS.values() for text in words.values())


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_its_words(status: Status) -> None:
    assert f"status.{status.value}" in EN


def test_every_event_of_a_ticket_is_either_worded_or_hidden_on_purpose() -> None:
    kinds = {kind_of(contract.type_name).removeprefix("ticket.") for contract in TICKET_EVENTS.types}
    worded = {name.removeprefix("event.") for name in EN if name.startswith("event.")}
    assert kinds == worded | HIDDEN


def test_every_status_but_the_ones_that_leave_the_way_is_one_step() -> None:
    placed = [status for _, statuses in STEPS for status in statuses]
    assert sorted(placed) == sorted(set(Status) - {Status.CANCELLED, Status.MERGED})


@pytest.mark.parametrize(
    ("asked", "accepted", "requester", "expected"),
    [
        ("en", "zh-CN", "zh-CN", Language.EN),
        (None, "en-GB,en;q=0.9", "zh-CN", Language.ZH_CN),
        (None, "fr;q=1.0, en-US;q=0.8", None, Language.EN),
        ("klingon", "", None, Language.ZH_CN),
        (None, "zh-Hant-TW", None, Language.ZH_CN),
    ],
)
def test_the_language_is_asked_for_else_the_requesters_else_the_browsers(
    asked: str | None, accepted: str, requester: str | None, expected: Language
) -> None:
    assert language_of(asked, accepted, requester) is expected
