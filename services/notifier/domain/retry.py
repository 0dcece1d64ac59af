"""What follows from an attempt: an ending, or another attempt at a point in time. Values only; handlers act on them.

    sent         → sent
    bounced      → bounced
    refused      → failed at once: asking again gets the same answer
    unreachable  → again, waiting twice as long each time, until `give_up_at`; then failed
    silence      → again at once, under the same Message-ID, a few times; then unknown

Silence is what remains when a process dies between sending and saying so. Where there was silence before, giving up
ends as unknown too: that attempt may have arrived.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

import msgspec

from schemas.notifications import Outcome

SPREAD = 0.25
"""By what fraction a delay is shortened at most, so that what failed together does not come back together."""


class Ending(StrEnum):
    """How a delivery ended."""

    SENT = "sent"
    FAILED = "failed"
    BOUNCED = "bounced"
    UNKNOWN = "unknown"


class Rule(msgspec.Struct, frozen=True):
    """How a medium is retried.

    `silent_attempts_max` bounds attempts that nothing came back from, `attempts_max` all of them.
    """

    first_delay_seconds: float
    delay_max_seconds: float
    silent_attempts_max: int
    attempts_max: int


class Progress(msgspec.Struct, frozen=True):
    """Where a delivery stands: `attempt` is the one just judged, from 1; `silences` counts earlier silent ones."""

    delivery_id: str
    attempt: int
    silences: int
    give_up_at: datetime


class Again(msgspec.Struct, frozen=True):
    """Start the next attempt at `at`."""

    at: datetime
    silences: int


class End(msgspec.Struct, frozen=True):
    """The delivery is over. `reason` is empty where it was sent."""

    ending: Ending
    reason: str = ""


def after_result(outcome: Outcome, detail: str, progress: Progress, now: datetime, rule: Rule) -> Again | End:
    """Return what follows from the result of the attempt under way; `detail` becomes the reason."""
    match outcome:
        case Outcome.SENT:
            return End(Ending.SENT)
        case Outcome.BOUNCED:
            return End(Ending.BOUNCED, detail)
        case Outcome.REFUSED:
            return End(Ending.FAILED, detail)
        case Outcome.UNREACHABLE:
            at = now + delay(progress.delivery_id, progress.attempt, rule)
            if at >= progress.give_up_at or progress.attempt >= rule.attempts_max:
                ending = Ending.UNKNOWN if progress.silences else Ending.FAILED
                return End(ending, f"given up after {progress.attempt} attempts, the last one: {detail}")
            return Again(at, progress.silences)


def after_silence(progress: Progress, now: datetime, rule: Rule) -> Again | End:
    """Return what follows when the attempt under way was started and nothing came back in time."""
    silences = progress.silences + 1
    over = now >= progress.give_up_at or progress.attempt >= rule.attempts_max
    if over or silences >= rule.silent_attempts_max:
        return End(Ending.UNKNOWN, f"nothing came back from {silences} of {progress.attempt} attempts")
    return Again(now, silences)


def delay(delivery_id: str, attempt: int, rule: Rule) -> timedelta:
    """Return the wait after attempt `attempt` (from 1): doubled each time up to the maximum, then spread.

    The spread comes from the delivery's id, so that the same delivery always waits the same.
    """
    doublings = min(attempt - 1, 32)
    seconds = min(rule.first_delay_seconds * 2**doublings, rule.delay_max_seconds)
    share = int.from_bytes(sha256(f"{delivery_id}:{attempt}".encode()).digest()[:4]) / 2**32
    return timedelta(seconds=seconds * (1 - SPREAD * share))
