"""Lets the router assign past work in simulated time: its own topology, told what it would have been told.

The simulation plays the ledger's part only as far as the router sees it: it offers a piece when it comes, withdraws it
when it has been held for long enough, and offers anew what the router asks back from people who are gone.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, Final

import msgspec

from schemas import envelope
from schemas.contract import Contract, replace
from schemas.routing_work import MissedAccept, OfferWithdrawn
from schemas.ticket_assignments import AssignmentMade, AssignmentReleased
from schemas.topics import ROUTING_WORK, TICKET_ASSIGNMENTS
from services._runtime.engine.batch import Batch
from services._runtime.engine.engine import Engine
from services._runtime.engine.records import Record
from services.router.adapters.replay.journal import said_in
from services.router.adapters.replay.why import Rules
from services.router.adapters.what_if.history import HELD_SECONDS_OTHERWISE, Timed
from services.router.domain.workload import Chain, Piece, Placed
from services.router.state import Pools

_PARTITION: Final = 0
STEP: Final = timedelta(minutes=15)
"""How often the length of the queue is looked at."""


class Side(msgspec.Struct):
    """What came of it: every piece, how much waited at each `STEP`, and who had how much work for how long.

    `busy_seconds` are weight-seconds by technician, `given` how many assignments they got.
    """

    placed: list[Placed]
    waiting: list[int]
    busy_seconds: Counter[str]
    given: Counter[str]


class _Live(msgspec.Struct):
    """A ticket in the simulation; `worked_seconds` of its piece were done by people who are gone."""

    chain: Chain
    number: int = 0
    generation: int = 0
    placed: Placed | None = None
    declined_by: tuple[str, ...] = ()
    missed: tuple[MissedAccept, ...] = ()
    worked_seconds: float = 0.0

    @property
    def piece(self) -> Piece:
        return self.chain.pieces[self.number]


class Simulation:
    """One side, from `since` to `until`."""

    def __init__(self, rules: Rules, since: datetime, until: datetime, held_seconds: dict[str, float]) -> None:
        self._engine: Engine[Any] = Engine(rules.topology)
        self._state = self._engine.partitions[_PARTITION] = self._engine.new_partition(_PARTITION)
        self._now = since
        self._since = since
        self._until = until
        self._held_seconds = held_seconds
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count()
        self._offsets = count()
        self._live: dict[tuple[str, str], _Live] = {}
        self._pools: set[str] = set()
        self.side = Side([], [], Counter(), Counter())

    def run(self, people: Iterable[Timed], chains: Iterable[Chain]) -> Side:
        """Let it all happen."""
        for news in people:
            self._pools.add(news.data.pool)
            self._plan(max(news.at, self._since), partial(self._tell, news.data, news.tenant))
        for chain in chains:
            self._pools.add(chain.pieces[0].offer.pool)
            self._plan(chain.began_at, partial(self._begin, chain))
        at = self._since
        while at <= self._until:
            self._plan(at, self._look)
            at += STEP
        while self._agenda and self._agenda[0][0] <= self._until:
            due_at = self._state.next_due_at()
            if due_at is not None and due_at < self._agenda[0][0]:
                # What the router asks for at that time comes before what was to come later.
                self._fire_until(due_at)
                continue
            at, _, act = heapq.heappop(self._agenda)
            self._fire_until(at)
            self._now = max(self._now, at)
            act()
        self._fire_until(self._until)
        self._close()
        return self.side

    # ── the ledger's part ──

    def _begin(self, chain: Chain) -> None:
        live = self._live[chain.pieces[0].offer.pool, chain.ticket_id] = _Live(chain)
        self._offer(live)

    def _offer(self, live: _Live, *, anew: bool = False) -> None:
        piece = live.piece
        live.generation += 1
        offer = replace(
            piece.offer,
            generation=live.generation,
            declined_by=[*dict.fromkeys((*piece.offer.declined_by, *live.declined_by))],
            missed=[*{each.technician_id: each for each in (*piece.offer.missed, *live.missed)}.values()],
            wanted_technician_id=None if anew else piece.offer.wanted_technician_id,
        )
        live.placed = Placed(
            ticket_id=offer.ticket_id,
            priority=offer.priority,
            weight=offer.weight,
            by_hand=offer.wanted_technician_id is not None,
            offered_at=self._now,
            due_at=offer.due_at,
            last=live.number == len(live.chain.pieces) - 1,
        )
        self._tell(offer, live.chain.tenant)

    def _assigned(self, made: AssignmentMade) -> None:
        live = self._live.get((made.pool, made.ticket_id))
        if live is None or live.generation != made.generation or live.placed is None:
            return
        live.placed = msgspec.structs.replace(
            live.placed, assigned_at=made.decided_at, technician_id=made.technician_id
        )
        self.side.given[made.technician_id] += 1
        piece = live.piece
        if piece.ended:
            usual = self._held_seconds.get(piece.offer.priority, HELD_SECONDS_OTHERWISE)
            seconds = (usual if piece.held_seconds is None else piece.held_seconds) - live.worked_seconds
            ends_at = made.decided_at + timedelta(seconds=max(0.0, seconds))
            self._plan(ends_at, partial(self._end, live, live.generation))

    def _end(self, live: _Live, generation: int) -> None:
        """The piece has been held for as long as it was then."""
        if live.generation != generation:
            return
        piece = live.piece
        self._settle(live, self._now)
        declined_by, missed = self._stand_in(live, piece)
        pool, tenant = piece.offer.pool, live.chain.tenant
        if live.number + 1 == len(live.chain.pieces):
            ended = OfferWithdrawn.new(
                ticket_id=piece.offer.ticket_id, generation=generation, pool=pool, reason="resolved"
            )
            self._live.pop((pool, piece.offer.ticket_id), None)
            self._tell(ended, tenant)
            return
        live.number += 1
        live.declined_by, live.missed, live.worked_seconds = declined_by, missed, 0.0
        gap_seconds = live.piece.gap_seconds
        if gap_seconds <= 0:
            self._offer(live)
            return
        ended = OfferWithdrawn.new(ticket_id=piece.offer.ticket_id, generation=generation, pool=pool, reason="paused")
        self._tell(ended, tenant)
        self._plan(self._now + timedelta(seconds=gap_seconds), partial(self._offer, live))

    def _stand_in(self, live: _Live, piece: Piece) -> tuple[tuple[str, ...], tuple[MissedAccept, ...]]:
        """Who declined it then, or missed it, stands for whoever has it now."""
        if live.number + 1 == len(live.chain.pieces) or live.placed is None or live.placed.technician_id is None:
            return (), ()
        then, holder_id = live.chain.pieces[live.number + 1].offer, live.placed.technician_id
        if piece.held_by in then.declined_by:
            return (*live.declined_by, holder_id), live.missed
        if piece.held_by in {each.technician_id for each in then.missed}:
            return live.declined_by, (*live.missed, MissedAccept.new(technician_id=holder_id, missed_at=self._now))
        return (), ()

    def _released(self, released: AssignmentReleased) -> None:
        """The router asks work back from someone who is gone: it is offered anew, its age kept, and ends as late."""
        live = self._live.get((released.pool, released.ticket_id))
        if live is not None and live.generation == released.generation:
            if live.placed is not None and live.placed.assigned_at is not None:
                live.worked_seconds += (self._now - live.placed.assigned_at).total_seconds()
                # The ticket goes on: its verdict is that of the piece that follows.
                live.placed = msgspec.structs.replace(live.placed, last=False)
            self._settle(live, None)
            self._offer(live, anew=True)

    def _settle(self, live: _Live, ended_at: datetime | None) -> None:
        placed = live.placed
        if placed is None:
            return
        if placed.assigned_at is not None and placed.technician_id is not None:
            seconds = (min(self._now, self._until) - placed.assigned_at).total_seconds()
            self.side.busy_seconds[placed.technician_id] += round(seconds * placed.weight)
        self.side.placed.append(msgspec.structs.replace(placed, ended_at=ended_at))

    def _close(self) -> None:
        self._now = self._until
        for live in self._live.values():
            self._settle(live, None)

    # ── the router's part ──

    def _tell(self, data: Contract, tenant: str) -> None:
        pool: str = getattr(data, "pool", "")
        offset = next(self._offsets)
        value = envelope.encode(
            type_name=data.type_name,
            event_id=f"what-if-{offset}",
            source="/aftercare/what-if",
            time=self._now,
            subject=pool,
            tenant=tenant,
            data=data,
        )
        batch = self._engine.begin(self._now)
        self._engine.process(batch, [Record(ROUTING_WORK.name, _PARTITION, offset, pool.encode(), value)])
        self._commit(batch)

    def _fire_until(self, instant: datetime) -> None:
        while True:
            due_at = self._state.next_due_at()
            if due_at is None or due_at > instant:
                return
            self._now = max(self._now, due_at)
            batch = self._engine.begin(self._now)
            self._engine.fire(batch, _PARTITION, self._now, limit=1)
            self._commit(batch)

    def _commit(self, batch: Batch[Any]) -> None:
        self._engine.commit(batch)
        for said in said_in(output.value for output in batch.outputs if output.topic == TICKET_ASSIGNMENTS.name):
            if isinstance(said.data, AssignmentMade):
                self._assigned(said.data)
            elif isinstance(said.data, AssignmentReleased):
                # Asked for now, carried out once this decision is over, as by way of the topics.
                self._plan(self._now, partial(self._released, said.data))

    def _look(self) -> None:
        index = self._state.index
        assert isinstance(index, Pools)  # noqa: S101 - the topology's
        self.side.waiting.append(sum(len(index.pool(pool).queue) for pool in self._pools))

    def _plan(self, at: datetime, act: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._numbers), act))
