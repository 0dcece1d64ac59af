"""A pool to route in: ten thousand technicians, a hundred thousand tickets, seeded; and how routers are measured on it.

Each router is told of the same people and the same work, in the same order, in one process. Peers do the main rules
only (skill, level, language, capacity, least load); ours has its whole policy in force, and says why.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeVar

from schemas.vocabulary import Language, Level
from services.router.domain.work import Technician, Work

T = TypeVar("T")

SEED: Final = 7
NOW: Final = datetime(2026, 1, 7, 9, 0, tzinfo=UTC)
SKILLS: Final = tuple(f"skill-{number}" for number in range(20))
LEVELS: Final = (Level.L1,) * 6 + (Level.L2,) * 3 + (Level.L3,)
WANTED_LEVELS: Final = (Level.L1,) * 8 + (Level.L2,) * 2
CAPACITIES: Final = (4, 5, 8)
PRIORITIES: Final = ("P0", "P1", "P2", "P3")
HOUR_SECONDS: Final = 3_600


class Router(Protocol):
    """What is measured: one ticket given to the best, or to the queue; one given back, and what is given on."""

    name: str

    def offer(self, work: Work) -> str | None:
        """Give a ticket to somebody and return who it is, or let it wait."""

    def take(self, works: Sequence[Work]) -> list[str | None]:
        """Offer many at once, as fast as it goes: what comes before, and what waits, is not timed."""

    def free(self, ticket_id: str, technician_id: str) -> tuple[str, str] | None:
        """Take a solved ticket off somebody; return the ticket given on and who got it, if any did."""


def people(count: int, kinds: int | None = None) -> Iterator[Technician]:
    """So many technicians; of `kinds` sets of skills, or (None) each with their own."""
    rng = random.Random(SEED)  # noqa: S311 - the same people each time
    known = [_skills(rng) for _ in range(kinds)] if kinds is not None else []
    for number in range(count):
        yield Technician(
            f"t{number:05d}",
            rng.choice(known) if known else _skills(rng),
            rng.choice([(Language.ZH_CN,), (Language.EN, Language.ZH_CN)]),
            rng.choice(LEVELS),
            rng.choice(CAPACITIES),
            rostered=True,
        )


def tickets(first: int, count: int) -> Iterator[Work]:
    """So many tickets, numbered from `first` on."""
    rng = random.Random(SEED + first)  # noqa: S311 - the same work each time
    for number in range(first, first + count):
        yield Work(
            f"T-{number:07d}",
            1,
            rng.choice(PRIORITIES),
            (rng.choice(SKILLS),),
            rng.choice(WANTED_LEVELS),
            rng.choice([Language.EN, Language.ZH_CN]),
            1,
            NOW - timedelta(seconds=rng.randint(0, HOUR_SECONDS)),
            NOW,
            NOW + timedelta(seconds=rng.randint(0, 4 * HOUR_SECONDS)),
        )


def _skills(rng: random.Random) -> tuple[str, ...]:
    return tuple(sorted(rng.sample(SKILLS, rng.randint(2, 4))))


@dataclass
class Measured:
    """Microseconds of each decision: of tickets that come while there is room, and of freed ones given on.

    `cpu_seconds` is what this process spent on all of them: on a machine that others use, the clock on the wall says
    more of them than of us.
    """

    offered_us: list[float] = field(default_factory=list)
    freed_us: list[float] = field(default_factory=list)
    offer_seconds: float = 0.0
    free_seconds: float = 0.0
    cpu_seconds: float = 0.0
    given_on: int = 0
    waiting: int = 0

    @property
    def offered_per_second(self) -> float:
        """Decisions a second, what they change included."""
        return len(self.offered_us) / self.offer_seconds

    @property
    def freed_per_second(self) -> float:
        """Tickets taken off and given on a second."""
        return len(self.freed_us) / self.free_seconds


def measure(router: Router, load: Sequence[Work], waiting: Sequence[Work], decisions: int) -> Measured:
    """Give `load` while there is room, timing the last `decisions` of it; queue `waiting`; free and give on as many.

    The timed offers come when the pool is filled by more than half, as on a working day.
    """
    measured = Measured()
    held: list[tuple[str, str]] = []
    untimed, timed = load[: len(load) - decisions], load[len(load) - decisions :]
    held += _held(untimed, router.take(untimed))

    def offer(work: Work) -> None:
        winner = router.offer(work)
        if winner is not None:
            held.append((work.ticket_id, winner))

    spent = time.process_time()
    measured.offered_us, measured.offer_seconds = _timed(offer, timed)
    measured.cpu_seconds = time.process_time() - spent
    held += _held(waiting, router.take(waiting))
    measured.waiting = len(load) + len(waiting) - len(held)
    rng = random.Random(SEED)  # noqa: S311 - the same order each time

    def free(_: int) -> None:
        place = rng.randrange(len(held))
        given = router.free(*held[place])
        if given is not None:
            held[place] = given
            measured.given_on += 1
        else:
            held[place] = held[-1]
            held.pop()

    spent = time.process_time()
    measured.freed_us, measured.free_seconds = _timed(free, range(decisions))
    measured.cpu_seconds += time.process_time() - spent
    return measured


def _held(works: Sequence[Work], winners: Sequence[str | None]) -> Iterator[tuple[str, str]]:
    return ((work.ticket_id, winner) for work, winner in zip(works, winners, strict=True) if winner is not None)


def _timed(do: Callable[[T], None], over: Sequence[T]) -> tuple[list[float], float]:
    spent: list[float] = []
    began = time.perf_counter()
    for each in over:
        at = time.perf_counter()
        do(each)
        spent.append((time.perf_counter() - at) * 1e6)
    return spent, time.perf_counter() - began
