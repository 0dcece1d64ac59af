"""Takes out of a customer's text what must not travel on: payment card numbers and national identity numbers.

A number is taken for what it looks like only if its check digit agrees (Luhn for cards, ISO 7064 MOD 11-2 for Chinese
identity numbers, GB 11643-1999), so that order and serial numbers mostly stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Final

# A digit first and the look-behind after it: so the search skips from digit to digit, three times as fast.
_CARD: Final = re.compile(r"\d(?<![\dA-Za-z]\d)(?:[ -]?\d){12,18}(?![\dA-Za-z])")
_IDENTITY: Final = re.compile(r"\d(?<![\dA-Za-z]\d)\d{16}[\dXx](?![\dA-Za-z])")
_LONG_NUMBER: Final = re.compile(r"\d(?:[ -]?\d){12}")
"""What both begin with; most texts have none."""
_SEPARATORS: Final = str.maketrans("", "", " -")

_CARD_FIRST_DIGITS: Final = "23456"
"""Major industry identifiers of payment cards (ISO/IEC 7812-1): 2 to 6; others are airlines, fuel, telecoms."""
_CARD_DIGITS_SHOWN: Final = 4
_LUHN_MODULUS: Final = 10
_DIGIT_MAX: Final = 9
_IDENTITY_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_IDENTITY_CHECKS: Final = "10X98765432"
_IDENTITY_MASK: Final = "[id number]"


class Secret(StrEnum):
    """What can be taken out."""

    CARD = "card"
    IDENTITY = "identity"


def redact(text: str, secrets: Collection[Secret]) -> str:
    """`text` without the secrets; a card keeps its last four digits. Never longer than it was."""
    if _LONG_NUMBER.search(text) is None:
        return text
    for secret in secrets:
        pattern, mask = _MASKS[secret]
        text = pattern.sub(mask, text)
    return text


def is_card(digits: str) -> bool:
    """Whether 13 to 19 digits are a payment card's number."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - _DIGIT_MAX if value > _DIGIT_MAX else value
    return total % _LUHN_MODULUS == 0 and str(int(digits[0])) in _CARD_FIRST_DIGITS


def is_identity(number: str) -> bool:
    """Whether 17 digits and a check character are a Chinese resident's identity number."""
    total = sum(int(digit) * weight for digit, weight in zip(number, _IDENTITY_WEIGHTS, strict=False))
    last = number[-1]
    return (last.upper() if last in "Xx" else str(int(last))) == _IDENTITY_CHECKS[total % len(_IDENTITY_CHECKS)]


def _mask_card(match: re.Match[str]) -> str:
    digits = match.group().translate(_SEPARATORS)
    return "****" + digits[-_CARD_DIGITS_SHOWN:] if is_card(digits) else match.group()


def _mask_identity(match: re.Match[str]) -> str:
    return _IDENTITY_MASK if is_identity(match.group()) else match.group()


_MASKS: Final[dict[Secret, tuple[re.Pattern[str], Callable[[re.Match[str]], str]]]] = {
    Secret.CARD: (_CARD, _mask_card),
    Secret.IDENTITY: (_IDENTITY, _mask_identity),
}
