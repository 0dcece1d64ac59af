"""One partition as a broker keeps it: records and control records by offset, and the transactions open in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.simulation.broker.transactions import Transaction

Headers = list[tuple[str, bytes]]


class Stored(NamedTuple):
    """One entry. A control record has no key and no value; `at` is the world's time, which no client sees."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    transaction: Transaction | None
    at: datetime
    control: bool = False


class PartitionLog:
    """Entries by offset; a compacted one leaves a hole. `on_move` is called when readers may find something new."""

    def __init__(self, topic: str, number: int, on_move: Callable[[str, int], None]) -> None:
        self.topic = topic
        self.number = number
        self._entries: list[Stored | None] = []
        self._open: dict[Transaction, int] = {}
        self._on_move = on_move

    @property
    def end(self) -> int:
        """The offset after the last entry, open transactions counted."""
        return len(self._entries)

    @property
    def stable_end(self) -> int:
        """Up to where a read_committed reader may read: the first entry of the oldest open transaction, or the end."""
        return min(self._open.values()) if self._open else len(self._entries)

    def append(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        transaction: Transaction | None,
        at: datetime,
    ) -> int:
        """Append a record and return its offset."""
        offset = len(self._entries)
        self._entries.append(Stored(offset, key, value, headers, transaction, at))
        if transaction is None:
            self._on_move(self.topic, self.number)
        else:
            self._open.setdefault(transaction, offset)
        return offset

    def mark(self, transaction: Transaction, at: datetime) -> None:
        """Append the control record that ends a transaction here: its records are now visible, or never will be."""
        self._entries.append(Stored(len(self._entries), None, None, [], transaction, at, control=True))
        self._open.pop(transaction, None)
        self._on_move(self.topic, self.number)

    def entries(self, start: int, stop: int) -> Iterator[Stored]:
        """Yield what is there from `start` up to `stop`, whatever became of it."""
        for entry in self._entries[start:stop]:
            if entry is not None:
                yield entry

    def committed(self, start: int = 0) -> Iterator[Stored]:
        """Yield the records that a read_committed reader sees."""
        for entry in self.entries(start, self.stable_end):
            if not entry.control and (entry.transaction is None or entry.transaction.committed):
                yield entry

    def compact(self) -> None:
        """Drop what a later committed record of the same key replaces; the last entry always stays."""
        newest = {entry.key: entry.offset for entry in self.committed()}
        for entry in list(self.entries(0, self.stable_end - 1)):
            aborted = entry.transaction is not None and not entry.transaction.committed
            if entry.control or aborted or newest[entry.key] != entry.offset:
                self._entries[entry.offset] = None
