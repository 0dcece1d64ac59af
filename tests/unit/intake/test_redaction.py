"""Card and identity numbers go; what only looks like one stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.redaction import Secret, is_card, is_identity, redact

ALL = tuple(Secret)
CARD = "4111111111111111"  # the industry's test number
IDENTITY = "11010519491231002X"  # the example of GB 11643-1999


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"My card {CARD} was charged twice", "My card ****1111 was charged twice"),
        ("卡号4111-1111-1111-1111，请退款", "卡号****1111，请退款"),
        ("4111 1111 1111 1111.", "****1111."),
        ("银联 6222 0212 3456 7890 128", "银联 ****0128"),
        (f"身份证{IDENTITY}。", "身份证[id number]。"),
        (f"{IDENTITY.lower()} and {CARD}", "[id number] and ****1111"),
        ("４１１１１１１１１１１１１１１１", "****１１１１"),
    ],
)
def test_card_and_identity_numbers_are_taken_out(text: str, expected: str) -> None:
    assert redact(text, ALL) == expected


@pytest.mark.parametrize(
    "text",
    [
        "order 4111111111111112",  # the check digit is wrong
        "身份证 110105194912310021",  # so is this one's
        "SN4111111111111111",  # part of a serial number
        "4111111111111111ABC",
        "call +86 21 5555 0142 or 13800138000",
        "10000000000000000009 units",
        "",
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert redact(text, ALL) == text


def test_what_the_rules_do_not_name_stays() -> None:
    assert redact(f"{CARD} {IDENTITY}", (Secret.CARD,)) == f"****1111 {IDENTITY}"
    assert redact(CARD, ()) == CARD


@given(st.text(alphabet="0123456789 -xX，a", max_size=60))
def test_nothing_that_counts_as_a_secret_is_left_and_no_text_grows(text: str) -> None:
    redacted = redact(text, ALL)
    assert len(redacted) <= len(text)
    assert redact(redacted, ALL) == redacted


@given(st.integers(min_value=0, max_value=10**15 - 1), st.integers(0, 9))
def test_one_check_digit_in_ten_makes_a_card(number: int, digit: int) -> None:
    body = f"4{number:015d}"[:15]
    assert sum(is_card(f"{body}{each}") for each in range(10)) == 1
    assert is_card(f"1{body}{digit}") is False


def test_an_identity_number_has_one_check_character() -> None:
    assert [each for each in "0123456789X" if is_identity(IDENTITY[:-1] + each)] == ["X"]
