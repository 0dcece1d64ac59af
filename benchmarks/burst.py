"""A burst: many timers that come due within one stretch of time, and when each of them was seen to have fired.

Seen by an independent read_committed reader; lateness is from the due instant until the event was read. Both are
wall-clock time of one machine.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks.engines.progress import cpu_seconds, thread_seconds
from benchmarks.engines.running import require_alive
from benchmarks.figures import spread
from benchmarks.hop import Reader
from deploy.local.processes import Running
from deploy.local.waiting import until

LEAD_SECONDS: Final = 3.0
SETTLE_SECONDS: Final = 60.0

Fired = tuple[str, float]
"""The name of a timer that fired, and when it was due, in seconds since 1970."""


@dataclass(frozen=True)
class Burst:
    """Timers that were all due within one stretch of time.

    `seconds_to_last` counts from the first due instant until the last was read; `cpu_microseconds` is what the process
    spent meanwhile, for each timer, `thread_microseconds` what its threads did, by name, until all had come to rest;
    `late_seconds` has each timer's.
    """

    due: int
    fired: int
    doubled: int
    early: int
    seconds_to_last: float
    cpu_microseconds: float
    thread_microseconds: Mapping[str, float]
    late_seconds: Sequence[float]

    @property
    def figures(self) -> dict[str, Any]:
        """What the report says of it."""
        numbers = asdict(self)
        late = numbers.pop("late_seconds")
        exact = self.fired == self.due and not self.doubled and not self.early
        return numbers | {"exactly_once": exact, "lateness_ms": spread([seconds * 1_000 for seconds in late])}


class _Tally:
    """What was read so far: how often each timer fired, and how late each was when first read, in seconds."""

    def __init__(self, read: Callable[[bytes], Fired | None]) -> None:
        self._read = read
        self.times: Counter[str] = Counter()
        self.late_seconds: list[float] = []
        self.last_at = 0.0

    def take(self, value: bytes, at: float) -> None:
        found = self._read(value)
        if found is None:
            return
        name, due_at = found
        self.times[name] += 1
        self.last_at = at
        if self.times[name] == 1:
            self.late_seconds.append(at - due_at)


def dues_within(timers: int, within_seconds: float, per_second_to_prepare: float) -> list[float]:
    """Due instants, evenly within so many seconds from a moment on that leaves the time to set so many timers."""
    begin = time.time() + LEAD_SECONDS + timers / per_second_to_prepare
    return [begin + within_seconds * number / timers for number in range(timers)]


def _always() -> bool:
    return True


def burst(
    place: tuple[str, str],
    running: Running,
    dues: Sequence[float],
    prepare: Callable[[], None],
    read: Callable[[bytes], Fired | None],
    *,
    threads: Mapping[str, int] | None = None,
    is_settled: Callable[[], bool] = _always,
) -> Burst:
    """Let timers come due in a process and watch them fire.

    Args:
        place: the bootstrap servers, and the topic that tells of timers that fired.
        running: the process.
        dues: when the timers come due, ascending.
        prepare: sets them.
        read: what an event of the topic tells, None where it tells of none of these timers.
        threads: threads of the process, by name, whose CPU time is wanted.
        is_settled: whether what follows from the timers has come to rest; asked once all have fired.
    """
    tally = _Tally(read)
    with Reader(*place, tally.take, time.time):
        prepare()
        time.sleep(max(0.0, dues[0] - time.time()))
        spent_seconds = cpu_seconds(running.pid)
        before = {name: thread_seconds(running.pid, thread) for name, thread in (threads or {}).items()}
        until(
            lambda: len(tally.times) >= len(dues) or not running.is_alive(),
            max(0.0, dues[-1] + SETTLE_SECONDS - time.time()),
            f"{len(dues)} timers",
        )
        require_alive(running)
        spent_seconds = cpu_seconds(running.pid) - spent_seconds
        until(is_settled, SETTLE_SECONDS, "what follows from the timers")
        after = {name: thread_seconds(running.pid, thread) for name, thread in (threads or {}).items()}
    return Burst(
        due=len(dues),
        fired=len(tally.times),
        doubled=sum(tally.times.values()) - len(tally.times),
        early=sum(late < 0 for late in tally.late_seconds),
        seconds_to_last=round(tally.last_at - dues[0], 2),
        cpu_microseconds=round(spent_seconds / len(dues) * 1e6, 1),
        thread_microseconds={name: round((after[name] - before[name]) / len(dues) * 1e6, 1) for name in before},
        late_seconds=tally.late_seconds,
    )
