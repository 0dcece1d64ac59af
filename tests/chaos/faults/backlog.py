"""All workers were away for ten minutes; timers came due meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from tests.chaos.bed import CLOCK, REMIND_SECONDS, Bed
from tests.chaos.fault import Fault
from tests.chaos.words import ANSWERED, BOOK_EVERY, PLAIN

AWAY_SECONDS = 600.0
TICKETS = 120
ROUNDS = 10


class Backlog(Fault):
    """Ten minutes of messages, by their own time, wait in the topic; half of the bookings were answered in time.

    The bookings come due in the middle of the backlog. Whoever fires them by the clock before having read on would
    remind tickets that were answered in time.
    """

    name = "backlog_of_ten_minutes"
    hold_seconds: ClassVar[float] = 0.0
    combines: ClassVar[bool] = False

    def inject(self, bed: Bed) -> None:
        stopped = sorted(bed.workers)
        bed.load.stop()
        # What is there is brought to its end first: its bookings are still to come due.
        for instance in stopped:
            bed.stop_worker(instance)
        began = CLOCK.now() - timedelta(seconds=AWAY_SECONDS)
        keys = [f"late-{number}" for number in range(TICKETS)]
        for place in range(ROUNDS):
            at = began + timedelta(seconds=place * AWAY_SECONDS / ROUNDS)
            for key in keys:
                for _ in range(BOOK_EVERY):
                    bed.load.send(key, PLAIN, at)
            for key in keys[::2]:
                for _ in range(BOOK_EVERY - 1):
                    bed.load.send(key, ANSWERED, at + timedelta(seconds=REMIND_SECONDS / 2))
                # Completes the five, so that the next round books again by its last message.
                bed.load.send(key, ANSWERED, at + timedelta(seconds=REMIND_SECONDS / 2))
        for instance in stopped:
            bed.start_worker(instance)
