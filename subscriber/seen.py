"""Which events were seen already, for effects that can't be stored together with the positions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final

from subscriber.events import Event

CAPACITY: Final = 100_000


class Seen:
    """The last `capacity` events by source and id; about 200 bytes each.

    A subscriber that stores effects and positions in one transaction doesn't need it to survive a crash; it needs it
    (or a unique key in its store) only against copies of an event in the topic itself. One that sends mail, say, keeps
    `list(seen)` and begins with it again: what lies between the last stored list and the crash is then done twice.
    """

    def __init__(self, known: Iterable[tuple[str, str]] = (), capacity: int = CAPACITY) -> None:
        if capacity < 1:
            raise ValueError("capacity: at least 1 event")
        self._capacity = capacity
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict.fromkeys(known)
        self._shrink()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def is_new(self, event: Event) -> bool:
        """Whether this is the first time; from now on it was."""
        name = (event.source, event.id)
        if name in self._known:
            self._known.move_to_end(name)
            return False
        self._known[name] = None
        self._shrink()
        return True

    def _shrink(self) -> None:
        while len(self._known) > self._capacity:
            self._known.popitem(last=False)
