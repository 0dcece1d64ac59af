"""What work there was and who was there, out of the router's two logs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from statistics import median
from typing import Any, Final, NamedTuple

import msgspec

from schemas import envelope
from schemas.contract import Contract, replace
from schemas.routing_work import (
    OfferMade,
    OfferWithdrawn,
    PresenceChanged,
    RoutingPolicyStated,
    TechnicianRostered,
)
from schemas.ticket_assignments import AssignmentMade, AssignmentReleased
from services._runtime.engine.records import Record
from services.router.adapters.replay.journal import Said
from services.router.domain.workload import Chain, Piece, Placed

HELD_SECONDS_OTHERWISE: Final = 3_600.0
"""For work of a priority of which nothing was ever held to its end."""


class Timed(NamedTuple):
    """An event of `routing.work`, and when it occurred."""

    at: datetime
    tenant: str
    data: Any


class History(msgspec.Struct):
    """Of some pools, from `since` to `until`.

    `people` are roster, presence and rules, what held at `since` first; `chains` the work by its beginning.
    `recorded` is what really became of it, `held_seconds` how long work of a priority was usually held.
    """

    since: datetime
    until: datetime
    people: list[Timed]
    chains: list[Chain]
    recorded: list[Placed]
    held_seconds: dict[str, float]
    unreadable: int = 0


class _Offer(msgspec.Struct):
    """An offer, with what became of it."""

    data: OfferMade
    at: datetime
    tenant: str
    assigned_at: datetime | None = None
    held_by: str | None = None
    ended_at: datetime | None = None
    released: bool = False


def history_of(
    records: Iterable[Record], said: Iterable[Said], pools: frozenset[str] | None, since: datetime, until: datetime
) -> History:
    """Read both logs. Work that began before `since` and had not ended begins at `since`, with whom it was."""
    reading = _Reading(pools, since, until)
    for record in records:
        reading.take(record)
    reading.hear(said)
    return reading.history()


class _Reading:
    def __init__(self, pools: frozenset[str] | None, since: datetime, until: datetime) -> None:
        self._pools = pools
        self._since = since
        self._until = until
        self._before: dict[tuple[str, ...], Timed] = {}
        self._people: list[Timed] = []
        self._offers: dict[tuple[str, str], dict[int, _Offer]] = defaultdict(dict)
        self._unreadable = 0

    def take(self, record: Record) -> None:
        """One record of `routing.work`."""
        try:
            head = envelope.decode_head(record.value or b"")
            data = envelope.decode_data(head.type, head.data, envelope.scope_of(head))
        except (envelope.InvalidEvent, envelope.UnknownType):
            self._unreadable += 1
            return
        if head.time > self._until or (self._pools is not None and data.pool not in self._pools):
            return
        match data:
            case OfferMade():
                self._offered(_Offer(data, head.time, head.tenant))
            case OfferWithdrawn():
                self._ended(data.pool, data.ticket_id, data.generation, head.time)
            case _:
                self._person(Timed(head.time, head.tenant, data))

    def hear(self, said: Iterable[Said]) -> None:
        """Who got what, and what was asked back from people who were gone."""
        for each in said:
            offer = self._offers.get((each.data.pool, each.data.ticket_id), {}).get(each.data.generation)
            if offer is None or each.data.decided_at > self._until:
                continue
            if isinstance(each.data, AssignmentMade):
                offer.assigned_at, offer.held_by = each.data.decided_at, each.data.technician_id
            elif isinstance(each.data, AssignmentReleased):
                offer.released = True

    def history(self) -> History:
        """All of it together."""
        usual = self._usual()
        chains = [chain for offers in self._offers.values() if (chain := self._chain(offers, usual)) is not None]
        chains.sort(key=lambda chain: (chain.began_at, chain.ticket_id))
        before = [Timed(self._since, each.tenant, each.data) for each in self._before.values()]
        recorded = [each for offers in self._offers.values() for each in self._recorded(offers)]
        return History(self._since, self._until, before + self._people, chains, recorded, usual, self._unreadable)

    def _recorded(self, offers: dict[int, _Offer]) -> Iterator[Placed]:
        for generation, offer in offers.items():
            if offer.at >= self._since:
                yield Placed(
                    ticket_id=offer.data.ticket_id,
                    priority=offer.data.priority,
                    weight=offer.data.weight,
                    by_hand=offer.data.wanted_technician_id is not None,
                    offered_at=offer.at,
                    due_at=offer.data.due_at,
                    last=generation == max(offers),
                    assigned_at=offer.assigned_at,
                    technician_id=offer.held_by,
                    ended_at=offer.ended_at,
                )

    def _offered(self, offer: _Offer) -> None:
        offers = self._offers[offer.data.pool, offer.data.ticket_id]
        for earlier in offers.values():
            if earlier.ended_at is None:
                earlier.ended_at = offer.at
        offers.setdefault(offer.data.generation, offer)

    def _ended(self, pool: str, ticket_id: str, generation: int, at: datetime) -> None:
        offer = self._offers.get((pool, ticket_id), {}).get(generation)
        if offer is not None and offer.ended_at is None:
            offer.ended_at = at

    def _person(self, news: Timed) -> None:
        if news.at < self._since:
            self._before[_about(news.data)] = news
        else:
            self._people.append(news)

    def _usual(self) -> dict[str, float]:
        held: defaultdict[str, list[float]] = defaultdict(list)
        for offers in self._offers.values():
            for offer in offers.values():
                if offer.assigned_at is not None and offer.ended_at is not None:
                    held[offer.data.priority].append((offer.ended_at - offer.assigned_at).total_seconds())
        return {priority: median(seconds) for priority, seconds in held.items()}

    def _chain(self, offers: dict[int, _Offer], usual: dict[str, float]) -> Chain | None:
        """The ticket from `since` on: offers that had ended by then are no work any more."""
        mine = [offer for _, offer in sorted(offers.items()) if offer.ended_at is None or offer.ended_at >= self._since]
        if not mine:
            return None
        first = mine[0]
        pieces = list(self._pieces(mine, usual))
        return Chain(first.data.ticket_id, first.tenant, max(first.at, self._since), tuple(pieces))

    def _pieces(self, offers: list[_Offer], usual: dict[str, float]) -> Iterator[Piece]:
        """One a spell of work: what was asked back from someone who was gone went on elsewhere, as the same spell.

        The simulation asks back by itself, from whoever is gone there.
        """
        ended_at, first, worked_seconds = None, None, 0.0
        for offer in offers:
            first = first or offer
            held_seconds = self._held_seconds(offer)
            if offer.released and offer is not offers[-1]:
                worked_seconds += held_seconds or 0.0
                continue
            gap_seconds = 0.0 if ended_at is None else max(0.0, (first.at - ended_at).total_seconds())
            if offer.ended_at is not None:
                spent = usual.get(offer.data.priority, HELD_SECONDS_OTHERWISE) if held_seconds is None else held_seconds
                held_seconds = worked_seconds + spent
            data = first.data
            if first.assigned_at is not None and first.assigned_at < self._since:
                # They have it already, whatever the rules say today.
                data = replace(data, wanted_technician_id=first.held_by)
            yield Piece(data, gap_seconds, held_seconds, offer.ended_at is not None, offer.held_by)
            ended_at, first, worked_seconds = offer.ended_at, None, 0.0

    def _held_seconds(self, offer: _Offer) -> float | None:
        """How long someone had it within the time that is looked at; None where nobody had, or still has."""
        if offer.assigned_at is None or offer.ended_at is None:
            return None
        return max(0.0, (offer.ended_at - max(offer.assigned_at, self._since)).total_seconds())


def _about(data: Contract) -> tuple[str, ...]:
    """What the last event before a time stands for."""
    match data:
        case TechnicianRostered() | PresenceChanged():
            return (data.type_name, data.pool, data.technician_id)
        case RoutingPolicyStated():
            return (data.type_name, data.pool)
        case _:
            return (data.type_name,)
