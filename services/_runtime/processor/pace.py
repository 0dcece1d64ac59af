"""How many records a batch may have: many where they are quick, few where they are slow.

A transaction costs its round trips to the brokers whatever is in it, so under load a large batch is cheap; but while a
batch is decided nothing else is, timers and the answer to SIGTERM included. So a batch is sized by time.
"""

from __future__ import annotations

from typing import Final

BATCH_SECONDS: Final = 0.25
"""What a full batch may take, from the first decision to the commit."""
RECORDS_MIN: Final = 100
RECORDS_FIRST: Final = 2_000
RECORDS_MAX: Final = 10_000
GROWTH_MAX: Final = 2.0


class Pace:
    """Learns from each full batch how many records the next may have: `records_max`."""

    def __init__(self) -> None:
        self.records_max = RECORDS_FIRST

    def took(self, records: int, seconds: float) -> None:
        """A batch of `records` took so long. One that was not full shows the round trips more than the records."""
        if records < self.records_max // 2 or seconds <= 0:
            return
        fitting = records * min(BATCH_SECONDS / seconds, GROWTH_MAX)
        self.records_max = int(min(max(fitting, RECORDS_MIN), RECORDS_MAX))
