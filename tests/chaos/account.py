"""Holds what the topics say against what the input made necessary. Pure: records in, findings out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from tests.chaos.model import Expected
from tests.chaos.records import Read

PARKED_PREFIX = "\x00parked:"
UNCOUNTED = " was never counted"


@dataclass
class Account:
    """What one run came to. Everything but `events` and `recovery_seconds` must be empty."""

    events: int = 0
    lost: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    early_timers: list[str] = field(default_factory=list)
    missed_timers: list[str] = field(default_factory=list)
    state_differs: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    recovery_seconds: float | None = None

    @property
    def broken(self) -> dict[str, list[str]]:
        """The invariants that do not hold, by name, with what shows it."""
        kinds = ("lost", "duplicates", "out_of_order", "early_timers", "missed_timers", "state_differs", "unexplained")
        return {kind: getattr(self, kind) for kind in kinds if getattr(self, kind)}


@dataclass(frozen=True)
class Written:
    """Everything that a read_committed reader found on the topics of one run, each topic in the order of its log.

    `acknowledged` are the ids that brokers have promised the load to keep; `skew_ms` is how far ahead the clock of a
    process was allowed to be, so that "early" is measured by the clock of the one who fired.
    """

    commands: Sequence[Read]
    counts: Sequence[Read]
    reminders: Sequence[Read]
    changelog: Sequence[Read]
    letters: Sequence[Read]
    acknowledged: frozenset[str] = frozenset()
    skew_ms: float = 0.0


def settle(expected: Expected, written: Written) -> Account:
    """Return the account of one run."""
    account = Account(events=len(written.commands))
    _accepted(account, written)
    _counts(account, expected, written.counts)
    _reminders(account, expected, written.reminders, written.skew_ms)
    _letters(account, expected, written.letters)
    _states(account, expected, written.changelog)
    return account


def is_complete(expected: Expected, written: Written) -> bool:
    """Tell cheaply whether as many events are there as there must be, so that settling makes sense."""
    enough = len(written.counts) >= sum(expected.counts.values())
    return enough and len(written.reminders) >= len(expected.due_ms) and len(written.letters) >= len(expected.letters)


def _accepted(account: Account, written: Written) -> None:
    there = set()
    for record in written.commands:
        try:
            there.add(record.event["id"])
        except (ValueError, TypeError):
            continue  # poison; the broker's promise is for what can be named
    account.lost += [f"{each} was acknowledged and is not in the input" for each in written.acknowledged - there]


def _counts(account: Account, expected: Expected, records: Sequence[Read]) -> None:
    ids = Counter(record.event["id"] for record in records)
    account.duplicates += [f"{each} {times} times" for each, times in ids.items() if times > 1]
    sequences: defaultdict[str, list[int]] = defaultdict(list)
    for record in records:
        sequences[record.key].append(int(record.event["data"]["sequence"]))
    for key, wanted in expected.counts.items():
        missing = set(range(1, wanted + 1)) - set(sequences[key])
        account.lost += [f"{key}:{each}{UNCOUNTED}" for each in sorted(missing)]
    for key, found in sequences.items():
        if extra := set(found) - set(range(1, expected.counts.get(key, 0) + 1)):
            account.duplicates.append(f"{key} was counted to {max(extra)} of {expected.counts.get(key, 0)}")
        if found != sorted(found):
            account.out_of_order.append(f"{key}: {_disorder(found)}")


def _disorder(sequence: list[int]) -> str:
    place = next(n for n in range(1, len(sequence)) if sequence[n] < sequence[n - 1])
    return f"{sequence[place]} comes after {sequence[place - 1]}"


def _reminders(account: Account, expected: Expected, records: Sequence[Read], skew_ms: float) -> None:
    fired = Counter(record.event["id"] for record in records)
    account.duplicates += [f"{each} fired {times} times" for each, times in fired.items() if times > 1]
    account.missed_timers += [each for each in expected.due_ms if each not in fired]
    for record in records:
        event_id = record.event["id"]
        due_ms = expected.due_ms.get(event_id)
        if due_ms is None:
            why = "though it was answered in time" if event_id in expected.dropped else "that nobody had booked"
            account.early_timers.append(f"{event_id} fired {why}")
        elif record.written_ms < int(due_ms) - skew_ms:
            account.early_timers.append(f"{event_id} fired {due_ms - record.written_ms:.0f} ms early")


def _letters(account: Account, expected: Expected, records: Sequence[Read]) -> None:
    found = Counter(_letter(record.event["data"]) for record in records)
    account.duplicates += [f"dead letter {each} {times} times" for each, times in found.items() if times > 1]
    account.unexplained += [f"dead letter {each}" for each in found if each not in expected.letters]
    account.lost += [f"no dead letter {each}" for each in sorted(expected.letters) if each not in found]


def _letter(data: Mapping[str, Any]) -> tuple[int, int, str, str]:
    return data["source_offset"], data["source_partition"], data["key"], data["reason"]


def _states(account: Account, expected: Expected, changelog: Sequence[Read]) -> None:
    """Compare the last changelog record of each key with what the input makes of it."""
    states: dict[str, tuple[int, int]] = {}
    for record in changelog:
        if record.key.startswith(PARKED_PREFIX):
            continue
        if record.value is None:
            states.pop(record.key, None)
        else:
            _version, _timers, state = msgspec.msgpack.decode(record.value)
            states[record.key] = (int(state["count"]), int(state["number"]))
    wanted = {key: (count, expected.last[key]) for key, count in expected.counts.items()}
    for key in wanted.keys() | states.keys():
        if states.get(key) != wanted.get(key):
            account.state_differs.append(f"{key} is {states.get(key)}, and {wanted.get(key)} by its input")


class Stamped(Protocol):
    """A record of a topic, as far as its time goes."""

    @property
    def partition(self) -> int: ...

    @property
    def written_ms(self) -> int: ...


def silences(records: Sequence[Stamped], begin_ms: float, end_ms: float) -> dict[int, float]:
    """Return, by partition, the longest time in seconds without an output between two instants."""
    found: dict[int, float] = {}
    last: dict[int, int] = {}
    for record in sorted(records, key=lambda each: each.written_ms):
        before = last.get(record.partition)
        if before is not None and record.written_ms >= begin_ms and before <= end_ms:
            silence = (record.written_ms - max(before, begin_ms)) / 1_000
            found[record.partition] = max(found.get(record.partition, 0.0), silence)
        last[record.partition] = record.written_ms
    return found
