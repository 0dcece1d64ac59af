"""How long a ticket's states last: the numbers that the ledger decides by, given by settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class LedgerPolicy(Protocol):
    """Durations in seconds of wall-clock time, and how much work a ticket of each priority is."""

    @property
    def accept_within_seconds(self) -> float:
        """From an assignment to its taking back unless it was accepted; 0 never takes it back."""

    @property
    def close_after_seconds(self) -> float:
        """From a resolution to the closing, unless the customer objects."""

    @property
    def reopen_within_seconds(self) -> float:
        """From the closing to the last moment in which the ticket can be reopened."""

    @property
    def forget_after_seconds(self) -> float:
        """From a ticket's end to its leaving the state; longer than every input topic and `ticket.events` keep it."""

    @property
    def work_weights(self) -> Mapping[str, int]:
        """How many units of a technician's capacity a ticket takes, by priority, 1 to 100; 1 where none is given."""
