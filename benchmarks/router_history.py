"""A seeded day of one pool as the router's two logs, for the sample of `what-if` and to try `why` on.

    python -m benchmarks.router_history --roster docs/router-what-if/today.yaml --tickets 700 > day.jsonl

One JSON line a record. Offers come as they do over an office day, are held for as long as such work takes, and now and
then declined; who has what is decided by the router's own topology. The same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
import heapq
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from math import exp
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from benchmarks.sla_history import BY_HOUR, PRIORITIES, PRIORITY_WEIGHTS, SHANGHAI, TENANT
from schemas import envelope
from schemas.contract import Contract, replace
from schemas.directory import PoolDefined, TechnicianDefined
from schemas.ids import ticket_id
from schemas.routing_work import OfferMade, OfferWithdrawn, RoutingPolicyStated
from schemas.ticket_assignments import AssignmentMade, AssignmentReleased
from schemas.topics import ROUTING_WORK, TICKET_ASSIGNMENTS
from schemas.vocabulary import Language, Level, Tier
from services._runtime.directory.file import read_directory_file, rostered_as
from services._runtime.engine.driver import TopologyDriver
from services._runtime.engine.topology import Event
from services.router.handlers import router_topology
from services.router.settings import RoutingSettings

DAY: Final = datetime(2026, 11, 25, tzinfo=UTC) - SHANGHAI
WEIGHTS: Final = {"P0": 3, "P1": 2}
HELD_MINUTES: Final = {"P0": 70.0, "P1": 55.0, "P2": 38.0, "P3": 22.0}
DUE_MINUTES: Final = {"P0": 120, "P1": 240, "P2": 300, "P3": 480}
DECLINED_SHARE: Final = 0.04
SKILLS: Final = ("cloud", "gateway", "terminal", "printer")


class _Day:
    """The pool's log as it is written, and the router that answers it."""

    def __init__(self, roster: Path, seed: int) -> None:
        self.driver: TopologyDriver[Any] = TopologyDriver(router_topology(RoutingSettings()), start=DAY)
        self.lines: list[bytes] = []
        self._chance = Random(seed)  # noqa: S311 - a history, not a secret
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count()
        self._offsets = {ROUTING_WORK.name: count(), TICKET_ASSIGNMENTS.name: count()}
        self._offers: dict[str, OfferMade] = {}
        self._ends_at: dict[str, datetime] = {}
        self._left: dict[str, timedelta] = {}
        self._heard = 0
        entities = read_directory_file(roster).entities
        self._pool = next(each.pool for each in entities if isinstance(each, PoolDefined))
        for each in entities:
            if isinstance(each, TechnicianDefined):
                self._tell(rostered_as(each, active=True))
            elif isinstance(each, PoolDefined) and each.routing is not None:
                self._tell(RoutingPolicyStated.new(pool=each.pool, policy=each.routing))

    def run(self, tickets: int) -> None:
        """So many tickets come over a day and are seen to their end."""
        hours = self._chance.choices(range(24), weights=BY_HOUR, k=tickets)
        for number, hour in enumerate(sorted(hours)):
            at = DAY + timedelta(hours=hour, seconds=self._chance.randrange(3_600))
            self._plan(at, partial(self._come, number))
        while self._agenda:
            due_at = self.driver.partition.next_due_at()
            if due_at is not None and due_at < self._agenda[0][0]:
                self.driver.advance_to(due_at)
            else:
                at, _, act = heapq.heappop(self._agenda)
                self.driver.advance_to(at)
                act()
            self._hear()

    def _come(self, number: int) -> None:
        chance, now = self._chance, self.driver.now
        priority = chance.choices(PRIORITIES, weights=PRIORITY_WEIGHTS)[0]
        self._offer(
            OfferMade.new(
                ticket_id=ticket_id(TENANT, "portal", f"what-if-{number}"),
                generation=1,
                pool=self._pool,
                priority=priority,
                skills=[chance.choice(SKILLS)],
                level=Level.L2 if chance.random() < 0.2 else Level.L1,  # noqa: PLR2004 - one in five
                language=Language.EN if chance.random() < 0.25 else Language.ZH_CN,  # noqa: PLR2004 - one in four
                tier=Tier.VIP if chance.random() < 0.08 else Tier.STANDARD,  # noqa: PLR2004 - one in twelve
                weight=WEIGHTS.get(priority, 1),
                queued_at=now,
                due_at=now + timedelta(minutes=DUE_MINUTES[priority]),
                requester_id=f"c-{chance.randrange(200)}",
            )
        )

    def _offer(self, offer: OfferMade) -> None:
        self._offers[offer.ticket_id] = offer
        self._tell(offer)

    def _assigned(self, made: AssignmentMade) -> None:
        offer = self._offers[made.ticket_id]
        if offer.generation != made.generation:
            return
        if self._chance.random() < DECLINED_SHARE:
            declined = [*offer.declined_by, made.technician_id]
            again = replace(offer, generation=offer.generation + 1, declined_by=declined)
            self._plan(made.decided_at + timedelta(minutes=4), partial(self._offer, again))
            return
        left = self._left.pop(offer.ticket_id, None)
        if left is None:
            left = timedelta(minutes=HELD_MINUTES[offer.priority] * exp(self._chance.gauss(0.0, 0.6)))
        self._ends_at[offer.ticket_id] = made.decided_at + left
        self._plan(made.decided_at + left, partial(self._resolve, offer))

    def _resolve(self, offer: OfferMade) -> None:
        if self._offers[offer.ticket_id].generation == offer.generation:
            withdrawn = OfferWithdrawn.new(
                ticket_id=offer.ticket_id, generation=offer.generation, pool=offer.pool, reason="resolved"
            )
            self._tell(withdrawn)

    def _released(self, released: AssignmentReleased) -> None:
        """Their shift is over: someone else goes on with what is left."""
        offer = self._offers[released.ticket_id]
        if offer.generation == released.generation:
            self._left[offer.ticket_id] = self._ends_at[offer.ticket_id] - self.driver.now
            self._offer(replace(offer, generation=offer.generation + 1))

    def _hear(self) -> None:
        """What the router has said since, onto the other log."""
        written = self.driver.read_bytes(TICKET_ASSIGNMENTS)
        for output in written[self._heard :]:
            self._write(TICKET_ASSIGNMENTS.name, output.key.decode(), output.value or b"")
        self._heard = len(written)
        event: Event
        for event in self.driver.read(TICKET_ASSIGNMENTS):
            if isinstance(event.data, AssignmentMade):
                self._assigned(event.data)
            elif isinstance(event.data, AssignmentReleased):
                self._plan(self.driver.now, partial(self._released, event.data))

    def _tell(self, data: Contract) -> None:
        pool: str = getattr(data, "pool", self._pool)
        value = envelope.encode(
            type_name=data.type_name,
            event_id=f"history/{len(self.lines)}",
            source="/aftercare/history",
            time=self.driver.now,
            subject=pool,
            tenant=TENANT,
            data=data,
        )
        self._write(ROUTING_WORK.name, pool, value)
        self.driver.send_bytes(ROUTING_WORK, pool, value)

    def _write(self, topic: str, key: str, value: bytes) -> None:
        line = {
            "topic": topic,
            "partition": 0,
            "offset": next(self._offsets[topic]),
            "key": key,
            "value": msgspec.Raw(value),
        }
        self.lines.append(msgspec.json.encode(line))

    def _plan(self, at: datetime, act: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._numbers), act))


def history(roster: Path, tickets: int, seed: int) -> Iterator[bytes]:
    """The lines of a day."""
    day = _Day(roster, seed)
    day.run(tickets)
    return iter(day.lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a day."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.router_history", description=__doc__)
    parser.add_argument("--roster", type=Path, required=True, help="a directory file with one pool and its people")
    parser.add_argument("--tickets", type=int, default=700)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    for line in history(options.roster, options.tickets, options.seed):
        sys.stdout.buffer.write(line + b"\n")


if __name__ == "__main__":
    main()
