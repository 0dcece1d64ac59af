"""States of partitions that were taken away, kept a while: most come back, and then only the changelog's tail is read.

They hold nothing that was not committed, so they are never wrong, only old.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Generic, TypeVar

from services._runtime.clock import Clock
from services._runtime.engine.state import PartitionState

S = TypeVar("S")

KEPT_SECONDS: Final = 600.0


class KeptStates(Generic[S]):
    """States by partition, each for `KEPT_SECONDS` after it was put here."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._states: dict[int, tuple[float, PartitionState[S]]] = {}

    def put(self, states: Iterable[PartitionState[S]]) -> None:
        """Keep states that are no longer in use, and let go of those kept long enough."""
        now = self._clock.monotonic_seconds()
        self._states = {each: kept for each, kept in self._states.items() if now - kept[0] < KEPT_SECONDS}
        for state in states:
            self._states[state.partition] = (now, state)

    def take(self, partition: int) -> PartitionState[S] | None:
        """Hand a state out again; it is the caller's from then on."""
        kept = self._states.pop(partition, None)
        return kept[1] if kept is not None else None
