"""What may befall a process, and where: at any of the calls that its code makes to clients and clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from tests.simulation.broker.errors import FENCED, TIMED_OUT, TRANSPORT, abortable, fatal, retriable


class Kind(Enum):
    """A fault. The values are what the report calls them."""

    KILL = "killed between two steps"
    PAUSE = "stopped between two steps, and woken"
    ABORT = "transaction to be aborted"
    RETRY = "call to be made again"
    FATAL = "producer lost"
    ANSWER_LOST = "commit done, its answer lost, producer lost"
    ANSWER_LATE = "commit done, its answer lost, asked again"
    UNANSWERED = "request of the admin client or for offsets failed"
    STOP = "asked to stop, and started again"
    SCALE = "one instance more, or less"
    CLOCK = "clock an hour off"
    INTERRUPTED = "redrive killed half way"


ANYWHERE: Final = frozenset[str]()
IN_TRANSACTION: Final = frozenset({"begin", "produce", "send_offsets", "offsets sent", "commit", "committed"})
CALLS: Final = frozenset({"begin", "send_offsets", "commit"})
REQUESTS: Final = frozenset({"list topics", "list offsets", "members", "stable offsets"})
BEFORE_DEATH_MAX: Final = 12
POINTS: Final[dict[Kind, tuple[frozenset[str], int]]] = {
    Kind.KILL: (ANYWHERE, BEFORE_DEATH_MAX),
    Kind.PAUSE: (ANYWHERE, BEFORE_DEATH_MAX),
    Kind.ABORT: (frozenset({"send_offsets", "commit"}), 3),
    Kind.RETRY: (CALLS, 3),
    Kind.FATAL: (CALLS | {"init"}, 3),
    Kind.ANSWER_LOST: (frozenset({"committed"}), 1),
    Kind.ANSWER_LATE: (frozenset({"committed"}), 1),
    Kind.UNANSWERED: (REQUESTS, 3),
}
"""For each fault that meets a call: which calls, and how many of them are let pass at most."""


class Killed(BaseException):
    """The process is gone: no handler of its code runs, so this is no `Exception`."""


@dataclass(slots=True)
class Plan:
    """A fault to come: at which of the points in question, counted down."""

    kind: Kind
    points: frozenset[str]
    left: int

    def reached(self, point: str) -> bool:
        """Count a point; tell whether it is the one."""
        if self.points and point not in self.points:
            return False
        self.left -= 1
        return self.left <= 0


def draw(random: Random) -> Plan:
    """Choose a fault and its place by chance. Deaths and pauses fall within transactions half the time."""
    kind = random.choice(tuple(POINTS))
    points, most = POINTS[kind]
    if not points and random.random() < 0.5:
        points = IN_TRANSACTION
    return Plan(kind, points, random.randint(1, most))


def error_of(kind: Kind) -> KafkaException:
    """What the client raises for a fault that is neither a death nor a pause."""
    match kind:
        case Kind.ABORT:
            return abortable(KafkaError.UNKNOWN_PRODUCER_ID)
        case Kind.RETRY:
            return retriable(KafkaError.COORDINATOR_LOAD_IN_PROGRESS)
        case Kind.ANSWER_LATE | Kind.UNANSWERED:
            return retriable(TIMED_OUT)
        case Kind.ANSWER_LOST:
            return fatal(TRANSPORT, "the outcome is unknown")
        case _:
            return fatal(FENCED)
