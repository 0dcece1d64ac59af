"""The account itself: each broken promise must be found in it, and a kept one must not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.chaos.account import Account, Written, settle, silences
from tests.chaos.model import expected_of
from tests.chaos.records import Read
from tests.chaos.words import ANSWERED, BOOK_EVERY, PLAIN, POISON

AT = datetime(2026, 1, 7, 8, 0, tzinfo=UTC)
REMIND_SECONDS = 4.0
DUE_MS = int((AT + timedelta(seconds=REMIND_SECONDS)).timestamp() * 1_000)


def read(offset: int, key: str, event: Any, written_ms: int = DUE_MS) -> Read:
    return Read(0, offset, key, json.dumps(event).encode(), written_ms)


def command(offset: int, number: int, body: str = PLAIN, key: str = "T") -> Read:
    data = {"message_id": str(number), "body": body}
    return read(offset, key, {"id": f"{key}/{number}", "time": AT.isoformat(), "data": data})


def count(sequence: int) -> Read:
    return read(sequence, "T", {"id": f"T:{sequence}", "data": {"sequence": sequence}})


def state(number: int) -> Read:
    value = msgspec.msgpack.encode([1, [], {"count": number, "number": number}])
    return Read(0, 0, "T", value, DUE_MS)


def whole() -> Written:
    """Five messages and all that must come of them."""
    return Written(
        commands=[command(number, number) for number in range(1, BOOK_EVERY + 1)],
        counts=[count(number) for number in range(1, BOOK_EVERY + 1)],
        reminders=[read(0, "T", {"id": f"T:remind-{BOOK_EVERY}"})],
        changelog=[state(BOOK_EVERY)],
        letters=[],
        acknowledged=frozenset({"T/1"}),
    )


def account_of(written: Written) -> Account:
    return settle(expected_of(written.commands, REMIND_SECONDS), written)


def test_of_what_is_whole_nothing_is_found() -> None:
    account = account_of(whole())
    assert account.broken == {}
    assert account.events == BOOK_EVERY


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"counts": whole().counts[:-1]}, "lost"),
        ({"acknowledged": frozenset({"T/99"})}, "lost"),
        ({"counts": [*whole().counts, whole().counts[0]]}, "duplicates"),
        ({"counts": [*whole().counts, count(BOOK_EVERY + 1)]}, "duplicates"),
        ({"counts": [whole().counts[1], whole().counts[0], *whole().counts[2:]]}, "out_of_order"),
        ({"reminders": []}, "missed_timers"),
        ({"reminders": [*whole().reminders, *whole().reminders]}, "duplicates"),
        ({"reminders": [whole().reminders[0]._replace(written_ms=DUE_MS - 1)]}, "early_timers"),
        ({"reminders": [*whole().reminders, read(1, "T", {"id": "T:remind-7"})]}, "early_timers"),
        ({"changelog": [state(BOOK_EVERY - 1)]}, "state_differs"),
        ({"changelog": []}, "state_differs"),
    ],
)
def test_each_broken_promise_is_found(change: dict[str, Any], kind: str) -> None:
    assert kind in account_of(replace(whole(), **change)).broken


def test_a_reminder_that_was_answered_in_time_must_not_fire() -> None:
    written = whole()
    answered = replace(
        written, commands=[*written.commands, command(6, 6, ANSWERED)], counts=[*written.counts, count(6)]
    )
    answered = replace(answered, changelog=[state(6)])
    assert list(account_of(answered).broken) == ["early_timers"]
    assert account_of(replace(answered, reminders=[])).broken == {}


def test_a_message_that_comes_again_is_not_counted_again() -> None:
    written = whole()
    assert account_of(replace(written, commands=[*written.commands, command(6, 1)])).broken == {}


def letter(offset: int, key: str, reason: str) -> Read:
    data = {"source_offset": offset, "source_partition": 0, "key": key, "reason": reason}
    return read(0, key, {"id": "x", "data": data})


def test_dead_letters_are_explained_by_the_input_or_found() -> None:
    written = whole()
    poisoned = replace(written, commands=[*written.commands, command(6, 1, POISON, "P"), command(7, 2, PLAIN, "P")])
    explained = [letter(6, "P", "undecidable"), letter(7, "P", "parked")]
    assert account_of(replace(poisoned, letters=explained)).broken == {}
    assert list(account_of(replace(poisoned, letters=explained[:1])).broken) == ["lost"]
    assert list(account_of(replace(written, letters=explained[:1])).broken) == ["unexplained"]


def test_the_longest_silence_of_a_partition_is_measured_from_when_the_fault_came() -> None:
    outputs = [count(1)._replace(written_ms=each) for each in (0, 1_000, 9_000, 9_500)]
    assert silences(outputs, 2_000, 9_500) == {0: 7.0}
