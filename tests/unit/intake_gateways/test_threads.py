"""Names of threads and messages: equal for what belongs together, different for all else, and telling nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.threads import conversation_key, conversation_place, message_place, normalised_subject


@pytest.mark.parametrize(
    "subject",
    [
        "Printer broken",
        "Re: Printer broken",
        "RE: re: FW: Printer  Broken",
        "回复：答复: Printer broken",
        "Re[3]: printer broken",
    ],
)
def test_marks_of_replying_and_forwarding_do_not_count(subject: str) -> None:
    assert normalised_subject(subject) == "printer broken"


@pytest.mark.parametrize("subject", ["Regarding: printers", "Reset: how?", "回复速度太慢"])
def test_words_that_only_begin_like_a_mark_do(subject: str) -> None:
    assert normalised_subject(subject) == subject.casefold()


@given(st.text(), st.text(), st.text())
def test_boundaries_between_parts_count(first: str, second: str, third: str) -> None:
    if second:
        assert conversation_key(first, second + third) != conversation_key(first + second, third) or first == second
    assert conversation_key(first, second) == conversation_key(first, second)


def test_a_message_and_a_conversation_of_the_same_name_stand_at_different_places() -> None:
    assert message_place("email", "x") != conversation_place("email", "x")
    assert message_place("email", "x") != message_place("chat", "x")


def test_no_place_holds_what_it_was_made_of() -> None:
    assert "li.wei" not in message_place("email", "li.wei@acme.example")
