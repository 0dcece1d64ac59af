"""Records that can't be processed, among others that can."""

from __future__ import annotations

from typing import ClassVar

from tests.chaos.bed import Bed
from tests.chaos.fault import Fault
from tests.chaos.words import BOOK_EVERY, HUGE, POISON, POISON_TIMER

KEYS = 4
LATER = 3


class _Poison(Fault):
    """A few keys of their own get the bad record and then good ones, which must wait in the dead letters behind it."""

    hold_seconds: ClassVar[float] = 2.0
    goal_seconds: ClassVar[float | None] = 3.0
    combines: ClassVar[bool] = True
    body: ClassVar[str]

    def inject(self, bed: Bed) -> None:
        for number in range(KEYS):
            key = f"{self.name}-{self.chance.getrandbits(32):x}-{number}"
            for _ in range(BOOK_EVERY - 1):
                bed.load.send(key)
            self.spoil(bed, key)
            bed.hold(0.2)
            for _ in range(self.later):
                bed.load.send(key)

    @property
    def later(self) -> int:
        """How many good messages follow the bad one."""
        return LATER

    def spoil(self, bed: Bed, key: str) -> None:
        """Send the bad record."""
        bed.load.send(key, self.body)


class PoisonRecord(_Poison):
    """The handler raises."""

    name = "poison_record"
    body = POISON


class Undecodable(_Poison):
    """The bytes are no event at all."""

    name = "undecodable_record"

    def spoil(self, bed: Bed, key: str) -> None:
        bed.load.send_bytes(key, b'{"specversion": "1.0", "id": 17')


class OutputTooLarge(_Poison):
    """The decision wants to write two megabytes."""

    name = "output_too_large"
    body = HUGE


class TimerRaises(_Poison):
    """A timer raises when it fires; nothing follows, since when it fires decides what would be parked behind it."""

    name = "timer_raises"
    body = POISON_TIMER

    @property
    def later(self) -> int:
        return 0
