"""How far an engine is, seen from outside: what its group has committed, and the CPU time of its process."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from benchmarks.topics import SILENT
from benchmarks.work import PARTITIONS

NEARLY_ALL: Final = 0.95
_REQUEST_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Sample:
    """One look: seconds on a monotonic clock, events committed so far, and seconds of CPU spent so far.

    `machine_seconds` is what all processes of the machine together have spent, the broker among them.
    """

    at_seconds: float
    committed: int
    cpu_seconds: float
    machine_seconds: float


@dataclass(frozen=True)
class Stretch:
    """What lies between two looks."""

    events: int
    seconds: float
    cpu_seconds: float
    machine_seconds: float

    @property
    def events_per_second(self) -> float:
        """Events a second of wall time."""
        return self.events / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        """Microseconds of CPU an event."""
        return self.cpu_seconds / self.events * 1e6

    @property
    def machine_cores(self) -> float:
        """How many cores of the machine were busy, the broker's share among them."""
        return self.machine_seconds / self.seconds


class Watch:
    """Asks the broker what a group has committed of a topic; it joins nobody. A look is one request, next to nothing.

    By a consumer that never subscribes: the admin client's call for it ends the process with a segmentation fault when
    the group's coordinator is still coming up (librdkafka's issue 5040, open).
    """

    def __init__(self, bootstrap: str, group: str, topic: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                # Else it waits for a moment in which nobody's transaction is open, which several writers never leave.
                "isolation.level": "read_uncommitted",
            },
            logger=SILENT,
        )
        self._places = [TopicPartition(topic, number) for number in range(PARTITIONS)]

    def committed(self) -> int:
        """Return how many events the group has committed; 0 while it does not exist."""
        try:
            answer = self._consumer.committed(self._places, timeout=_REQUEST_SECONDS)
        except KafkaException:
            return 0
        return sum(max(0, place.offset) for place in answer)

    def close(self) -> None:
        """Release the client."""
        self._consumer.close()


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process so far, user and system, all threads."""
    return _spent_seconds(Path(f"/proc/{pid}/stat"))


def thread_seconds(pid: int, thread: int) -> float:
    """Return the CPU time of one thread of a process so far, user and system."""
    return _spent_seconds(Path(f"/proc/{pid}/task/{thread}/stat"))


def _spent_seconds(stat: Path) -> float:
    # The command's name stands in parentheses and may hold anything: user and system time follow as 12th and 13th.
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine_seconds() -> float:
    """Return the seconds that all cores together have been busy so far: neither idle nor waiting for a disk."""
    fields = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def between(first: Sample, last: Sample) -> Stretch:
    """Return what lies between two looks.

    Raises:
        ValueError: nothing was committed between them.
    """
    if last.committed <= first.committed:
        raise ValueError("nothing was committed in the measured time")
    return Stretch(
        events=last.committed - first.committed,
        seconds=last.at_seconds - first.at_seconds,
        cpu_seconds=last.cpu_seconds - first.cpu_seconds,
        machine_seconds=last.machine_seconds - first.machine_seconds,
    )


def whole(samples: Sequence[Sample]) -> Stretch:
    """Return the run from the first commit seen to the last: neither start-up nor the first batch.

    Raises:
        ValueError: there was one commit only.
    """
    return between(next(sample for sample in samples if sample.committed), samples[-1])


def second_half(samples: Sequence[Sample]) -> Stretch:
    """Return the run from the first look at which half of the events were committed: what is warm by then.

    It ends with the look that sees `NEARLY_ALL`: an engine that commits by the clock lets its last few events wait.
    Where all of it lies within one commit, the whole run is returned.
    """
    events = samples[-1].committed
    first = next(sample for sample in samples if sample.committed >= events / 2)
    last = next(sample for sample in samples if sample.committed >= events * NEARLY_ALL)
    return between(first, last) if last.committed > first.committed else whole(samples)
