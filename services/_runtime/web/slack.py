"""How much time is left, as boards spell it. `page.js` counts on in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SECOND_US: Final = 1_000_000
SOON_US: Final = 900 * SECOND_US
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def slack_text(mode: str, left_us: int, words: Mapping[str, str]) -> str:
    """Time left, over or gone by, in its largest unit and the next."""
    time = spelled(left_us, words)
    if mode == "since":
        return words["since"].format(time=time)
    return words["over" if left_us < 0 else "left"].format(time=time)


def spelled(span_us: int, words: Mapping[str, str]) -> str:
    """A span in its largest unit and the next; its sign does not count."""
    seconds = abs(span_us) // SECOND_US
    largest = next((place for place, (_, size) in enumerate(_UNITS) if seconds >= size), len(_UNITS) - 1)
    parts: list[str] = []
    for unit, size in _UNITS[largest : largest + 2]:
        count, seconds = divmod(seconds, size)
        if count or not parts:
            parts.append(f"{count} {words[f'unit.{unit}']}")
    return " ".join(parts)


def urgency(mode: str, left_us: int) -> str:
    """`over`, `soon`, `ok`, or `still` for what counts towards nothing."""
    if mode != "slack":
        return "still"
    if left_us < 0:
        return "over"
    return "soon" if left_us < SOON_US else "ok"
